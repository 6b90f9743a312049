"""`secrets`: variables whose value goes in and never comes out. It is no argument: other processes see those, and shells keep them."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from server.cli.client import Refused, connect
from server.cli.documents import read_json
from server.cli.output import CliError, JsonOption, Out

if TYPE_CHECKING:
    from engine.expressions.values import Json

Name = Annotated[str, typer.Argument(help="The secret's name, as SHOP_TOKEN.")]


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="Secret variables of the workspace: list, set, delete.")
    app.add_typer(nouns, name="secrets")

    @nouns.command(name="list")
    def list_(as_json: JsonOption = False) -> None:
        """The names of all secrets."""
        found, out = connect().items("/variables", most=10_000), Out(as_json)
        secrets = [one for one in found if one["secret"] is True]
        if as_json:
            out.json(secrets)
        out.table(("name", "updated at"), [(one["name"], one["updated_at"]) for one in secrets])

    @nouns.command(name="set")
    def set_(
        name: Name,
        source: Annotated[
            str | None, typer.Argument(help="@file. Without it the value is asked for, or read from standard input.")
        ] = None,
        parse: Annotated[bool, typer.Option("--parse", help="Read the value as JSON.")] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Create or change a secret; a plain variable of that name becomes one."""
        text = _value(name, source)
        value: Json = read_json(text) if parse else text
        api = connect()
        try:
            found = api.request("PUT", f"/variables/{quote(name, safe='')}", body={"value": value, "secret": True})
        except Refused as refusal:
            if refusal.status != 404:
                raise
            found = api.post("/variables", {"name": name, "value": value, "secret": True})
        Out(as_json).result(found, f"{name} is set.")

    @nouns.command()
    def delete(name: Name) -> None:
        """Remove a secret."""
        connect().request("DELETE", f"/variables/{quote(name, safe='')}")
        Out().text(f"{name} is gone.")


def _value(name: str, source: str | None) -> str:
    """From a file, a terminal without echo, or standard input; one line end at the end is not part of it."""
    if source is not None and not source.startswith("@"):
        raise CliError(
            "a secret's value is not given as an argument", f"give a file, as @{name.lower()}.txt, or nothing"
        )
    if source is not None:
        try:
            text = Path(source[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CliError(f"{source[1:]!r} can't be read as text ({error.__class__.__name__})") from None
    elif sys.stdin.isatty():
        text = getpass.getpass(f"{name}: ")
    else:
        text = sys.stdin.read()
    return text.removesuffix("\n").removesuffix("\r")
