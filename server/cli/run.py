"""`run`: start one run of a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.client import connect
from server.cli.documents import read_json
from server.cli.output import JsonOption, Out
from server.cli.runs import show_run

if TYPE_CHECKING:
    from server.cli.client import JsonObject

GOOD = frozenset({"succeeded", "queued", "running", "waiting"})


def register(app: typer.Typer) -> None:
    @app.command()
    def run(
        name: Annotated[str, typer.Argument(help="The workflow's name or id.")],
        given: Annotated[str | None, typer.Option("--input", help="The input: JSON, or @file.")] = None,
        draft: Annotated[bool, typer.Option("--draft", help="The draft instead of the live version.")] = False,
        wait: Annotated[bool, typer.Option("--wait", help="Wait for the end, up to 5 minutes.")] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Start a run. With --wait the exit code is 1 unless it succeeds."""
        body: JsonObject = {"version": "draft" if draft else "deployed", "wait": 300 if wait else 0}
        if given is not None:
            body["input"] = read_json(given)
        started = connect().post(f"/workflows/{name}/runs", body)
        out = Out(as_json)
        if as_json:
            out.json(started)
        else:
            show_run(out, started)
        if not wait:
            out.note(f"follow it: millstream runs watch {started['run_id']}")
        elif started["status"] not in GOOD:
            raise typer.Exit(1)
