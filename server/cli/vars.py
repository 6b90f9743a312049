"""`vars`: the workspace's variables, which documents read as `vars.NAME`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from server.cli.client import JsonObject, Refused, connect
from server.cli.documents import read_json
from server.cli.output import JsonOption, Out, cell

Name = Annotated[str, typer.Argument(help="The variable's name, as WAREHOUSE_URL.")]


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="Variables of the workspace: list, set, get, delete.")
    app.add_typer(nouns, name="vars")

    @nouns.command(name="list")
    def list_(as_json: JsonOption = False) -> None:
        """All variables."""
        found, out = connect().items("/variables", most=10_000), Out(as_json)
        if as_json:
            out.json(found)
        out.table(("name", "value", "updated at"), [(v["name"], _shown(v), v["updated_at"]) for v in found])

    @nouns.command()
    def get(name: Name, as_json: JsonOption = False) -> None:
        """One variable's value."""
        found = connect().get(f"/variables/{quote(name, safe='')}")
        Out(as_json).result(found, _shown(found))

    @nouns.command(name="set")
    def set_(
        name: Name,
        value: Annotated[str, typer.Argument(help="Text; with --parse JSON, or @file.")],
        parse: Annotated[bool, typer.Option("--parse", help="Read the value as JSON.")] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Create or change a variable."""
        api = connect()
        content = read_json(value) if parse else value
        try:
            found = api.request("PUT", f"/variables/{quote(name, safe='')}", body={"value": content})
        except Refused as refusal:
            if refusal.status != 404:
                raise
            found = api.post("/variables", {"name": name, "value": content})
        Out(as_json).result(found, f"{name} is set.")

    @nouns.command()
    def delete(name: Name) -> None:
        """Remove a variable."""
        connect().request("DELETE", f"/variables/{quote(name, safe='')}")
        Out().text(f"{name} is gone.")


def _shown(variable: JsonObject) -> str:
    return "(secret)" if variable["secret"] is True else cell(variable.get("value"))
