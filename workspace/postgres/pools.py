"""Connections to the databases of workspaces, kept between steps.

    a pool        the connections of one credential: of one workspace's connection in one version of its secret
    free          idle connections of a pool, the last used on top; one that idles for `KEEP` seconds is closed

At most `PER_POOL` statements at once per pool and `TOTAL` in the process: the ones over wait, within their own time limit. When a connection's
secret or address changes, its key changes; the old pool takes no connection back, and is forgotten with its last one.

A connection goes back after `discard all`, so that no setting, role, temporary table or lock of one step is seen by the next. One
whose statement was
given up, or that is in an unknown state, is cut. A kept connection may be dead: `begin` finds out before the statement is sent,
and a new one is made.

Rejected: asyncpg's pool, which resets without the role and keeps prepared statements that poolers between don't; one connection per step (a
TLS handshake and an authentication each, and a server's limit reached by a loop).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NewType

import asyncpg

from modules.sdk.context import SqlMode, SqlResult
from modules.sdk.json import Json
from modules.sdk.verdicts import ModuleError
from workspace.egress.adapters.postgres import Connection, PostgresServer, connect
from workspace.egress.guard import LONGEST_CONNECT, Guard
from workspace.postgres import statement
from workspace.postgres.failures import failure, lost

PER_POOL = 5
TOTAL = 60
KEEP = 60.0
_CLEAN_WITHIN = 2.0
_GRACE = 2.0
"""Seconds beyond a statement's time limit for the server to cancel it and say so."""

_LOST = (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError)

PoolKey = NewType("PoolKey", tuple[int, str, str])
"""Workspace, connection, version of its credential."""


@dataclass(slots=True)
class _Pool:
    free: list[tuple[Connection, float]] = field(default_factory=list[tuple[Connection, float]])
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PER_POOL))
    users: int = 0
    closed: bool = False


class Pools:
    """One for a process. Close it at the end."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._pools: dict[PoolKey, _Pool] = {}
        self._total = asyncio.Semaphore(TOTAL)
        self._sweep: asyncio.TimerHandle | None = None

    def of(self, key: PoolKey, server: PostgresServer) -> PooledSql:
        """What a step is given. The same key must mean the same server and password."""
        return PooledSql(self, key, server)

    async def close(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
        for pool in self._pools.values():
            _shut(pool)
        self._pools.clear()

    @asynccontextmanager
    async def begun(
        self, key: PoolKey, server: PostgresServer, *, read_only: bool, timeout: float
    ) -> AsyncGenerator[Connection]:
        """A connection in a transaction. The block commits or rolls back; unless it ends in peace, the connection is cut."""
        pool = self._pool(key)
        pool.users += 1
        try:
            async with pool.slots, self._total:
                connection = await self._ready(pool, server, read_only=read_only, timeout=timeout)
                try:
                    yield connection
                    await _back(pool, connection)
                except BaseException:
                    await _cut(connection)
                    raise
        finally:
            pool.users -= 1
            self._sweep_later()

    def _pool(self, key: PoolKey) -> _Pool:
        pool = self._pools.get(key)
        if pool is None:
            for other in [each for each in self._pools if each[:2] == key[:2]]:
                _shut(self._pools.pop(other))
            pool = self._pools[key] = _Pool()
        return pool

    async def _ready(self, pool: _Pool, server: PostgresServer, *, read_only: bool, timeout: float) -> Connection:
        while pool.free:
            connection, _ = pool.free.pop()
            if connection.is_closed():
                continue
            try:
                await statement.begin(connection, read_only=read_only, timeout=timeout)
            except (*_LOST, asyncpg.OperatorInterventionError):
                connection.terminate()
                continue
            except BaseException:
                connection.terminate()
                raise
            return connection
        connection = await connect(self._guard, server, timeout=min(timeout, LONGEST_CONNECT))
        try:
            await connection.set_type_codec("interval", schema="pg_catalog", encoder=str, decoder=str, format="text")
            await statement.begin(connection, read_only=read_only, timeout=timeout)
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _sweep_later(self) -> None:
        if self._sweep is None and self._pools:
            self._sweep = asyncio.get_running_loop().call_later(KEEP / 2, self._swept)

    def _swept(self) -> None:
        self._sweep = None
        now = asyncio.get_running_loop().time()
        for key, pool in list(self._pools.items()):
            for connection, since in pool.free:
                if now - since >= KEEP:
                    connection.terminate()
            pool.free = [(connection, since) for connection, since in pool.free if now - since < KEEP]
            if not pool.free and not pool.users:
                del self._pools[key]
        self._sweep_later()


@dataclass(frozen=True, slots=True)
class PooledSql:
    """Implements `modules.sdk.context.Sql` for one connection of a workspace."""

    pools: Pools
    key: PoolKey
    server: PostgresServer

    async def query(
        self,
        sql: str,
        params: Sequence[Json],
        *,
        mode: SqlMode,
        read_only: bool,
        timeout: float,
        max_rows: int,
    ) -> SqlResult:
        server = str(self.server)
        try:
            async with (
                asyncio.timeout(timeout + _GRACE),
                self.pools.begun(self.key, self.server, read_only=read_only, timeout=timeout) as connection,
            ):
                try:
                    result = await statement.run(connection, sql, params, mode, max_rows)
                except (asyncpg.PostgresError, ModuleError) as error:
                    if connection.is_closed() or isinstance(error, asyncpg.PostgresConnectionError):
                        raise
                    await connection.execute("rollback")
                    refused: asyncpg.PostgresError | ModuleError = error
                else:
                    await connection.execute("commit")
                    return result
            raise refused
        except TimeoutError:
            raise ModuleError(
                "postgres.timeout", f"the database {server} gave no answer within {timeout:g} s"
            ) from None
        except asyncpg.PostgresError as error:
            raise failure(error, server, read_only=read_only, timeout=timeout) from None
        except (OSError, asyncpg.InterfaceError):
            raise lost(server, read_only=read_only) from None


def _shut(pool: _Pool) -> None:
    pool.closed = True
    for connection, _ in pool.free:
        connection.terminate()
    pool.free.clear()


async def _cut(connection: Connection) -> None:
    """`terminate` alone takes back the request to cancel that is under way, and a statement would go on at the server, with its locks."""
    try:
        with contextlib.suppress(TimeoutError, *_LOST, asyncpg.PostgresError):
            async with asyncio.timeout(_CLEAN_WITHIN):
                await connection.close()
    finally:
        connection.terminate()


async def _back(pool: _Pool, connection: Connection) -> None:
    """Clean and kept, or cut."""
    with contextlib.suppress(TimeoutError, *_LOST, asyncpg.PostgresError):
        async with asyncio.timeout(_CLEAN_WITHIN):
            await connection.execute("discard all")
        if not pool.closed:
            pool.free.append((connection, asyncio.get_running_loop().time()))
            return
    connection.terminate()
