"""PostgreSQL: reached, new enough, at this program's tables, its clock; and what binds those who reach it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from db import guards
from db.errors import DatabaseUnavailable
from db.guards import Login
from db.pool import Database
from server.doctor.check import Check

_FIXED = {16: 160010, 17: 170006, 18: 180001}
"""The first minor releases without the known ways past row-level security (CVE-2023-2455, CVE-2024-10976, CVE-2025-8713)."""
_CLOCKS_APART_S = 2.0


async def check(db: Database) -> Sequence[Check]:
    try:
        async with db.engine() as connection:
            login = await guards.login(connection)
            here = datetime.now(UTC)
            strong = await guards.strong_roles(connection)
            opened = await guards.open_tables(connection)
    except DatabaseUnavailable as error:
        return [
            Check(
                "database",
                "broken",
                f"PostgreSQL can't be reached: {error}",
                "start it, or correct MILLSTREAM_DATABASE_URL",
            )
        ]
    return [_version(login), bound(login), _roles(strong), _tables(opened), _clock(login, here)]


def bound(login: Login) -> Check:
    """Whether the login of the processes is one that policies bind."""
    if login.superuser or login.bypasses_policies:
        what = "a superuser" if login.superuser else "free of row-level security"
        found = (
            f"API and worker connect as {login.name!r}, which is {what}: "
            "one mistake in a statement could show another workspace's rows"
        )
        remedy = (
            "make a login without rights (create role millstream login password …), run `millstream migrate --for millstream` "
            "as this one, and put the new one into MILLSTREAM_DATABASE_URL"
        )
        return Check("database", "unsafe", found, remedy)
    return Check("database", "ok", f"API and worker connect as {login.name!r}, which has no rights of its own")


def _version(login: Login) -> Check:
    major, minor = divmod(login.version, 10_000)
    if login.version < _FIXED.get(major, 0):
        fixed = _FIXED[major] % 10_000
        return Check(
            "versions",
            "note",
            f"PostgreSQL {major}.{minor} lacks security fixes that {major}.{fixed} has",
            "update the server",
        )
    return Check("versions", "ok", f"PostgreSQL {major}.{minor}")


def _roles(strong: Sequence[str]) -> Check:
    if strong:
        found = f"{', '.join(strong)}: roles that no policy binds, or that somebody can connect as"
        return Check("database", "unsafe", found, f"alter role {strong[0]} nosuperuser nobypassrls nologin")
    return Check("database", "ok", "the roles of the product can't connect, and policies bind them")


def _tables(opened: Sequence[str]) -> Check:
    if opened:
        found = f"rows of other workspaces can be read in {', '.join(opened)}"
        return Check(
            "database",
            "unsafe",
            found,
            "undo what was changed by hand: force row-level security on tables, revoke rights on their parts",
        )
    return Check("database", "ok", "row-level security is forced on every table with a workspace's rows")


def _clock(login: Login, here: datetime) -> Check:
    apart = abs((login.now - here).total_seconds())
    if apart > _CLOCKS_APART_S:
        found = f"the clocks of this machine and of the database's are {apart:.0f} s apart"
        return Check("clock", "note", found, "let both keep time by NTP: signatures, schedules and leases go by it")
    return Check("clock", "ok", "this machine's clock agrees with the database's")
