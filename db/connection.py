"""One connection as the nouns see it: typed rows in, typed rows out, and one kind of error when the server is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar, cast

import asyncpg

from db.errors import DatabaseUnavailable, LockHeld
from db.log_seal import LogSeal
from db.statements import Query

T = TypeVar("T")


class Driver(Protocol):
    """What we use of asyncpg's connection, which comes without types."""

    async def fetch(self, query: str, *args: object, timeout: float | None = None) -> list[Sequence[object]]: ...
    async def fetchrow(self, query: str, *args: object, timeout: float | None = None) -> Sequence[object] | None: ...
    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str: ...
    def is_closed(self) -> bool: ...
    def is_in_transaction(self) -> bool: ...


# Raised when the server went away, is starting, shutting down, or full. InterfaceError comes when a connection
# that was lost is used once more, and for misuse; the latter is told by the connection being open still.
LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    # The library's state machine, when a server that dies says good-bye on an idle connection just before it is used.
    asyncpg.InternalClientError,
)
# The server is there and undid the statement for a reason that isn't the statement's: the same call may succeed later.
NOT_NOW = (
    asyncpg.InsufficientResourcesError,  # a full disk, no memory, a limit
    asyncpg.OperatorInterventionError,  # stopped by somebody
    asyncpg.TransactionRollbackError,  # chosen to end a deadlock
    asyncpg.PostgresIOError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby that isn't the new primary yet
)
_EXPECTED = (*LOST, *NOT_NOW, asyncpg.InterfaceError)


def unavailable(error: BaseException) -> DatabaseUnavailable:
    """The error to raise instead of `error`."""
    said = str(error) or type(error).__name__
    if isinstance(error, asyncpg.LockNotAvailableError):
        return LockHeld(f"somebody else holds what the database needs for this: {said}")
    if isinstance(error, NOT_NOW) and not isinstance(error, LOST):
        return DatabaseUnavailable(f"the database can't do this now: {said}")
    return DatabaseUnavailable(f"the database can't be reached: {said}")


def is_gone(driver: Driver) -> bool:
    """Whether the connection is closed. The pool takes a lost one back by itself, and its proxy then only raises."""
    try:
        return driver.is_closed()
    except asyncpg.InterfaceError:
        return True


class Connection:
    """Runs queries. It belongs to one task at a time, and is of no use after the block that gave it.

    `seal`: by what the nouns close and open data of runs (`db.log_seal`); None: it is taken and given as it stands.
    """

    __slots__ = ("_driver", "seal")

    def __init__(self, driver: Driver, seal: LogSeal | None = None) -> None:
        self._driver = driver
        self.seal = seal

    async def all(self, query: Query[T], **given: object) -> list[T]:
        """Every row."""
        found = await self._fetch(query, given)
        return [query.build(row) for row in found]

    async def maybe(self, query: Query[T], **given: object) -> T | None:
        """The first row, None if there is none."""
        row = await self._first(query, given)
        return None if row is None else query.build(row)

    async def one(self, query: Query[T], **given: object) -> T:
        """The one row; LookupError if there is none."""
        row = await self._first(query, given)
        if row is None:
            raise LookupError(f"{query.statement.name!r} found nothing")
        return query.build(row)

    async def count(self, query: Query[None], **given: object) -> int:
        """Run a command and tell how many rows it touched."""
        arguments = query.arguments(given)
        try:
            tag = await self._driver.execute(query.statement.sql, *arguments)
        except _EXPECTED as error:
            raise self._translated(error) from error
        last = tag.rsplit(" ", 1)[-1]
        return int(last) if last.isdigit() else 0

    async def script(self, sql: str) -> None:
        """Run text that may hold several statements, without parameters."""
        try:
            await self._driver.execute(sql)
        except _EXPECTED as error:
            raise self._translated(error) from error

    @asynccontextmanager
    async def savepoint(self) -> AsyncGenerator[None]:
        """What happens inside is undone when it raises; the transaction around it goes on."""
        await self.script("savepoint here")
        try:
            yield
        except BaseException:
            if not is_gone(self._driver):
                await asyncio.shield(self.script("rollback to savepoint here; release savepoint here"))
            raise
        await self.script("release savepoint here")

    async def _first(self, query: Query[T], given: dict[str, object]) -> Sequence[object] | None:
        arguments = query.arguments(given)
        try:
            return await self._driver.fetchrow(query.statement.sql, *arguments)
        except _EXPECTED as error:
            raise self._translated(error) from error

    async def _fetch(self, query: Query[T], given: dict[str, object]) -> list[Sequence[object]]:
        arguments = query.arguments(given)
        try:
            return await self._driver.fetch(query.statement.sql, *arguments)
        except _EXPECTED as error:
            raise self._translated(error) from error

    def _translated(self, error: BaseException) -> BaseException:
        if isinstance(error, asyncpg.InterfaceError) and not is_gone(self._driver):
            return cast("BaseException", error)
        return unavailable(error)
