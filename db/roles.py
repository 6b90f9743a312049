"""The four roles, made before the first migration.

Roles belong to the server and not to a database, so several databases of one server may be migrated at the same moment, and
a lock can't help, since advisory locks belong to a database. So every step here may lose a race and is then tried
again; each asks first whether it is still needed.
"""

from __future__ import annotations

import asyncio

import asyncpg

from db.connection import Driver
from db.errors import WrongDatabase

ROLES = ("ms_owner", "ms_app", "ms_engine", "ms_search")

_LOST_RACES = (
    asyncpg.DuplicateObjectError,
    asyncpg.UniqueViolationError,
    asyncpg.InternalServerError,  # "tuple concurrently updated"
    asyncpg.DeadlockDetectedError,
)
_ATTEMPTS = 20


async def ensure_roles(driver: Driver) -> None:
    """Make what is missing and let the connection's user act as each; raises WrongDatabase if it has no right to."""
    for role in ROLES:
        await _until_settled(driver, "select 1 from pg_roles where rolname = $1", role, f"create role {role} nologin")
        await _until_settled(
            driver,
            "select 1 where pg_has_role(current_user, $1, 'set')",
            role,
            f"grant {role} to current_user with inherit false, set true",
        )
    await _until_settled(
        driver,
        "select 1 where has_schema_privilege($1, 'public', 'create with grant option, usage with grant option') "
        "and has_database_privilege($1, current_database(), 'create')",
        "ms_owner",
        "do $$ begin grant create, usage on schema public to ms_owner with grant option; "
        "execute format('grant create on database %I to ms_owner', current_database()); end $$",
    )


async def let_serve(driver: Driver, login: str) -> None:
    """Let this login, which is there and needs no other right, act as the roles of the API and the worker.

    Raises WrongDatabase: there is no such login, or the connection's user has no right to.
    """
    if await driver.fetchrow("select 1 from pg_roles where rolname = $1 and rolcanlogin", login) is None:
        raise WrongDatabase(f"the database server has no login role {login!r}: make it first (create role … login)")
    quoted = '"' + login.replace('"', '""') + '"'
    for role in ("ms_owner", "ms_app", "ms_engine"):
        await _until_settled(
            driver,
            f"select 1 where pg_has_role('{login.replace(chr(39), chr(39) * 2)}', $1, 'set')",
            role,
            f"grant {role} to {quoted} with inherit false, set true",
        )


async def _until_settled(driver: Driver, question: str, role: str, remedy: str) -> None:
    for attempt in range(_ATTEMPTS):
        if await driver.fetchrow(question, role) is not None:
            return
        try:
            await driver.execute(remedy)
        except _LOST_RACES:
            await asyncio.sleep(0.005 * attempt)
        except asyncpg.InsufficientPrivilegeError as error:
            raise WrongDatabase(
                f"the database's user may not do {remedy.split(' to ')[0]!r}: let a superuser make the roles "
                f"{', '.join(ROLES)} (nologin), grant them to this user, and make it the database's owner"
            ) from error
    if await driver.fetchrow(question, role) is None:
        raise WrongDatabase(f"the role {role!r} could not be set up: {remedy!r} had no effect")
