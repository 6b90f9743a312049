"""Migrations: the files `migrations/NNNN_name.sql`, applied once each, in order, forward only.

Each file runs in one transaction as ms_owner together with its row in `schema_migrations`, so a process that is killed in the
middle leaves the database at the migration before. An advisory lock lets one process at a time in; the others wait and find
nothing left to do. A file that was applied must not change: its checksum is compared. A database with migrations that this
program doesn't know is left alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import asyncpg

from db.connection import LOST, Driver, unavailable
from db.driver import connect
from db.errors import NewerDatabase, WrongDatabase
from db.roles import ensure_roles, let_serve

_NAME = re.compile(r"(?P<version>\d{4})_[a-z0-9_]+\.sql")
_LOCK = "select pg_advisory_lock(hashtextextended('millstream.migrations', 0))"
_OLDEST_SERVER = 160000
_NOT_MIGRATED = (
    asyncpg.UndefinedTableError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InvalidParameterValueError,  # the role is not there
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. `checksum` is the SHA-256 of its text."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> tuple[Migration, ...]:
    """All files, in order; their numbers run from 1 without a gap."""
    found: list[Migration] = []
    for file in (resources.files("db") / "migrations").iterdir():
        if match := _NAME.fullmatch(file.name):
            text = file.read_text(encoding="utf-8")
            found.append(Migration(int(match["version"]), file.name.removesuffix(".sql"), text))
    found.sort(key=lambda migration: migration.version)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("the numbers of db/migrations must run from 0001 without a gap")
    return tuple(found)


async def migrate(url: str, steps: Sequence[Migration] | None = None, *, login: str | None = None) -> tuple[str, ...]:
    """Bring the database at `url` up to date, and let `login` serve it; gives the names of what was applied.

    Raises DatabaseUnavailable, NewerDatabase, WrongDatabase.
    """
    steps = migrations() if steps is None else steps
    connection = await connect(url, application="millstream migrate")
    try:
        applied = await _migrate(connection, steps)
        if login is not None:
            await let_serve(connection, login)
        return applied
    except LOST as error:
        raise unavailable(error) from error
    finally:
        # Closing ends the session and with it the lock, also after an error.
        connection.terminate()


async def _migrate(driver: Driver, steps: Sequence[Migration]) -> tuple[str, ...]:
    version = await driver.fetchrow("select current_setting('server_version_num')::integer")
    if version is None or int(str(version[0])) < _OLDEST_SERVER:
        raise WrongDatabase("the database server is too old: Millstream needs PostgreSQL 16 or newer")
    await driver.execute(_LOCK)
    await ensure_roles(driver)
    await driver.execute(
        "begin; set local role ms_owner; create table if not exists schema_migrations (version integer primary key, "
        "name text not null, checksum text not null, applied_at timestamptz not null default now()); "
        "grant select on schema_migrations to ms_app, ms_engine; commit"
    )
    done = await _applied(driver)
    _compare(done, steps)
    applied: list[str] = []
    for step in steps[len(done) :]:
        await _apply(driver, step)
        applied.append(step.name)
    return tuple(applied)


async def _apply(driver: Driver, step: Migration) -> None:
    await driver.execute("begin; set local role ms_owner; set local client_min_messages = warning")
    try:
        await driver.execute(step.sql)
        await driver.execute(
            "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)",
            step.version,
            step.name,
            step.checksum,
        )
    except asyncpg.PostgresError as error:
        if not driver.is_closed():
            await driver.execute("rollback")
        if isinstance(error, LOST):
            raise
        raise WrongDatabase(f"migration {step.name!r} failed: {error}") from error
    await driver.execute("commit")


async def _applied(driver: Driver) -> list[tuple[int, str, str]]:
    rows = await driver.fetch("select version, name, checksum from schema_migrations order by version")
    return [(int(str(row[0])), str(row[1]), str(row[2])) for row in rows]


def _compare(done: Sequence[tuple[int, str, str]], steps: Sequence[Migration]) -> None:
    if done and done[-1][0] > len(steps):
        raise NewerDatabase(
            f"the database was brought to migration {done[-1][1]!r} by a newer Millstream, and this one knows "
            f"{len(steps)} migrations: start the newer program, or use another database"
        )
    for (version, name, checksum), step in zip(done, steps, strict=False):
        if version != step.version or checksum != step.checksum:
            raise WrongDatabase(
                f"migration {name!r} was applied to the database in another form than this program has it "
                f"({step.name!r}): it comes from a different build of Millstream"
            )


async def check_version(driver: Driver) -> None:
    """Raise unless the database is exactly at this program's migrations."""
    steps = migrations()
    try:
        # Whoever is connected need not have a right of their own.
        await driver.execute("begin; set local role ms_engine")
        try:
            done = await _applied(driver)
        finally:
            if not driver.is_closed():
                await driver.execute("rollback")
    except _NOT_MIGRATED as error:
        raise WrongDatabase("the database has no tables of Millstream yet: run 'millstream migrate'") from error
    _compare(done, steps)
    if len(done) < len(steps):
        raise WrongDatabase(
            f"the database lacks {len(steps) - len(done)} migration(s), the next is {steps[len(done)].name!r}: "
            "run 'millstream migrate'"
        )
