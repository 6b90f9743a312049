"""`email-routes`: at which addresses mail starts runs."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.expressions.values import Json
from server.cli.client import connect
from server.cli.output import JsonOption, Out

_COLUMNS = ("workflow", "trigger", "address", "alias", "enabled")


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="Addresses at which mail starts runs.")
    app.add_typer(nouns, name="email-routes")

    @nouns.callback()
    def group() -> None:  # pyright: ignore[reportUnusedFunction] - typer keeps it; one command alone would stand for the group
        """Addresses at which mail starts runs."""

    @nouns.command(name="list")
    def list_(  # pyright: ignore[reportUnusedFunction] - typer keeps it
        workflow: Annotated[str | None, typer.Option("--workflow", help="Its name or id.")] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
        as_json: JsonOption = False,
    ) -> None:
        """Of deployed workflows, the newest first."""
        found, out = connect().items("/email-routes", {"workflow": workflow}, most=limit), Out(as_json)
        if as_json:
            out.json(found)
        rows = [[*(route[name] for name in _COLUMNS), *_mailbox(route["mailbox"])] for route in found]
        out.table((*_COLUMNS, "mailbox", "state", "reason"), rows)


def _mailbox(read: Json) -> list[object]:
    if not isinstance(read, dict):
        return ["", "", ""]
    return [f"{read['mailbox']} of {read['connection']}", read["state"], read["reason"]]
