"""`inbox`: what came from outside, and what became of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from server.cli.client import connect
from server.cli.output import CliError, JsonOption, Out

if TYPE_CHECKING:
    from server.cli.client import JsonObject

EventId = Annotated[str, typer.Argument(help="The event's id.", metavar="EVENT")]


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="What came from outside: list, show, replay, drop.")
    app.add_typer(nouns, name="inbox")

    @nouns.command(name="list")
    def list_(
        verdict: Annotated[
            str | None, typer.Option("--verdict", help="waiting, accepted, duplicate, refused, failed or dropped.")
        ] = None,
        kind: Annotated[
            str | None, typer.Option("--kind", help="webhook, email, schedule, event, workflow or poll.")
        ] = None,
        workflow: Annotated[str | None, typer.Option("--workflow", help="Its name or id.")] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
        as_json: JsonOption = False,
    ) -> None:
        """Events, the newest first."""
        query = {"verdict": verdict, "kind": kind, "workflow": workflow}
        found, out = connect().items("/inbox", query, most=limit), Out(as_json)
        if as_json:
            out.json(found)
        columns = ("event_id", "received_at", "kind", "workflow", "trigger", "verdict", "run_id", "reason")
        out.table(columns, [[event[name] for name in columns] for event in found])

    @nouns.command()
    def show(event: EventId, as_json: JsonOption = False) -> None:
        """One event, with what came."""
        found, out = connect().get(_path(event)), Out(as_json)
        if as_json:
            out.json(found)
        out.fields({name: value for name, value in found.items() if name not in {"head", "body"}})
        head = found["head"]
        for name, value in (head if isinstance(head, dict) else {}).items():
            out.text(f"{name}: {value}")
        if found["body"]:
            out.text()
            out.text(str(found["body"]))

    @nouns.command()
    def raw(
        event: EventId,
        output: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of the terminal.")] = None,
    ) -> None:
        """The body as it came."""
        parts = connect().download(f"{_path(event)}/raw")
        if output is None:
            for part in parts:
                sys.stdout.buffer.write(part)
            sys.stdout.buffer.flush()
            return
        try:
            with output.open("wb") as file:
                file.writelines(parts)
        except OSError as error:
            raise CliError(f"{str(output)!r} can't be written ({error.strerror})") from error
        Out().text(str(output))

    @nouns.command()
    def replay(event: EventId, as_json: JsonOption = False) -> None:
        """Take it again, as if it had come now."""
        _told(connect().post(f"{_path(event)}/replay"), as_json)

    @nouns.command()
    def drop(event: EventId, as_json: JsonOption = False) -> None:
        """Give up one that waits or has failed."""
        _told(connect().post(f"{_path(event)}/drop"), as_json)


def _told(event: JsonObject, as_json: bool) -> None:
    out = Out(as_json)
    if as_json:
        out.json(event)
    out.text(f"{event['event_id']} is {event['verdict']} now")


def _path(event: str) -> str:
    return f"/inbox/{quote(event, safe='')}"
