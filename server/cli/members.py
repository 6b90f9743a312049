"""`members`: who works in the workspace, and as what."""

from __future__ import annotations

from typing import Annotated

import typer

from server.cli.client import Api, connect
from server.cli.output import CliError, JsonOption, Out

Who = Annotated[str, typer.Argument(help="The member's e-mail address or id.")]
Role = Annotated[str, typer.Argument(help="owner, editor or viewer.")]


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="Members of the workspace: list, add, change their role, remove.")
    app.add_typer(nouns, name="members")

    @nouns.command(name="list")
    def list_(as_json: JsonOption = False) -> None:
        """All members, the oldest first."""
        found, out = connect().items("/members", most=10_000), Out(as_json)
        if as_json:
            out.json(found)
        columns = ("user_id", "email", "role")
        out.table(columns, [[member[column] for column in columns] for member in found])

    @nouns.command()
    def add(
        email: Annotated[str, typer.Argument(help="Their e-mail address.")],
        role: Annotated[str, typer.Option("--role", help="owner, editor or viewer.")] = "editor",
        as_json: JsonOption = False,
    ) -> None:
        """Let somebody in. Their way in is a key: see `keys create --member`."""
        found = connect().post("/members", {"email": email, "role": role})
        Out(as_json).result(found, f"{email} is {role} of the workspace.")

    @nouns.command()
    def role(who: Who, role: Role, as_json: JsonOption = False) -> None:
        """Give a member another role. It holds for their keys at once."""
        api = connect()
        found = api.request("PATCH", f"/members/{member_id(api, who)}", body={"role": role})
        Out(as_json).result(found, f"{found['email']} is {role} now.")

    @nouns.command()
    def remove(who: Who) -> None:
        """Take a member out of the workspace. Their keys for it end at once; what they made stays."""
        api = connect()
        api.request("DELETE", f"/members/{member_id(api, who)}")
        Out().text(f"{who} is no member any more.")


def member_id(api: Api, who: str) -> int:
    """The id of the member with that address, or with that id. Raises CliError."""
    for member in api.items("/members", most=10_000):
        user_id, email = member["user_id"], str(member["email"])
        if isinstance(user_id, int) and who.lower() in (email.lower(), str(user_id)):
            return user_id
    raise CliError(f"{who!r} is no member of this workspace", "see: millstream members list")
