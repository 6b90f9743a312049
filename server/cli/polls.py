"""`polls`: what asks other systems for what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from server.cli.client import connect
from server.cli.documents import read_json
from server.cli.output import JsonOption, Out

if TYPE_CHECKING:
    from server.cli.client import JsonObject

PollId = Annotated[str, typer.Argument(help="The poll's id.", metavar="POLL")]


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="Polls: list, ask now, begin anew.")
    app.add_typer(nouns, name="polls")

    @nouns.command(name="list")
    def list_(
        workflow: Annotated[str | None, typer.Option("--workflow", help="Its name or id.")] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
        as_json: JsonOption = False,
    ) -> None:
        """Polls of deployed workflows, the newest first."""
        found, out = connect().items("/polls", {"workflow": workflow}, most=limit), Out(as_json)
        if as_json:
            out.json(found)
        columns = ("poll_id", "workflow", "trigger", "next", "answered_at", "failures", "error")
        out.table(columns, [_row(poll) for poll in found])

    @nouns.command()
    def now(poll: PollId, as_json: JsonOption = False) -> None:
        """Ask at once."""
        _shown(connect().post(f"{_path(poll)}/now"), as_json)

    @nouns.command()
    def reset(
        poll: PollId,
        cursor: Annotated[str | None, typer.Option("--cursor", help="Where to begin: JSON, or @file.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Forget what it has seen, and begin anew."""
        body: JsonObject = {"cursor": None if cursor is None else read_json(cursor)}
        _shown(connect().post(f"{_path(poll)}/reset", body), as_json)


def _row(poll: JsonObject) -> list[object]:
    error = poll["error"]
    why = error.get("message") if isinstance(error, dict) else None
    columns = ("poll_id", "workflow", "trigger", "next", "answered_at", "failures")
    return [*(poll[name] for name in columns), why]


def _shown(poll: JsonObject, as_json: bool) -> None:
    out = Out(as_json)
    if as_json:
        out.json(poll)
    out.fields(poll)


def _path(poll: str) -> str:
    return f"/polls/{quote(poll, safe='')}"
