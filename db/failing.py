"""A database whose connections pass failpoints: see `db/failpoints.py`. Used only when one is set."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

import asyncpg

from db.driver import Listening, Session
from db.failpoints import Border, Failpoints, names_by_text, script_name
from db.pool import Database


class FailingDatabase(Database):
    """The same database, through other connections."""

    def __init__(self, over: Database, failpoints: Failpoints) -> None:
        super().__init__(over._pool, over._url, over._application)
        self._failpoints = failpoints
        self._seal = over._seal

    async def _alone(self, purpose: str) -> Session:
        return FailingSession(await super()._alone(purpose), self._failpoints)

    @asynccontextmanager
    async def _acquired(self) -> AsyncGenerator[Session]:
        async with super()._acquired() as session:
            yield FailingSession(session, self._failpoints)


class FailingSession:
    """A session that knows by their texts what its statements are, and from `begin` to `commit`, what will be committed."""

    def __init__(self, session: Session, failpoints: Failpoints) -> None:
        self._session = session
        self._failpoints = failpoints
        self._uncommitted: list[str] | None = None
        """Names of what the open transaction did; None outside of one."""

    async def fetch(self, query: str, *args: object, timeout: float | None = None) -> list[Sequence[object]]:
        name = names_by_text().get(query)
        await self._pass("before", name)
        found = await self._session.fetch(query, *args, timeout=timeout)
        await self._done(name)
        return found

    async def fetchrow(self, query: str, *args: object, timeout: float | None = None) -> Sequence[object] | None:
        name = names_by_text().get(query)
        await self._pass("before", name)
        found = await self._session.fetchrow(query, *args, timeout=timeout)
        await self._done(name)
        return found

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        name = names_by_text().get(query) or script_name(query)
        await self._pass("before", name)
        said = await self._session.execute(query, *args, timeout=timeout)
        if query.startswith("begin;"):
            self._uncommitted = []
        elif query == "rollback":
            self._uncommitted = None
        elif query == "commit":
            committed, self._uncommitted = self._uncommitted or [], None
            for one in committed:
                await self._pass("after", one)
        else:
            await self._done(name)
        return said

    def is_closed(self) -> bool:
        return self._session.is_closed()

    def is_in_transaction(self) -> bool:
        return self._session.is_in_transaction()

    async def close(self, *, timeout: float | None = None) -> None:
        await self._session.close(timeout=timeout)

    def terminate(self) -> None:
        self._session.terminate()

    async def add_listener(self, channel: str, callback: Callable[[object, int, str, str], None]) -> None:
        await cast("Listening", self._session).add_listener(channel, callback)

    def add_termination_listener(self, callback: Callable[[object], None]) -> None:
        cast("Listening", self._session).add_termination_listener(callback)

    async def set_type_codec(self, typename: str, *, schema: str, encoder: object, decoder: object) -> None:
        await self._session.set_type_codec(typename, schema=schema, encoder=encoder, decoder=decoder)

    async def _done(self, name: str | None) -> None:
        if self._uncommitted is None:
            await self._pass("after", name)
        elif name is not None:
            self._uncommitted.append(name)
            await self._pass("mid", name)

    async def _pass(self, border: Border, name: str | None) -> None:
        if name is not None:
            await self._failpoints.passing(f"{border}:{name}", self._broken)

    def _broken(self, sqlstate: str) -> BaseException:
        if sqlstate:
            return asyncpg.PostgresError.new(  # pyright: ignore
                {"S": "ERROR", "C": sqlstate, "M": f"a failpoint answers with SQLSTATE {sqlstate}"}
            )
        # As when the server goes: the connection is of no use any more.
        self._session.terminate()
        return ConnectionResetError("a failpoint cut the connection")
