"""`workspaces`: the one of the key at hand, and new ones beside it."""

from __future__ import annotations

from typing import Annotated

import typer

from server.cli.client import connect
from server.cli.output import JsonOption, Out


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="Workspaces: show, rename, encrypt logs, create another one.")
    app.add_typer(nouns, name="workspaces")

    @nouns.command(name="list")
    def list_(as_json: JsonOption = False) -> None:
        """The workspace that the key belongs to, and the key's role in it."""
        found, out = connect().items("/workspaces"), Out(as_json)
        if as_json:
            out.json(found)
        columns = ("workspace_id", "slug", "name", "role")
        out.table(columns, [[one[column] for column in columns] for one in found])

    @nouns.command()
    def create(
        slug: Annotated[str, typer.Argument(help="Stands in addresses and never changes.")],
        name: Annotated[str | None, typer.Option("--name", help="For people; the slug unless given.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Make another workspace, which you own. Prints your first key for it: it is told once, now."""
        found = connect().post("/workspaces", {"slug": slug} if name is None else {"slug": slug, "name": name})
        Out(as_json).result(found, str(found["key"]))

    @nouns.command(name="encrypt-logs")
    def encrypt_logs(
        on: Annotated[bool, typer.Argument(help="true or false.")] = True, as_json: JsonOption = False
    ) -> None:
        """Keep data of runs encrypted from now on, or, with false, readable. What is written already stays as it is."""
        api = connect()
        own = api.items("/workspaces")[0]
        found = api.request("PATCH", f"/workspaces/{own['workspace_id']}", body={"encrypt_logs": on})
        Out(as_json).result(
            found, f"{found['slug']} keeps data of its runs {'encrypted' if on else 'readable'} from now on."
        )

    @nouns.command()
    def rename(
        name: Annotated[str, typer.Argument(help="The new name, for people.")], as_json: JsonOption = False
    ) -> None:
        """Give the key's workspace another name."""
        api = connect()
        own = api.items("/workspaces")[0]
        found = api.request("PATCH", f"/workspaces/{own['workspace_id']}", body={"name": name})
        Out(as_json).result(found, f"{found['slug']} is called {name!r} now.")
