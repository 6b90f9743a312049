"""`keys`: the workspace's API keys, and another master key for the installation. Data keys are `data_keys`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli.client import JsonObject, connect
from server.cli.data_keys import add_data_keys
from server.cli.database import database_url_of
from server.cli.loop import run
from server.cli.members import member_id
from server.cli.output import CliError, JsonOption, Out
from server.settings import Settings, load_settings


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(
        no_args_is_help=True,
        help="API keys: list, create, revoke. And the installation's own keys: another master key, other data keys.",
    )
    app.add_typer(nouns, name="keys")

    @nouns.command(name="list")
    def list_(as_json: JsonOption = False) -> None:
        """All keys, without what they are."""
        found, out = connect().items("/api-keys", most=10_000), Out(as_json)
        if as_json:
            out.json(found)
        columns = (
            "api_key_id",
            "user_id",
            "name",
            "role",
            "scopes",
            "prefix",
            "created_at",
            "expires_at",
            "last_used_at",
        )
        out.table(columns, [[key.get(column) for column in columns] for key in found])

    @nouns.command()
    def create(
        name: Annotated[str, typer.Argument(help="What it is for.")],
        role: Annotated[str, typer.Option("--role", help="owner, editor or viewer.")] = "editor",
        scope: Annotated[
            list[str] | None, typer.Option("--scope", help="Narrows it: read, a noun, an action, hook.")
        ] = None,
        expires_at: Annotated[str | None, typer.Option("--expires-at", help="RFC 3339.")] = None,
        member: Annotated[
            str | None, typer.Option("--member", help="Whose it is: e-mail or id; yours unless given.")
        ] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Make a key. It is shown once, now."""
        api = connect()
        body: JsonObject = {"name": name, "role": role, "scopes": [*(scope or [])]}
        if expires_at is not None:
            body["expires_at"] = expires_at
        if member is not None:
            body["user_id"] = member_id(api, member)
        found = api.post("/api-keys", body)
        Out(as_json).result(found, str(found["key"]))

    @nouns.command()
    def revoke(api_key_id: Annotated[str, typer.Argument(help="The key's id, not the key.")]) -> None:
        """End a key at once."""
        connect().request("DELETE", f"/api-keys/{api_key_id}")
        Out().text(f"{api_key_id} is revoked.")

    @nouns.command(name="rotate-master")
    def rotate_master(
        new_key_file: Annotated[
            Path | None, typer.Option("--new-key-file", help="A file with the new key; without it one is made.")
        ] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Another master key, while everything works on. Where it died, the same command goes on."""
        from db.errors import DatabaseUnavailable
        from workspace.keys import KeyProblem

        try:
            done = run(_rotate(load_settings(), new_key_file))
        except (DatabaseUnavailable, KeyProblem) as error:
            raise CliError(str(error)) from error
        except OSError as error:
            raise CliError(f"the key file can't be replaced ({error.strerror})") from error
        Out(as_json).result(
            {"rewrapped": done}, f"{done} data keys are wrapped anew; the former master key is not needed any more."
        )

    add_data_keys(nouns)


async def _rotate(settings: Settings, new_key_file: Path | None) -> int:
    from db.pool import Database
    from server.failpoints import failing_database, failpoints_of
    from workspace.keys import MasterKeys, master_keys_from_text, read_master_keys
    from workspace.rotation import rewrap_all, write_keys

    url = database_url_of(settings)
    db = await Database.open(url, min_size=1, max_size=2, application="rotate-master")
    try:
        failing = failing_database(db, failpoints_of(settings))
        if settings.master_key is not None:
            keys = master_keys_from_text(settings.master_key.get_secret_value())
            if len(keys) < 2 or new_key_file is not None:
                raise CliError(
                    "the master key is in the environment, which this command can't change",
                    "set MILLSTREAM_MASTER_KEY to 'NEW OLD' for all processes, restart them, and run this again",
                )
            return await rewrap_all(failing, MasterKeys(lambda: keys))
        path = settings.master_key_path
        texts = _both_keys(path, new_key_file)
        both = read_master_keys(path)
        provider = MasterKeys(lambda: both)
        done = await rewrap_all(failing, provider)
        write_keys(path, texts[:1])
        # What a process wrapped by the former key while it hadn't read the file yet.
        return done + await rewrap_all(failing, provider)
    finally:
        await db.close()


def _both_keys(path: Path, new_key_file: Path | None) -> list[str]:
    """Puts the new key before the former one, where a rotation that died hasn't done so; the texts of both."""
    from workspace.keys import master_keys_from_text, read_master_keys
    from workspace.rotation import new_key_text, write_keys

    texts = path.read_text(encoding="ascii").replace(",", " ").split()
    if len(read_master_keys(path)) == 1:
        new = new_key_text() if new_key_file is None else new_key_file.read_text(encoding="ascii").strip()
        if master_keys_from_text(new)[0].fingerprint == master_keys_from_text(texts[0])[0].fingerprint:
            raise CliError("the new key is the one that is in use already")
        texts = [new, *texts]
        write_keys(path, texts)
    return texts
