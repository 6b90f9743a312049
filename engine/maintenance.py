"""What has to be done from time to time, by one process of many: weeks made ahead and dropped, what is past its retention deleted.

Each piece is bounded and commits by itself, so that being cut short costs nothing, and a large backlog doesn't hold locks for long.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from db import audit, connection_tokens, flushes, keys, maintenance, partitions, rates
from db.connection import Connection
from db.errors import DatabaseError
from db.pool import Database
from engine.led_rounds import Leads, Rhythm, led_rounds
from workspace.data_rotation import KNOWN_AFTER_S

log = logging.getLogger("millstream.maintenance")

_RHYTHM = Rhythm(every=600.0, soon=30.0, spread=0.1)
"""Soon also when this process doesn't lead: its connection may just not be there yet."""
_BATCH = 200
_MANY = 5_000
_LONGEST = 120.0
"""Seconds for which one round deletes runs; what is left waits for the next one."""
_A_DAY = 86_400.0


class Maintenance:
    def __init__(self, db: Database, leads: Leads, *, audit_days: int = 365) -> None:
        """`audit_days`: how long the audit trail is kept; a month at least."""
        self._db = db
        self._leads = leads
        self._audit_days = audit_days
        self._daily = 0.0
        """When that which reads all headers is done next, by the process's own clock."""

    async def run(self) -> None:
        """A round at once and then every ten minutes, until cancelled."""
        await led_rounds("maintenance", self._leads, self.round, _RHYTHM, gone=(DatabaseError,), log=log)

    async def round(self) -> None:
        """Everything once. Raises `DatabaseError`."""
        async with self._db.engine() as conn:
            made = await partitions.ensure_weeks(conn)
        if made:
            log.info("made ahead: %s", ", ".join(made))
        for week in await partitions.drop_expired_weeks(self._db):
            log.info("the week of %s was dropped: all its runs are past their retention", week)
        await self._delete(maintenance.delete_expired_runs)
        await self._delete(maintenance.delete_left_behind)
        async with self._db.engine() as conn:
            await maintenance.delete_old_rows(conn)
        async with self._db.engine() as conn:
            await flushes.delete_old(conn)
        async with self._db.engine() as conn:
            await rates.delete_expired(conn, _MANY)
        async with self._db.engine() as conn:
            await connection_tokens.delete_expired(conn, _MANY)
        async with self._db.engine() as conn:
            await audit.delete_old(conn, self._audit_days)
        async with self._db.engine() as conn:
            await keys.retire(conn, KNOWN_AFTER_S)
        async with self._db.engine() as conn:
            await maintenance.strip_answers(conn)
        if time.monotonic() >= self._daily:
            # One that is cut short isn't made again before a day has passed either.
            self._daily = time.monotonic() + _A_DAY
            async with self._db.engine() as conn:
                await maintenance.retire_documents(conn)

    async def _delete(self, some: Callable[[Connection, int], Awaitable[int]]) -> None:
        end = time.monotonic() + _LONGEST
        while time.monotonic() < end:
            async with self._db.engine() as conn:
                gone = await some(conn, _BATCH)
            if gone < _BATCH:
                break
