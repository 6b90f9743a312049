"""Which schedules are live, as the live version of their workflow says, changed in the transaction that makes it live; and when each is due."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, cast

from db import schedules
from db.connection import Connection
from db.ids import ScheduleId, WorkflowId, WorkspaceId
from db.schedules import Next, Overlap, Schedule, Wanted
from engine.expressions.durations import parse_duration
from engine.expressions.values import Json
from engine.spec.document import Document
from engine.spec.load import load
from engine.spec.rules.schedules import MODULE
from engine.spec.timing import Timing, timing_of

Clock: TypeAlias = Callable[[], datetime]
CATCHUP = "1h"


def utc_now() -> datetime:
    return datetime.now(UTC)


def stamp(time: datetime) -> str:
    """A time as runs see it, and by which it is known to come once."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def timing(schedule: Schedule) -> Timing:
    return Timing(schedule.cron, schedule.every_s, schedule.timezone)


def following(schedule: Schedule, moment: datetime) -> Next | None:
    """The first time after `moment`. None: no such time comes, or the schedule stands still."""
    if not schedule.live or schedule.paused_at is not None or schedule.workflow_status != "active":
        return None
    return next_of(schedule.schedule_id, timing(schedule), schedule.jitter_s, moment)


def next_of(schedule_id: ScheduleId, times: Timing, jitter_s: float, moment: datetime) -> Next | None:
    at = next(times.after(moment), None)
    if at is None:
        return None
    # Of one time it is always the same, whoever reckons it.
    late = random.Random(f"{schedule_id} {at.isoformat()}").uniform(0, jitter_s) if jitter_s else 0.0  # noqa: S311
    return Next(at, at + timedelta(seconds=late))


class Timetable:
    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock

    async def bind(self, conn: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, document: Json) -> None:
        """The workflow has exactly the schedules that the document says. One whose times stay the same keeps its next one."""
        wanted = wanted_of(load(document))
        held = {one.trigger_id: one for one in await schedules.of_workflow(conn, workspace_id, workflow_id)}
        for one in wanted:
            known = held.get(one.trigger_id)
            schedule_id = known.schedule_id if known is not None else schedules.new_schedule_id()
            await schedules.put(conn, workspace_id, workflow_id, schedule_id, one, self._next(known, schedule_id, one))
        if held:
            await schedules.retire(conn, workspace_id, workflow_id, [one.trigger_id for one in wanted])

    async def set_status(self, conn: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> None:
        """The workflow was paused, goes on, or was deleted; its row says which."""
        for schedule in await schedules.of_workflow(conn, workspace_id, workflow_id):
            to_come = following(schedule, self._clock())
            if (to_come is None) != (schedule.next_at is None):
                await schedules.set_next(conn, schedule, to_come)

    def _next(self, known: Schedule | None, schedule_id: ScheduleId, wanted: Wanted) -> Next | None:
        if known is not None and (known.paused_at is not None or known.workflow_status != "active"):
            return None
        times = Timing(wanted.cron, wanted.every_s, wanted.timezone)
        same = known is not None and timing(known) == times and known.jitter_s == wanted.jitter_s
        if known is not None and same and known.next_at is not None and known.due_at is not None:
            return Next(known.next_at, known.due_at)
        return next_of(schedule_id, times, wanted.jitter_s, self._clock())


def wanted_of(document: Document) -> list[Wanted]:
    """The schedules of a document without errors."""
    found: list[Wanted] = []
    for trigger in document.triggers.values():
        if trigger.module != MODULE or trigger.disabled:
            continue
        times = timing_of(trigger.inputs)
        found.append(
            Wanted(
                trigger.id,
                times.cron,
                times.every_s,
                times.timezone,
                cast("Overlap", trigger.inputs.get("overlap", "skip")),
                _seconds(trigger.inputs.get("catchup_window", CATCHUP)),
                _seconds(trigger.inputs.get("jitter", 0)),
            )
        )
    return found


def _seconds(value: Json) -> float:
    return parse_duration(value) if isinstance(value, str | int | float) else 0.0
