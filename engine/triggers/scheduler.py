"""What is due by the clock: each time of each schedule becomes one event, and each event one run, as the schedule's `overlap` allows.

Model. A row of `schedules` says which time comes next. Any process that finds it due takes the row's lock, writes an event for each time that
has passed since, and moves the row on: one commit. So a time is in the inbox once, whoever dies or looks at the same moment; PostgreSQL alone is
needed; and what a deployment, a rollback or a pause changes in the row holds from its commit on.

    due ──► its times up to now ──► later than the catch-up window: not started, and one event says so
                                ──► the others: events that wait, each under its time as the dedupe key

An event then becomes a run when its turn comes, in the order of the times. While a run of an earlier time is open:

    skip          the event is refused
    buffer_one    it waits; one that comes while another waits is refused
    buffer_all    it waits
    cancel_other  the open run is cancelled, and it waits for the end
    allow_all     it doesn't matter

*A clock that jumps ahead* is an outage: times within the window are made up for. *One that jumps back*: `next_at` stays, nothing comes twice.

Rejected: schedules of Temporal. They would be a second place that says what is due, to be kept in step with the first at every deployment,
and to be put back when Temporal's store is lost; they start nothing while Temporal is away; and what they start must be entered here all
the same.
"""

from __future__ import annotations

import contextlib
import logging
from datetime import datetime, timedelta
from itertools import islice

from db import inbox, schedules
from db.connection import Connection
from db.ids import WorkflowId
from db.inbox import Content, Event, NewEvent
from db.pool import Database
from db.schedules import Schedule
from engine.expressions.values import Json
from engine.hub import Hub, Kind
from engine.problems import NotFound
from engine.runs.accept import Entry
from engine.runs.cancel import Canceller
from engine.runs.lookup import Lookup
from engine.spec.rules.schedules import MODULE
from engine.triggers.reader import Refused, Standing, entry_of, target_of, trigger_in
from engine.triggers.rounds import Rounds
from engine.triggers.timetable import Clock, following, stamp, timing, utc_now

log = logging.getLogger("millstream.schedules")

AT_ONCE = 20
"""Schedules of one look."""
MOST_TIMES = 1_000
"""Of one schedule in one look; where more have passed, the next look follows at once."""
DEDUPE_S = 30 * 86_400.0
"""For so long a time isn't started twice, whatever asks for it."""
_AGAIN = 2.0
_OPEN = "An earlier time's run is open: "


class Scheduler:
    """One per process. `run` does the work, and `entry` is the reader's part of what it writes."""

    ahead = False

    def __init__(self, db: Database, hub: Hub, lookup: Lookup, canceller: Canceller, clock: Clock = utc_now) -> None:
        self._db = db
        self._hub = hub
        self._lookup = lookup
        self._canceller = canceller
        self._clock = clock
        self._rounds = Rounds(hub, self.round, self._next_due, log, "the schedules", clock=clock)

    async def run(self) -> None:
        """Until cancelled."""
        await self._rounds.run()

    async def round(self) -> bool:
        """Enters what is due; gives whether more may be. Raises `DatabaseUnavailable`."""
        async with self._db.engine() as conn:
            due = await schedules.take_due(conn, self._clock(), AT_ONCE)
            more = len(due) == AT_ONCE
            for schedule in due:
                more |= await self._fire(conn, schedule)
        for schedule in due:
            self._hub.publish(int(schedule.workspace_id), str(schedule.schedule_id), Kind.EVENT)
        return more

    async def _fire(self, conn: Connection, schedule: Schedule) -> bool:
        assert schedule.next_at is not None
        now = self._clock()
        # What jitter holds back isn't late.
        earliest = now - timedelta(seconds=schedule.catchup_s + schedule.jitter_s)
        if schedule.next_at < earliest:
            await self._missed(conn, schedule, schedule.next_at, earliest)
        times = list(islice(timing(schedule).between(max(schedule.next_at, earliest), now), MOST_TIMES))
        for time in times:
            await enter(conn, schedule, time, schedule.overlap)
        last = times[-1] if times else None
        await schedules.set_next(conn, schedule, following(schedule, last or now), last)
        return len(times) == MOST_TIMES

    async def _missed(self, conn: Connection, schedule: Schedule, first: datetime, earliest: datetime) -> None:
        span = f"What was due from {stamp(first)} until {stamp(earliest)}"
        event = _event(schedule, first, schedule.overlap)
        reason = f"{span} was missed: it is longer ago than the schedule's catch-up window."
        await inbox.note_refusal(conn, schedule.workspace_id, event, reason)

    async def entry(self, event: Event, content: Content) -> Entry:
        """Of a time in the inbox. Raises `Refused`, `Standing`, `Problem`, `DatabaseUnavailable`."""
        head = content.head if isinstance(content.head, dict) else {}
        time = str(head.get("scheduled_at"))
        target = await target_of(self._db, self._lookup, event)
        trigger = trigger_in(target, event, MODULE)
        overlap = head.get("overlap")
        if overlap != "allow_all":
            await self._wait_for_others(event, target.workflow.workflow_id, trigger.id, str(overlap))
        body: dict[str, Json] = {"scheduled_at": time}
        return entry_of(target, event, {"type": "schedule", "id": trigger.id, **body, "body": body})

    async def _wait_for_others(self, event: Event, workflow_id: WorkflowId, trigger_id: str, overlap: str) -> None:
        async with self._db.engine(event.workspace_id) as conn:
            others = await schedules.open_runs(conn, event.workspace_id, workflow_id, trigger_id)
        if not others:
            return
        if overlap == "skip":
            raise Refused(f"Skipped. {_OPEN}{others[0]}.")
        if overlap == "cancel_other":
            for run_id in others:
                with contextlib.suppress(NotFound):
                    await self._canceller.cancel(event.workspace_id, run_id, "The schedule's next time came.")
        # The run's end makes it due; should that be overtaken, it is looked at again before long.
        raise Standing(f"{_OPEN}{others[0]}.", again_s=_AGAIN, run_id=str(others[0]))

    async def _next_due(self) -> datetime | None:
        async with self._db.single() as conn:
            return await schedules.next_due(conn)


async def enter(conn: Connection, schedule: Schedule, time: datetime, overlap: schedules.Overlap) -> None:
    """One time into the inbox, unless it is there. The schedule's row is locked by the caller, who enters times in their order."""
    event = _event(schedule, time, overlap)
    if overlap == "buffer_one":
        waiting = await schedules.waiting(conn, schedule.workspace_id, schedule.source)
        busy = await schedules.open_runs(conn, schedule.workspace_id, schedule.workflow_id, schedule.trigger_id, 1)
        if waiting >= (1 if busy else 2):
            await inbox.note_refusal(conn, schedule.workspace_id, event, "Skipped. An earlier time waits already.")
            return
    await inbox.note(conn, schedule.workspace_id, event)


def _event(schedule: Schedule, time: datetime, overlap: schedules.Overlap) -> NewEvent:
    return NewEvent(
        source=schedule.source,
        kind="schedule",
        workflow_id=schedule.workflow_id,
        trigger_id=schedule.trigger_id,
        dedupe_key=stamp(time),
        window_s=DEDUPE_S,
        head={"scheduled_at": stamp(time), "overlap": overlap},
    )
