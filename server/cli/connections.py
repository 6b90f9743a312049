"""`connections`: what workflows may use of other systems. Secrets come from a file, standard input or a prompt, never from an argument."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from server.cli.client import connect
from server.cli.documents import read_json
from server.cli.output import CliError, JsonOption, Out

if TYPE_CHECKING:
    from engine.expressions.values import Json
    from server.cli.client import JsonObject

Name = Annotated[str, typer.Argument(help="The connection's name or id.")]
Config = Annotated[str | None, typer.Option("--config", help="JSON, or @file: what isn't secret.")]
Secret = Annotated[str | None, typer.Option("--secret", help="@file with JSON, or - to read it from standard input.")]
Hosts = Annotated[
    list[str] | None, typer.Option("--host", help="Where the credential may go; base_url's host unless given.")
]
Rate = Annotated[
    str | None, typer.Option("--rate", help="Steps that may start with it at most, as 10/1s; none: no limit.")
]
Use = Annotated[str | None, typer.Option("--use", help="Who may name it in documents: editor or owner.")]
_SHOWN = ("name", "app", "kind", "state", "use", "used_by", "reason")
_LOOK_S = 1.0
_WAIT_S = 900.0


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="Connections to other systems: create, test, authorize, revoke.")
    app.add_typer(nouns, name="connections")
    _kept(nouns)
    _tried(nouns)


def _kept(nouns: typer.Typer) -> None:
    @nouns.command(name="list")
    def list_(as_json: JsonOption = False) -> None:
        """All connections, the newest first."""
        found, out = connect().items("/connections", most=10_000), Out(as_json)
        if as_json:
            out.json(found)
        out.table([name.replace("_", " ") for name in _SHOWN], [[one.get(name) for name in _SHOWN] for one in found])

    @nouns.command()
    def show(name: Name, as_json: JsonOption = False) -> None:
        """One connection, without its secret."""
        found = connect().get(_path(name))
        if as_json:
            Out(True).json(found)
        Out(as_json).fields(found)

    @nouns.command()
    def create(
        name: Annotated[str, typer.Argument(help="Lower-case letters, digits, - and _.")],
        app: Annotated[str, typer.Option("--app", help="What it is for, as documents say under requires.connections.")],
        kind: Annotated[str, typer.Option("--kind", help="As api_key, bearer, basic, header, oauth2, postgres, llm.")],
        config: Config = None,
        secret: Secret = None,
        host: Hosts = None,
        rate: Rate = None,
        use: Use = None,
        as_json: JsonOption = False,
    ) -> None:
        """Make a connection. Without --secret, a terminal asks for it."""
        given = _given(config, secret, host, rate, use)
        if "secret" not in given and sys.stdin.isatty():
            asked = _asked(kind)
            given |= {"secret": asked} if asked else {}
        found = connect().post("/connections", {"name": name, "app": app, "kind": kind, **given})
        left = f" Authorize it: millstream connections authorize {name}" if found["state"] == "needs_reauth" else ""
        Out(as_json).result(found, f"{name} is there.{left}")

    @nouns.command()
    def update(
        name: Name,
        config: Config = None,
        secret: Secret = None,
        host: Hosts = None,
        rate: Rate = None,
        use: Use = None,
        as_json: JsonOption = False,
    ) -> None:
        """Change a connection; config and secret are replaced whole."""
        given = _given(config, secret, host, rate, use)
        if not given:
            raise CliError("nothing to change is given", "see: millstream connections update --help")
        found = connect().request("PATCH", _path(name), body=given)
        Out(as_json).result(found, f"{name} is changed; its state is {found['state']}.")

    @nouns.command()
    def delete(
        name: Name,
        force: Annotated[bool, typer.Option("--force", help="Also while deployed workflows use it.")] = False,
    ) -> None:
        """Delete a connection. One that deployed workflows use asks for --force."""
        connect().request("DELETE", _path(name), query={"force": "true" if force else None})
        Out().text(f"{name} is gone.")


def _tried(nouns: typer.Typer) -> None:
    @nouns.command()
    def test(name: Name, as_json: JsonOption = False) -> None:
        """Use a connection once, to see whether it works."""
        found = connect().post(f"{_path(name)}/test")
        Out(as_json).result(found, str(found["detail"]))
        if not found["ok"]:
            raise typer.Exit(1)

    @nouns.command()
    def authorize(
        name: Name,
        wait: Annotated[bool, typer.Option(help="Until somebody has consented.")] = True,
        as_json: JsonOption = False,
    ) -> None:
        """Print the address where a person consents, and wait until that is done."""
        api = connect()
        before = api.get(_path(name))
        found = api.post(f"{_path(name)}/authorize")
        Out(as_json).result(found, f"Open this in a browser:\n{found['url']}")
        if not wait or as_json:
            return
        until = time.monotonic() + _WAIT_S
        while time.monotonic() < until:
            now = api.get(_path(name))
            if now["state"] == "ok" and now["updated_at"] != before["updated_at"]:
                Out().text(f"{name} is authorized.")
                return
            time.sleep(_LOOK_S)
        raise CliError(f"nobody has authorized {name!r} in {_WAIT_S / 60:.0f} minutes", "the address holds for a day")

    @nouns.command()
    def revoke(name: Name, as_json: JsonOption = False) -> None:
        """Erase a connection's credential, and give its tokens back to the provider."""
        Out(as_json).result(connect().post(f"{_path(name)}/revoke"), f"{name} is revoked.")


def _given(
    config: str | None, secret: str | None, hosts: list[str] | None, rate: str | None, use: str | None
) -> JsonObject:
    """What was said, under the API's names."""
    given: JsonObject = {}
    if config is not None:
        given["config"] = read_json(config)
    if secret is not None:
        given["secret"] = _secret(secret)
    if hosts:
        given["allowed_hosts"] = [*hosts]
    if rate is not None:
        given["rate_limit"] = _rate(rate)
    if use is not None:
        given["use"] = use
    return given


def _secret(where: str) -> Json:
    from modules.sdk.parse_error import ParseError
    from modules.sdk.strict_json import parse_json

    if where != "-" and not where.startswith("@"):
        raise CliError(
            "a secret isn't given as an argument, where others can see it",
            "use @file, - for standard input, or the prompt",
        )
    try:
        data = sys.stdin.buffer.read() if where == "-" else Path(where[1:]).read_bytes()
        return parse_json(data)
    except OSError as error:
        raise CliError(f"{where[1:]!r} can't be read ({error.strerror})") from error
    except ParseError as error:
        raise CliError("the secret is not JSON", 'as {"api_key": "…"}') from error


def _asked(kind: str) -> JsonObject:
    """By a prompt that shows nothing; what is left empty isn't given."""
    from workspace.connections.kinds.registry import kind_named

    found = kind_named(kind)
    properties = found.secret.get("properties") if found is not None and found.secret is not None else None
    asked: JsonObject = {}
    for name, schema in properties.items() if isinstance(properties, dict) else ():
        if isinstance(schema, dict) and schema.get("type") == "string":
            text = str(typer.prompt(name, default="", show_default=False, hide_input=True))
            if text:
                asked[name] = text
    return asked


def _rate(text: str) -> Json:
    count, _, per = text.partition("/")
    if text == "none":
        return None
    if not (count.isascii() and count.isdigit() and per):
        raise CliError(f"{text!r} is no rate", "write it as starts per time: 10/1s")
    return {"count": int(count), "per": per}


def _path(name: str) -> str:
    return f"/connections/{quote(name, safe='')}"
