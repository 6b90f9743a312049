"""Compares open runs with the executions that should carry them, and puts right what a lost Temporal store forgot.

    row started, execution open        as it should be
    row started, none, or closed       the run is queued again as `recovered`: its next execution takes over what its log has
    row gone                           nothing to do; an execution that outlives its run ends by itself at its next write

Only rows that were started a while ago are looked at, so that a start in flight is never taken for a lost one. The walk is paced, so that
it never competes with starts, and one process of many walks.
"""

from __future__ import annotations

import asyncio
import logging

from db import queue
from db.errors import DatabaseUnavailable
from db.ids import RunId
from db.pool import Database
from db.queue import OpenRow
from engine.dispatch.executions import CarrierGone, Executions, State
from engine.hub import Hub, Kind
from engine.led_rounds import Leads, Rhythm, led_rounds

log = logging.getLogger("millstream.reconciler")

_PAGE = 100
_RHYTHM = Rhythm(every=60.0, soon=5.0, spread=0.25)
_AGE = 10.0
"""Seconds since its start before a row is looked at."""
_AT_ONCE = 5
_PACE = 0.05
"""Seconds between two groups of looks: at most a hundred a second."""


class Reconciler:
    def __init__(self, db: Database, hub: Hub, executions: Executions, leads: Leads) -> None:
        self._db = db
        self._hub = hub
        self._executions = executions
        self._leads = leads

    async def run(self) -> None:
        """Walk until cancelled."""
        gone = (CarrierGone, DatabaseUnavailable)
        await led_rounds("reconciler", self._leads, self.walk, _RHYTHM, gone=gone, log=log)

    async def walk(self, older_s: float = _AGE) -> int:
        """Look at every open run once; gives how many were queued again. Raises CarrierGone, DatabaseUnavailable."""
        after: RunId | None = None
        found = 0
        async with self._db.single() as conn:
            for run_id in await queue.repair(conn):
                log.warning("run %s stood still though its key and its workflow's cap let it go", run_id)
                found += 1
        while True:
            async with self._db.single() as conn:
                rows = await queue.open_rows(conn, after, _PAGE, older_s)
            for start in range(0, len(rows), _AT_ONCE):
                group = rows[start : start + _AT_ONCE]
                found += sum(await asyncio.gather(*(self._look(row) for row in group)))
                await asyncio.sleep(_PACE)
            if len(rows) < _PAGE:
                return found
            after = rows[-1].run_id

    async def _look(self, row: OpenRow) -> bool:
        run_id = str(row.run_id)
        state = await self._executions.state(run_id)
        if state is State.OPEN:
            return False
        # Its end may have been written between the page and the look; `recover` touches open rows only. A closed execution writes
        # the end before it closes, so the row would be gone by now.
        async with self._db.single() as conn:
            again = await queue.recover(conn, row.run_id, row.epoch)
        if again:
            log.warning("run %s has no execution any more (%s); it is started again", run_id, state.value)
            self._hub.publish(row.workspace_id, run_id, Kind.QUEUED)
        return again
