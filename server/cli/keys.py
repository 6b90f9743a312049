"""`keys`: the workspace's API keys."""

from __future__ import annotations

from typing import Annotated

import typer

from server.cli.client import JsonObject, connect
from server.cli.output import JsonOption, Out


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="API keys of the workspace: list, create, revoke.")
    app.add_typer(nouns, name="keys")

    @nouns.command(name="list")
    def list_(as_json: JsonOption = False) -> None:
        """All keys, without what they are."""
        found, out = connect().items("/api-keys", most=10_000), Out(as_json)
        if as_json:
            out.json(found)
        columns = ("api_key_id", "name", "role", "scopes", "prefix", "created_at", "expires_at", "last_used_at")
        out.table(columns, [[key.get(column) for column in columns] for key in found])

    @nouns.command()
    def create(
        name: Annotated[str, typer.Argument(help="What it is for.")],
        role: Annotated[str, typer.Option("--role", help="owner, editor or viewer.")] = "editor",
        scope: Annotated[list[str] | None, typer.Option("--scope", help="As hook: only for webhooks.")] = None,
        expires_at: Annotated[str | None, typer.Option("--expires-at", help="RFC 3339.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Make a key. It is shown once, now."""
        body: JsonObject = {"name": name, "role": role, "scopes": [*(scope or [])]}
        if expires_at is not None:
            body["expires_at"] = expires_at
        found = connect().post("/api-keys", body)
        Out(as_json).result(found, str(found["key"]))

    @nouns.command()
    def revoke(api_key_id: Annotated[str, typer.Argument(help="The key's id, not the key.")]) -> None:
        """End a key at once."""
        connect().request("DELETE", f"/api-keys/{api_key_id}")
        Out().text(f"{api_key_id} is revoked.")
