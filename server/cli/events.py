"""`events`: tell one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.client import connect
from server.cli.documents import read_json
from server.cli.output import JsonOption, Out

if TYPE_CHECKING:
    from server.cli.client import JsonObject


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="Events that workflows listen and wait for.")
    app.add_typer(nouns, name="events")

    @nouns.callback()
    def group() -> None:
        """Keeps `emit` a command of its own."""

    @nouns.command()
    def emit(
        name: Annotated[str, typer.Argument(help="The event's name, such as order.paid.")],
        data: Annotated[str | None, typer.Option("--data", help="JSON, or @file.")] = None,
        key: Annotated[str | None, typer.Option("--key", help="What waiting steps ask for.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Tell an event: it starts what listens for its name, and ends the waits under its key."""
        body: JsonObject = {"name": name, "key": key, "data": None if data is None else read_json(data)}
        found, out = connect().post("/events", body), Out(as_json)
        if as_json:
            out.json(found)
        out.text(f"delivered to {found['delivered']}")
