"""The pool, and the two ways into the database: for one workspace, or for the installation.

Every connection starts as ms_engine (the role is part of the connection's start, so it costs nothing later), and no
session state is ever changed, so nothing needs cleaning when a connection goes back:

    tenant(ws)    a transaction as ms_app which sees the rows of `ws` only     begin + role + workspace + actor in one trip
    engine(ws?)   a transaction as ms_engine, narrowed to `ws` if given        the same
    single()      no transaction: for exactly one statement as ms_engine       no trip of its own

`single` is what the hot calls use (accept, record, claim): one function of the database is one statement and one commit.

Rejected: pools of their own per role (three times the connections); SET ROLE and RESET for each use (two more trips); asyncpg's
transaction objects (a trip for BEGIN alone); its reset at release (one more trip, for state that we never make).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol, cast

import asyncpg

from db.actor import actor_setting
from db.connection import LOST, NOT_NOW, Connection, is_gone, unavailable
from db.driver import CONNECT_TIMEOUT_S, REFUSED, SESSION, UNREACHED, Session, connect, prepare, refused
from db.errors import DatabaseUnavailable
from db.ids import WorkspaceId
from db.log_seal import LogSeal
from db.migrate import check_version

ACQUIRE_TIMEOUT_S = 10.0
STATEMENT_TIMEOUT_S = 20.0
"""Of a statement on the pool's connections. A server that stands still, or a network that swallows packets, says nothing: without
a limit whoever asked would wait for ever. Long work (weeks, migrations) has connections of its own, without one."""
_RELEASE_TIMEOUT_S = 2.0
"""For a statement that was given up to be cancelled on the server; then the connection is cut."""


class _Pool(Protocol):
    async def acquire(self, *, timeout: float | None = None) -> Session: ...
    async def release(self, connection: Session, *, timeout: float | None = None) -> None: ...
    async def close(self) -> None: ...
    def terminate(self) -> None: ...


async def _leave_as_it_is(connection: object) -> None:
    """Nothing to reset: see the module's text."""


