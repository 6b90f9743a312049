"""`queue`: app queues, their items, flushes and dead letters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from server.cli.client import connect
from server.cli.documents import read_json
from server.cli.output import CliError, JsonOption, Out, cell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.expressions.values import Json
    from server.cli.client import JsonObject

Name = Annotated[str, typer.Argument(help="The queue's name or id.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]
_SETTINGS = (
    "status",
    "ordering",
    "max_parallel_batches",
    "flush_batch_size",
    "flush_record_max_age",
    "flush_rate_limit_max_flush_count",
    "flush_rate_limit_time_window",
    "flush_strategy",
    "on_failure",
    "max_attempts",
    "dedupe_window",
)
_AT_ONCE = 10_000
_BYTES_AT_ONCE = 16 * 2**20
"""Of one call: its body may have 20 MB."""
_AROUND = 1_200
"""Keys and names beside an item's data."""
_SHOWN = 80

BatchSize = Annotated[int | None, typer.Option("--batch-size", help="Items of a full batch.")]
MaxAge = Annotated[str | None, typer.Option("--max-age", help="How long an item waits for a full batch, as 5m.")]
Rate = Annotated[str | None, typer.Option("--rate", help="Batches at most, as 10/1s.")]
Strategy = Annotated[str | None, typer.Option("--strategy", help="fifo or lifo.")]
Ordering = Annotated[str | None, typer.Option("--ordering", help="queue or key.")]
Parallel = Annotated[int | None, typer.Option("--parallel", help="Batches at once, with --ordering key.")]
OnFailure = Annotated[str | None, typer.Option("--on-failure", help="block, dead_letter or bisect.")]
Attempts = Annotated[int | None, typer.Option("--max-attempts", help="Runs of one batch.")]
Window = Annotated[str | None, typer.Option("--dedupe-window", help="How long a dedupe key is remembered, as 24h.")]


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="App queues: make, fill, look into, flush, pause, replay.")
    app.add_typer(nouns, name="queue")
    _settings(nouns)
    _items(nouns)
    _flow(nouns)
    _dead(nouns)


def _settings(nouns: typer.Typer) -> None:
    @nouns.command(name="list")
    def list_(as_json: JsonOption = False) -> None:
        """All queues, the newest first."""
        found, out = connect().items("/queues", most=10_000), Out(as_json)
        if as_json:
            out.json(found)
        columns = ("name", "status", "depth", "consumer", "ordering", "reason")
        out.table(
            columns, [[q["name"], q["status"], q["depth"], _consumer(q), q["ordering"], q["reason"]] for q in found]
        )

    @nouns.command()
    def show(name: Name, as_json: JsonOption = False) -> None:
        """One queue: its settings, who takes its items, and why they don't move if they don't."""
        _show(connect().get(_path(name)), as_json)

    @nouns.command()
    def create(
        name: Annotated[str, typer.Argument(help="Lower-case letters, digits, - and _.")],
        batch_size: BatchSize = None,
        max_age: MaxAge = None,
        rate: Rate = None,
        strategy: Strategy = None,
        ordering: Ordering = None,
        parallel: Parallel = None,
        on_failure: OnFailure = None,
        max_attempts: Attempts = None,
        dedupe_window: Window = None,
        as_json: JsonOption = False,
    ) -> None:
        """Make a queue."""
        given = _given(batch_size, max_age, rate, strategy, ordering, parallel, on_failure, max_attempts, dedupe_window)
        found = connect().post("/queues", {"name": name, **given})
        Out(as_json).result(found, f"{name} is there. {found['reason'] or ''}".strip())

    @nouns.command()
    def update(
        name: Name,
        batch_size: BatchSize = None,
        max_age: MaxAge = None,
        rate: Rate = None,
        strategy: Strategy = None,
        ordering: Ordering = None,
        parallel: Parallel = None,
        on_failure: OnFailure = None,
        max_attempts: Attempts = None,
        dedupe_window: Window = None,
        as_json: JsonOption = False,
    ) -> None:
        """Change settings; they hold for what waits already."""
        given = _given(batch_size, max_age, rate, strategy, ordering, parallel, on_failure, max_attempts, dedupe_window)
        if not given:
            raise CliError("no setting is given", "see: millstream queue update --help")
        _show(connect().request("PATCH", _path(name), body=given), as_json)

    @nouns.command()
    def delete(
        name: Name, force: Annotated[bool, typer.Option("--force", help="With all that it holds.")] = False
    ) -> None:
        """Delete a queue. One that holds items or dead letters asks for --force."""
        connect().request("DELETE", _path(name), query={"force": "true" if force else None})
        Out().text(f"{name} is gone.")


