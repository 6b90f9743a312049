"""`event.emit`: tells an event to whoever in the workspace listens or waits for it."""

from __future__ import annotations

from modules.sdk.context import Context
from modules.sdk.declaration import Effect, Example, Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of
from modules.sdk.verdicts import Rejected


async def run(inputs: JsonObject, context: Context) -> Result:
    key = inputs.get("key")
    if isinstance(key, int):
        key = str(key)
    assert key is None or isinstance(key, str)
    name = str(inputs["name"])
    for field, value in (("name", name), ("key", key)):
        if value is not None and not value.isprintable():
            raise Rejected("input.invalid", f"The {field} holds characters that can't be kept.")
    return Result(None, staged=await context.events.stage(name, key or None, inputs.get("data")))


MODULE = Module(
    name="event.emit",
    version=1,
    title="Tell an event",
    manual=(
        "Tells an event to the workspace: each `event.trigger` of that `name` whose filter lets it through starts a run, and each "
        "`core.wait_for_event` that waits under that `key` goes on with `data`. Where nobody waits under the key, the event is kept for "
        "a day and ends the first wait that comes. It is told in the moment in which the step succeeds, exactly once however often it "
        "is retried. The output is `{delivered}`: how many triggers and waits it reached. `data` holds up to 1 MB."
    ),
    kind="action",
    input_schema=object_of(
        {
            "name": {"type": "string", "minLength": 1, "maxLength": 200, "description": "such as `order.paid`"},
            "key": {
                "type": ["string", "integer", "null"],
                "maxLength": 500,
                "description": "what waits ask for, such as an order's number",
            },
            "data": {"description": "any JSON; what `trigger.body` is, or the output of a wait"},
        },
        ["name"],
    ),
    output_schema=object_of({"delivered": {"type": "integer", "minimum": 0}}, ["delivered"]),
    example=Example(
        inputs={"name": "order.paid", "key": "7", "data": {"order": 7, "amount": 120}},
        output={"delivered": 1},
        runnable=False,
    ),
    effect=Effect.WRITE,
    keeps=True,
    idempotent=True,
    run=run,
)
