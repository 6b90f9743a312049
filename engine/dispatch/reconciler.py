"""Compares open runs with the executions that should carry them, both ways, and puts right what a lost or restored store forgot.

    row started, execution open        as it should be; but one whose tasks fail again and again is told of in words
    row started, none, or closed       the run is queued again as `recovered`: its next execution takes over what its log has
    run ended, execution open          it is ended: an execution that waits or sleeps would only find out when it wakes, a year later perhaps
    run unknown, execution open        the same, but later: PostgreSQL was restored from a copy that is older than the run

Three looks, by one process of many:

- *The ends of the line*, every few seconds: the oldest and the newest started run are asked for. A Temporal that lost its store, or was restored
  from an older copy, doesn't know one of the two, and the whole walk begins at once.
- *The walk*, every minute or so: all open executions in a few pages, compared with all started rows. What differs is asked for one by
  one before anything is done, since lists lag behind; only rows that were started a while ago count, so that a start in flight is never taken
  for a lost one. It is paced, so that it takes a few hundredths of a core however many runs are open.
- *Trouble*: of the runs that are at work, some in turn are asked for how often their next task was tried. An exception inside the engine
  fails the task, not the run, and Temporal tries again for ever; the run says so in `waiting_for`, and cancelling it ends it here, since it
  can't hear of it any more.

Rejected: asking Temporal for every open run (a hundred calls a second, for ever, with ten thousand that wait); ending an execution at
the first sight of it (a commit may be on its way, or the process connected to the wrong database for a moment).
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime

from db import queue
from db.errors import DatabaseUnavailable
from db.ids import RunId
from db.pool import Database
from db.queue import AtWork, OpenRow
from engine.core.errors import StepError
from engine.dispatch.executions import CarrierGone, Executions, State
from engine.dispatch.survey import Survey
from engine.hub import Hub, Kind
from engine.led_rounds import Leads, Rhythm, led_rounds
from engine.runs.ending import end_run

log = logging.getLogger("millstream.reconciler")

_RHYTHM = Rhythm(every=5.0, soon=2.0, spread=0.2)
_WALK_EVERY = 60.0
_TROUBLE_EVERY = 15.0
_PAGE = 500
_AGE = 10.0
"""Seconds since its start before a row is looked at."""
_ENDED_FOR, _UNKNOWN_FOR = 30.0, 600.0
"""Seconds that an execution may stay open after its run's end, and without any run."""
_AT_ONCE = 5
_PACE = 0.05
"""Seconds between two groups of looks: at most a hundred a second."""
_IDLE_SHARE = 20
"""So many times as long as a page took, nothing is done after it."""
_LOOKED_AT = 20
"""Runs at work that one look at trouble asks for."""
_ATTEMPTS = 3
"""Of one task, from which on it is trouble; the second one may be due to a worker that died."""