def _items(nouns: typer.Typer) -> None:
    @nouns.command()
    def put(
        name: Name,
        data: Annotated[str, typer.Argument(help="One item's JSON; or @file: JSON, or .jsonl with one item a line.")],
        key: Annotated[str | None, typer.Option("--key", help="Ordering key.")] = None,
        dedupe: Annotated[str | None, typer.Option("--dedupe", help="The same key again is dropped.")] = None,
        delay: Annotated[str | None, typer.Option("--delay", help="As 5s, 10m, 1h.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Add items. A file of JSON lines gives one item a line, in its order."""
        lines = data.startswith("@") and Path(data[1:]).suffix in (".jsonl", ".ndjson")
        values = _lines(Path(data[1:])) if lines else [read_json(data)]
        if dedupe is not None and len(values) > 1:
            raise CliError("--dedupe is for one item: with many, all but the first would be dropped")
        more: JsonObject = {"ordering_key": key, "dedupe_key": dedupe, "delay": delay}
        given = {name: value for name, value in more.items() if value is not None}
        api = connect()
        accepted = duplicates = 0
        ids: list[Json] = []
        for some in _calls(values):
            items: list[Json] = [{"data": value, **given} for value in some]
            answer = api.post(f"{_path(name)}/items", {"items": items})
            accepted += _count(answer, "accepted")
            duplicates += _count(answer, "duplicates")
            added = answer.get("item_ids")
            ids += added if isinstance(added, list) else []
        found: JsonObject = {"accepted": accepted, "duplicates": duplicates, "item_ids": ids}
        Out(as_json).result(found, f"{accepted} added, {duplicates} duplicates dropped.")

    @nouns.command()
    def items(name: Name, limit: Limit = 50, as_json: JsonOption = False) -> None:
        """What waits, is delayed, or is in a batch; the newest first."""
        found, out = connect().items(f"{_path(name)}/items", most=limit), Out(as_json)
        if as_json:
            out.json(found)
        columns = ("item", "state", "key", "attempts", "enqueued at", "data")
        out.table(
            columns,
            [
                [i["item_id"], i["state"], i["ordering_key"], i["attempts"], i["enqueued_at"], _short(i["data"])]
                for i in found
            ],
        )

    @nouns.command()
    def clear(name: Name, as_json: JsonOption = False) -> None:
        """Take away all items that no run has at the moment; dead letters stay."""
        found = connect().post(f"{_path(name)}/clear")
        Out(as_json).result(found, f"{found['cleared']} items are gone.")


def _flow(nouns: typer.Typer) -> None:
    @nouns.command()
    def stats(name: Name, as_json: JsonOption = False) -> None:
        """How many items wait, are in flight, delayed or dead; how old the oldest is."""
        found = connect().get(f"{_path(name)}/stats")
        if as_json:
            Out(True).json(found)
        Out(as_json).fields(found)

    @nouns.command()
    def log(name: Name, limit: Limit = 50, as_json: JsonOption = False) -> None:
        """The runs that batches were given to, the newest first, and what became of the items."""
        found, out = connect().items(f"{_path(name)}/log", most=limit), Out(as_json)
        if as_json:
            out.json(found)
        columns = ("run", "items", "why", "attempt", "key", "status", "fate", "ms", "error")
        out.table(
            columns,
            [
                [
                    *(f["run_id"], f["items"], f["reason"], f["attempt"], f["ordering_key"], f["status"], f["fate"]),
                    *(f["duration_ms"], _code(f["error"])),
                ]
                for f in found
            ],
        )

    @nouns.command()
    def flush(name: Name, as_json: JsonOption = False) -> None:
        """Hand out all that waits now, without waiting for a full batch."""
        found = connect().post(f"{_path(name)}/flush")
        Out(as_json).result(found, f"what waits under {found['keys']} keys is due now.")

    @nouns.command()
    def pause(name: Name, as_json: JsonOption = False) -> None:
        """Hand out no more batches; runs that have one go on."""
        Out(as_json).result(connect().post(f"{_path(name)}/pause"), f"{name} is paused.")

    @nouns.command()
    def resume(name: Name, as_json: JsonOption = False) -> None:
        """Go on, and try again what is blocked."""
        found = connect().post(f"{_path(name)}/resume")
        Out(as_json).result(found, f"{name} is running. {found['reason'] or ''}".strip())


def _dead(nouns: typer.Typer) -> None:
    @nouns.command(name="dead-letters")
    def dead_letters(name: Name, limit: Limit = 50, as_json: JsonOption = False) -> None:
        """Items whose attempts are used up, each with its error and its last run."""
        found, out = connect().items(f"{_path(name)}/dead-letters", most=limit), Out(as_json)
        if as_json:
            out.json(found)
        columns = ("item", "run", "error", "attempts", "failed at", "key", "data")
        out.table(
            columns,
            [
                [
                    *(d["item_id"], d["run_id"], _code(d["error"]), d["attempts"], d["failed_at"]),
                    *(d["ordering_key"], _short(d["data"])),
                ]
                for d in found
            ],
        )

    @nouns.command()
    def replay(
        name: Name,
        item_ids: Annotated[list[str] | None, typer.Argument(help="Ids of dead letters.")] = None,
        all_: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
        drop: Annotated[bool, typer.Option("--drop", help="Delete them for good instead.")] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Put dead letters back at the end of the queue, with all their attempts."""
        chosen: list[Json] = [*(item_ids or ())]
        if all_ == bool(chosen):
            raise CliError("say which dead letters are meant", "give their ids, or --all")
        done = "drop" if drop else "replay"
        body: JsonObject = {"all": True} if all_ else {"item_ids": chosen}
        found = connect().post(f"{_path(name)}/dead-letters/{done}", body)
        count = found["dropped" if drop else "replayed"]
        Out(as_json).result(found, f"{count} dropped." if drop else f"{count} wait again.")


def _given(
    batch_size: int | None,
    max_age: str | None,
    rate: str | None,
    strategy: str | None,
    ordering: str | None,
    parallel: int | None,
    on_failure: str | None,
    max_attempts: int | None,
    dedupe_window: str | None,
) -> JsonObject:
    """What was said of the settings, under the API's names."""
    count, _, window = (rate or "").partition("/")
    if rate is not None and not (count.isascii() and count.isdigit() and window):
        raise CliError(f"{rate!r} is no rate", "write it as batches per time: 10/1s")
    said: JsonObject = {
        "flush_batch_size": batch_size,
        "flush_record_max_age": _duration(max_age),
        "flush_rate_limit_max_flush_count": int(count) if count else None,
        "flush_rate_limit_time_window": _duration(window or None),
        "flush_strategy": strategy,
        "ordering": ordering,
        "max_parallel_batches": parallel,
        "on_failure": on_failure,
        "max_attempts": max_attempts,
        "dedupe_window": _duration(dedupe_window),
    }
    return {name: value for name, value in said.items() if value is not None}


def _duration(text: str | None) -> Json:
    """A number alone is seconds."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _lines(file: Path) -> list[Json]:
    """The items of a file of JSON lines; empty lines count for nothing."""
    from modules.sdk.parse_error import ParseError
    from modules.sdk.strict_json import parse_json

    values: list[Json] = []
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise CliError(f"{str(file)!r} can't be read ({error.strerror})") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values.append(parse_json(line))
        except ParseError as error:
            raise CliError(f"{str(file)!r}, line {number}, is not JSON: {error}", "nothing was added") from error
    if not values:
        raise CliError(f"{str(file)!r} holds no items")
    return values


def _calls(values: list[Json]) -> Iterator[list[Json]]:
    """As few calls as their limits allow, in order."""
    some: list[Json] = []
    size = 0
    for value in values:
        length = len(json.dumps(value))
        if some and (len(some) == _AT_ONCE or size + length > _BYTES_AT_ONCE):
            yield some
            some, size = [], 0
        some.append(value)
        size += length + _AROUND
    yield some


def _path(name: str) -> str:
    return f"/queues/{quote(name, safe='')}"


def _show(queue: JsonObject, as_json: bool) -> None:
    out = Out(as_json)
    if as_json:
        out.json(queue)
    names = ("name", "queue_id", "depth", *_SETTINGS)
    out.fields({**{name: queue[name] for name in names}, "consumer": _consumer(queue)})
    if queue.get("reason"):
        out.text(str(queue["reason"]))


def _consumer(queue: JsonObject) -> str | None:
    consumer = queue.get("consumer")
    return f"{consumer['workflow']}/{consumer['trigger']}" if isinstance(consumer, dict) else None


def _count(answer: JsonObject, name: str) -> int:
    count = answer.get(name)
    return count if isinstance(count, int) else 0


def _code(error: Json) -> Json:
    return error.get("code") if isinstance(error, dict) else None


def _short(value: Json) -> str:
    text = cell(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