class Database:
    """All access to one database. Opened once, closed once, shared by everything in the process."""

    def __init__(self, pool: _Pool, url: str, application: str) -> None:
        self._pool = pool
        self._url = url
        self._application = application
        self._seal: LogSeal | None = None

    @classmethod
    async def open(
        cls, url: str, *, min_size: int = 1, max_size: int = 10, application: str = "millstream"
    ) -> Database:
        """Connect and check that the database is at this program's migrations.

        Raises DatabaseUnavailable, WrongDatabase, NewerDatabase.
        """
        # A connection of its own first: asyncpg's pool would try for a long time what is refused for good.
        first = await connect(url, application=application)
        try:
            await check_version(first)
        except LOST as error:
            raise unavailable(error) from error
        finally:
            first.terminate()
        try:
            pool = await asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType]  # untyped library
                url,
                min_size=min_size,
                max_size=max_size,
                max_inactive_connection_lifetime=300.0,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=STATEMENT_TIMEOUT_S,
                init=prepare,
                reset=_leave_as_it_is,
                server_settings={**SESSION, "application_name": application, "role": "ms_engine"},
            )
        except REFUSED as error:
            raise refused(error) from error
        except UNREACHED as error:
            raise unavailable(error) from error
        return cls(cast("_Pool", pool), url, application)

    def seal_by(self, seal: LogSeal) -> None:
        """From now on data of runs is closed and opened by it. Before anybody else has the database."""
        self._seal = seal

    async def close(self) -> None:
        """Wait for what is at work, then close every connection; after ten seconds, cut them."""
        try:
            await asyncio.wait_for(self._pool.close(), 10.0)
        except (TimeoutError, *LOST):
            self._pool.terminate()

    @asynccontextmanager
    async def tenant(self, workspace_id: WorkspaceId) -> AsyncGenerator[Connection]:
        """A transaction that acts for one workspace and sees nothing else."""
        async with (
            self._acquired() as driver,
            _transaction(driver, "ms_app", str(int(workspace_id)), self._seal) as connection,
        ):
            yield connection

    @asynccontextmanager
    async def engine(self, workspace_id: WorkspaceId | None = None) -> AsyncGenerator[Connection]:
        """A transaction that acts for the installation; given a workspace, for its rows only."""
        own = "" if workspace_id is None else str(int(workspace_id))
        async with self._acquired() as driver, _transaction(driver, "ms_engine", own, self._seal) as connection:
            yield connection

    @asynccontextmanager
    async def single(self) -> AsyncGenerator[Connection]:
        """A connection without a transaction: each statement commits by itself."""
        async with self._acquired() as driver:
            yield Connection(driver, self._seal)

    @asynccontextmanager
    async def owner(self) -> AsyncGenerator[Connection]:
        """A connection of its own as ms_owner, without a transaction: for weeks, which can't be detached in one."""
        session = await self._alone("owner")
        try:
            connection = Connection(session)
            await connection.script("set role ms_owner; set lock_timeout = '5s'")
            yield connection
        finally:
            session.terminate()

    @asynccontextmanager
    async def listener(self) -> AsyncGenerator[Session]:
        """A connection of its own for LISTEN and NOTIFY, outside of the pool."""
        session = await self._alone("listener")
        try:
            yield session
        finally:
            session.terminate()

    async def _alone(self, purpose: str) -> Session:
        return await connect(self._url, application=f"{self._application} {purpose}")

    @asynccontextmanager
    async def _acquired(self) -> AsyncGenerator[Session]:
        try:
            driver = await self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
        except TimeoutError as error:
            raise DatabaseUnavailable(
                f"no connection to the database was free within {ACQUIRE_TIMEOUT_S:.0f} s"
            ) from error
        except REFUSED as error:
            raise refused(error) from error
        except UNREACHED as error:
            raise unavailable(error) from error
        except asyncpg.InterfaceError as error:
            raise DatabaseUnavailable(f"the pool of connections is closed: {error}") from error
        try:
            yield driver
        finally:
            try:
                await asyncio.shield(self._pool.release(driver, timeout=_RELEASE_TIMEOUT_S))
            except (*LOST, asyncpg.InterfaceError):
                # The connection is broken and leaves the pool by itself; the caller has its own error or its answer.
                pass


@asynccontextmanager
async def _transaction(driver: Session, role: str, workspace: str, seal: LogSeal | None) -> AsyncGenerator[Connection]:
    connection = Connection(driver, seal)
    # All values are ours (a name, an integer, hexadecimal digits), so they may stand in the text: one trip instead of three.
    actor = actor_setting()
    acts = "" if actor is None else f", set_config('app.actor', '{actor}', true)"
    await connection.script(f"begin; set local role {role}; select set_config('app.ws', '{workspace}', true){acts}")
    try:
        yield connection
    except BaseException:
        if not is_gone(driver):
            await asyncio.shield(_rollback(driver))
        raise
    await _commit(driver)


async def _rollback(driver: Session) -> None:
    try:
        await driver.execute("rollback", timeout=_RELEASE_TIMEOUT_S)
    except (*LOST, asyncpg.InterfaceError, asyncpg.PostgresError):
        # A connection that can't roll back is lost, and the server rolls back for it.
        _cut(driver)


async def _commit(driver: Session) -> None:
    try:
        said = await driver.execute("commit")
    except (*LOST, *NOT_NOW, asyncpg.InterfaceError) as error:
        raise unavailable(error) from error
    except BaseException:
        # Cut short (a cancelled task): the connection's state isn't known, so nobody else may get it.
        _cut(driver)
        raise
    if said != "COMMIT":
        # A statement failed, somebody caught its error, and the server undid everything.
        raise RuntimeError("a transaction whose statement failed was not undone by its owner; nothing was written")


def _cut(driver: Session) -> None:
    if not is_gone(driver):
        driver.terminate()
