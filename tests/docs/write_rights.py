"""The table of rights in docs/people.md: which role may use which action, and the routes that ask for it. Run it to write the table anew."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from db.pool import Database
from db.workspaces import Role, rights
from server.api.app import BELOW
from server.api.route import ApiRoute
from server.embedded.postgres import EmbeddedPostgres, PostgresPlace

PAGE = Path(__file__).parents[2] / "docs" / "people.md"
ROLES: tuple[Role, ...] = ("viewer", "editor", "owner")
_BEGIN, _END = "<!-- rights -->\n", "<!-- /rights -->\n"
_LINE = re.compile(r"^\| `([a-z_.]+)` \| (✓?) *\| (✓?) *\| (✓?) *\|", re.MULTILINE)


def routes() -> list[tuple[str, ApiRoute]]:
    """Every method of every route below the prefix."""
    return [
        (method, route)
        for noun in BELOW
        for route in noun.router.routes
        if isinstance(route, ApiRoute)
        for method in sorted(route.methods or ())
    ]


def rendered(allowed: Iterable[tuple[Role, str]]) -> str:
    """The table, from what the database allows."""
    known = set(allowed)
    asked: dict[str, list[str]] = defaultdict(list)
    for method, route in routes():
        asked[route.action].append(f"`{method} {route.path}`")
    lines = ["| action | viewer | editor | owner | routes |", "|---|---|---|---|---|"]
    for action in sorted({action for _, action in known} | set(asked)):
        marks = " | ".join("✓" if (role, action) in known else "" for role in ROLES)
        lines.append(f"| `{action}` | {marks} | {', '.join(sorted(asked[action]))} |")
    return "\n".join(lines) + "\n"


def told(text: str | None = None) -> str:
    """The table as the page has it."""
    text = PAGE.read_text() if text is None else text
    return text.partition(_BEGIN)[2].partition(_END)[0]


def matrix() -> dict[str, set[str]]:
    """By action: the roles that the page allows it to."""
    return {
        found[1]: {role for role, mark in zip(ROLES, found.groups()[1:], strict=True) if mark}
        for found in _LINE.finditer(told())
    }


async def allowed_by(url: str) -> frozenset[tuple[Role, str]]:
    db = await Database.open(url, max_size=1, application="test")
    try:
        async with db.single() as connection:
            return await rights(connection)
    finally:
        await db.close()


async def _write() -> None:
    from db.migrate import migrate

    with tempfile.TemporaryDirectory(prefix="millstream-rights-") as folder:
        server = EmbeddedPostgres(PostgresPlace.under(Path(folder)), throwaway=True)
        child = await server.start()
        try:
            await migrate(server.url)
            text = PAGE.read_text()
            table = rendered(await allowed_by(server.url))
        finally:
            await server.stop(child)
    PAGE.write_text(text.replace(_BEGIN + told(text) + _END, _BEGIN + table + _END))


if __name__ == "__main__":
    asyncio.run(_write())
