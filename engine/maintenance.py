"""What has to be done from time to time, by one process of many: weeks made ahead and dropped, what is past its retention deleted.

Each piece is bounded and commits by itself, so that being cut short costs nothing, and a large backlog doesn't hold locks for long.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable

from db import maintenance, partitions
from db.errors import DatabaseError
from db.pool import Database

log = logging.getLogger("millstream.maintenance")

_EVERY = 600.0
_SOON = 30.0
"""Seconds until the next try when this process doesn't lead, or could not: its connection may just not be there yet."""
_BATCH = 200
_ROUNDS = 100
"""Batches of runs that one round deletes at most; what is left waits for the next one."""

Leads = Callable[[str], Awaitable[bool]]


class Maintenance:
    """`leads` tells whether this process is the one to do it: see `db/channel.py`."""

    def __init__(self, db: Database, leads: Leads) -> None:
        self._db = db
        self._leads = leads
        self._chance = secrets.SystemRandom()

    async def run(self) -> None:
        """A round at once and then every ten minutes, until cancelled."""
        while True:
            pause = _SOON
            try:
                if await self._leads("maintenance"):
                    await self.round()
                    pause = _EVERY
            except DatabaseError as error:
                log.info("maintenance was cut short: %s", error)
            except Exception:
                log.exception("maintenance failed; the next round begins anew")
                pause = _EVERY
            await asyncio.sleep(pause * self._chance.uniform(0.9, 1.1))

    async def round(self) -> None:
        """Everything once. Raises `DatabaseError`."""
        async with self._db.engine() as conn:
            made = await partitions.ensure_weeks(conn)
        if made:
            log.info("made ahead: %s", ", ".join(made))
        for week in await partitions.drop_expired_weeks(self._db):
            log.info("the week of %s was dropped: all its runs are past their retention", week)
        for _ in range(_ROUNDS):
            async with self._db.engine() as conn:
                gone = await maintenance.delete_expired_runs(conn, _BATCH)
            if gone < _BATCH:
                break
        async with self._db.engine() as conn:
            await maintenance.delete_old_rows(conn)
        async with self._db.engine() as conn:
            await maintenance.strip_answers(conn)
        async with self._db.engine() as conn:
            await maintenance.retire_documents(conn)
