"""`tasks`: what open runs ask of people."""

from __future__ import annotations

from typing import Annotated

import typer

from server.cli.client import connect
from server.cli.output import JsonOption, Out


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="Tasks: approvals and forms that runs wait for.")
    app.add_typer(nouns, name="tasks")

    @nouns.command(name="list")
    def list_(
        limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
        as_json: JsonOption = False,
    ) -> None:
        """Open ones, the newest first, each with the address at which you answer it."""
        found, out = connect().items("/tasks", {}, most=limit), Out(as_json)
        if as_json:
            out.json(found)
        columns = ("workflow", "subject", "created_at", "expires_at", "url")
        out.table(columns, [[task[column] for column in columns] for task in found])
