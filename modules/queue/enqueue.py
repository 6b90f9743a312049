"""`queue.enqueue`: adds items to an app queue."""

from __future__ import annotations

import json

from modules.sdk.context import Context, QueueItem
from modules.sdk.declaration import Effect, Example, Module, Result
from modules.sdk.json import Json, JsonObject
from modules.sdk.schema import object_of, seconds
from modules.sdk.verdicts import Rejected

MOST = 10_000
_LONGEST_KEY = 500
_LONGEST_DELAY = 366 * 86_400.0


async def run(inputs: JsonObject, context: Context) -> Result:
    given = inputs["items"]
    assert isinstance(given, list)
    items: list[QueueItem] = []
    asked = {name: inputs[name] for name in ("ordering_key", "dedupe_key", "delay") if inputs.get(name) is not None}
    for index, data in enumerate(given):
        said = await context.evaluate(asked, {"item": data, "index": index}) if asked else {}
        assert isinstance(said, dict)
        items.append(
            QueueItem(
                data,
                _key(said.get("ordering_key"), "ordering_key", index),
                _key(said.get("dedupe_key"), "dedupe_key", index),
                _delay(said.get("delay"), index),
            )
        )
    staged = await context.queues.stage(str(inputs["queue"]), items, operation=context.idempotency_key)
    return Result(None, staged=staged)


def _key(value: Json, name: str, index: int) -> str | None:
    """Numbers and booleans count by their JSON; null and the empty text are no key."""
    if value is None or value == "":
        return None
    if isinstance(value, bool | int | float):
        value = json.dumps(value)
    if not isinstance(value, str):
        raise _wrong(name, index, f"it is {_kind(value)}, and must be text")
    if len(value) > _LONGEST_KEY:
        raise _wrong(name, index, f"it has {len(value):,} characters, at most {_LONGEST_KEY} are allowed")
    if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise _wrong(name, index, "it holds characters that can't be kept")
    return value


def _delay(value: Json, index: int) -> float:
    if value is None:
        return 0.0
    try:
        delay = seconds(value)
    except (TypeError, ValueError, KeyError, IndexError):
        delay = -1.0
    if not 0 <= delay <= _LONGEST_DELAY:
        raise _wrong("delay", index, "it must be a duration such as `30s` or a number of seconds, at most 366 days")
    return delay


def _wrong(name: str, index: int, why: str) -> Rejected:
    return Rejected("input.invalid", f"The {name} of item {index} can't be used: {why}.", details={"index": index})


def _kind(value: Json) -> str:
    return "a list" if isinstance(value, list) else "an object"


_OF_ITEM: JsonObject = {"x-eval": "later", "x-scope": ["item", "index"]}

MODULE = Module(
    name="queue.enqueue",
    version=1,
    title="Add to a queue",
    manual=(
        "Adds each element of `items`, any JSON up to 1 MB, as one item to an app queue of the workspace, in their order and "
        "all or nothing. `ordering_key`, `dedupe_key` and `delay` are worked out for each element, as `item`: in a queue "
        "with `ordering: key` the items of one key are handed out one after the other; an item whose dedupe key came "
        "before within the queue's window is dropped; a delayed item waits for its time, in queues without keys only. The "
        "items are added in the moment in which the step succeeds, exactly once however often it is retried. The output is "
        "`{enqueued, duplicates}`."
    ),
    kind="action",
    input_schema=object_of(
        {
            "queue": {"type": "string", "minLength": 1, "maxLength": 64, "description": "its name or id"},
            "items": {"type": "array", "maxItems": MOST, "description": "one item for each element"},
            "ordering_key": {**_OF_ITEM, "description": "text by which order is kept"},
            "dedupe_key": {**_OF_ITEM, "description": "text; the same again within the window is dropped"},
            "delay": {**_OF_ITEM, "description": "a duration, or a number of seconds"},
        },
        ["queue", "items"],
    ),
    output_schema=object_of(
        {"enqueued": {"type": "integer", "minimum": 0}, "duplicates": {"type": "integer", "minimum": 0}},
        ["enqueued", "duplicates"],
    ),
    example=Example(
        inputs={"queue": "letters", "items": [{"to": "a@example.com"}, {"to": "b@example.com"}]},
        output={"enqueued": 2, "duplicates": 0},
        runnable=False,
    ),
    effect=Effect.WRITE,
    keeps=True,
    idempotent=True,
    run=run,
)