class Reconciler:
    def __init__(self, db: Database, hub: Hub, executions: Executions, survey: Survey, leads: Leads) -> None:
        self._db = db
        self._hub = hub
        self._executions = executions
        self._survey = survey
        self._leads = leads
        self._next_walk = 0.0
        self._next_look = 0.0
        self._looked_at: RunId | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        gone = (CarrierGone, DatabaseUnavailable)
        await led_rounds("reconciler", self._leads, self.round, _RHYTHM, gone=gone, log=log)

    async def round(self) -> None:
        """What is due. Raises CarrierGone, DatabaseUnavailable."""
        if time.monotonic() >= self._next_walk or await self.store_lost():
            await self.walk()
            self._next_walk = time.monotonic() + _WALK_EVERY
        if time.monotonic() >= self._next_look:
            await self.look_for_trouble()
            self._next_look = time.monotonic() + _TROUBLE_EVERY

    async def store_lost(self, older_s: float = _AGE) -> bool:
        """Whether Temporal doesn't carry the oldest or the newest started run. Raises CarrierGone, DatabaseUnavailable."""
        async with self._db.single() as conn:
            ends = await queue.ends_of_line(conn, older_s)
        states = [await self._executions.state(str(run_id)) for run_id in ends]
        if all(state is State.OPEN for state in states):
            return False
        async with self._db.single() as conn:
            # One that has just ended is closed as it should be.
            still = set(await queue.ends_of_line(conn, older_s))
        return any(run_id in still for run_id, state in zip(ends, states, strict=True) if state is not State.OPEN)

    async def walk(self, older_s: float = _AGE, ended_s: float = _ENDED_FOR, unknown_s: float = _UNKNOWN_FOR) -> int:
        """Compare everything once; gives how many runs were put right. Raises CarrierGone, DatabaseUnavailable."""
        found = 0
        async with self._db.single() as conn:
            for run_id in await queue.repair(conn):
                log.warning("run %s stood still though its key and its workflow's cap let it go", run_id)
                found += 1
        carried = await self._open()
        after: RunId | None = None
        while True:
            async with self._db.single() as conn:
                rows = await queue.open_rows(conn, after, _PAGE, older_s)
            seen = [row for row in rows if carried.pop(str(row.run_id), None) is None]
            for start in range(0, len(seen), _AT_ONCE):
                group = seen[start : start + _AT_ONCE]
                found += sum(await asyncio.gather(*(self._look(row) for row in group)))
                await asyncio.sleep(_PACE)
            if len(rows) < _PAGE:
                break
            after = rows[-1].run_id
        return found + await self._end_unowned(carried, ended_s, unknown_s)

    async def _open(self) -> dict[str, datetime]:
        """All executions that Temporal says are open, with their starts."""
        carried: dict[str, datetime] = {}
        more: bytes | None = None
        while True:
            begun = time.monotonic()
            page = await self._survey.open_page(more)
            carried.update(page.started)
            more = page.more
            if more is None:
                return carried
            await asyncio.sleep((time.monotonic() - begun) * _IDLE_SHARE)

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

    async def _end_unowned(self, carried: dict[str, datetime], ended_s: float, unknown_s: float) -> int:
        """End those executions that carry no open run."""
        ids = sorted(carried)
        count = 0
        for start in range(0, len(ids), _PAGE):
            async with self._db.single() as conn:
                unowned = await queue.unowned(conn, ids[start : start + _PAGE], ended_s)
            for one in unowned:
                age = (datetime.now(UTC) - carried[one.workflow_id]).total_seconds()
                if not one.ended and age < unknown_s:
                    continue
                why = "its run has ended" if one.ended else "there is no such run"
                if await self._survey.end(one.workflow_id, f"Millstream: {why}"):
                    log.warning("the execution %s was still open though %s; it is ended", one.workflow_id, why)
                    count += 1
        return count

    async def look_for_trouble(self, older_s: float = _AGE, attempts: int = _ATTEMPTS) -> int:
        """Ask for some runs at work and for those in trouble; gives how many are in trouble. Raises CarrierGone, DatabaseUnavailable."""
        async with self._db.single() as conn:
            rows = await queue.at_work(conn, self._looked_at, _LOOKED_AT, older_s)
        turn = [row for row in rows if not row.troubled]
        self._looked_at = turn[-1].run_id if len(turn) == _LOOKED_AT else None
        troubles: dict[RunId, str | None] = {}
        for row in rows:
            tried = await self._survey.attempts(str(row.run_id))
            if tried >= attempts and row.cancel_requested:
                await self._cancel(row)
            else:
                troubles[row.run_id] = _words(tried) if tried >= attempts else None
        async with self._db.single() as conn:
            changed = await queue.note_trouble(conn, troubles)
        for one in changed:
            if one.trouble is not None:
                log.error("run %s: %s", one.run_id, one.trouble)
            self._hub.publish(one.workspace_id, str(one.run_id))
        return sum(trouble is not None for trouble in troubles.values())

    async def _cancel(self, row: AtWork) -> None:
        """End a run that was to be cancelled and can't hear of it. Its `finally` slots don't run: nothing of it can."""
        error = StepError("run.cancelled", "The run was cancelled while the engine couldn't go on with it.")
        await end_run(self._db, self._hub, row.workspace_id, row.run_id, "cancelled", error)
        await self._survey.end(str(row.run_id), "Millstream: its run was cancelled")


def _words(tried: int) -> str:
    return (
        f"The engine can't go on with this run: its next task has been tried {tried} times. The worker's log says why. It is tried again "
        "by itself, ever more rarely, and goes on under a worker that can; cancelling the run ends it without its finally slots."
    )
