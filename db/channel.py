"""LISTEN and NOTIFY on a connection of its own: texts between the processes of one installation.

What is sent while somebody isn't connected is lost to them; whoever listens looks at the rows after each new connection. The same
connection holds the session's advisory locks, by which one process of many does the work that only one may do: a lock is lost with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import cast

from db.connection import Connection
from db.driver import Listening
from db.errors import DatabaseUnavailable
from db.pool import Database
from db.statements import command, values

CHANNEL = "millstream"

_NOTIFY = command("channel", "notify")
_TRY_LOCK = values("channel", "try_lock", bool)

_ALIVE_S = 15.0
"""Between two looks at a connection on which nothing is heard: a peer that vanished sends nothing, not even an end."""


class Channel:
    """One per process. `listen` holds the connection; sending and locking work while it runs."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._held: set[str] = set()

    async def listen(self, heard: Callable[[str], None], connected: Callable[[], None]) -> None:
        """Call `heard` with every text until cancelled, and `connected` after each connection that was made."""
        while True:
            with contextlib.suppress(DatabaseUnavailable):
                await self._listen_once(heard, connected)
            await asyncio.sleep(random.uniform(0.2, 1.0))  # noqa: S311  (spreads reconnects, keeps no secret)

    async def send(self, text: str) -> None:
        """To all that listen, this process too. Raises DatabaseUnavailable."""
        async with self._turn:
            await self._open().count(_NOTIFY, channel=CHANNEL, text=text)

    async def leads(self, name: str) -> bool:
        """Whether this process holds the lock `name`, taking it if it is free. Never waits, never raises."""
        async with self._turn:
            if name in self._held:
                return True
            try:
                got = await self._open().one(_TRY_LOCK, name=name)
            except DatabaseUnavailable:
                return False
            if got:
                self._held.add(name)
            return got

    def _open(self) -> Connection:
        if self._connection is None:
            raise DatabaseUnavailable("the connection that listens is not there at the moment")
        return self._connection

    async def _listen_once(self, heard: Callable[[str], None], connected: Callable[[], None]) -> None:
        lost = asyncio.Event()

        def on_text(connection: object, pid: int, channel: str, payload: str) -> None:
            heard(payload)

        def on_end(connection: object) -> None:
            lost.set()

        async with self._db.listener() as session:
            listening = cast("Listening", session)
            listening.add_termination_listener(on_end)
            await listening.add_listener(CHANNEL, on_text)
            self._connection = Connection(session)
            try:
                connected()
                while not await _within(lost, _ALIVE_S):
                    async with self._turn, asyncio.timeout(_ALIVE_S):
                        await self._connection.script("select 1")
            except TimeoutError:
                return
            finally:
                self._connection = None
                self._held.clear()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
