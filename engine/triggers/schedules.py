"""Schedules as people see them: when each is due next, paused for a reason, and made up for over a span of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import cast, get_args
from uuid import UUID

from db import audit, schedules
from db.connection import Connection
from db.ids import ScheduleId, WorkspaceId
from db.pool import Database
from db.schedules import Overlap, Schedule
from engine.expressions.values import Json
from engine.hub import Hub, Kind
from engine.problems import Conflict, Invalid, NotFound
from engine.runs.filters import moment_in
from engine.runs.lookup import find_workflow, living
from engine.runs.pages import Page, cursor_id
from engine.runs.reading import acting
from engine.runs.request_body import object_of
from engine.triggers.scheduler import enter
from engine.triggers.timetable import Clock, following, stamp, timing, utc_now

JsonObject = dict[str, Json]

SHOWN = 10
MOST_BACKFILLED = 1_000
_LONGEST_REASON = 500


class Schedules:
    def __init__(self, db: Database, hub: Hub, clock: Clock = utc_now) -> None:
        self._db = db
        self._hub = hub
        self._clock = clock

    async def list_schedules(
        self, workspace_id: WorkspaceId, workflow: str | None, cursor: Sequence[Json] | None, limit: int
    ) -> Page:
        """Newest first; of one workflow, by its id or name, if it is given."""
        before = cursor_id(cursor)
        async with acting(self._db, workspace_id) as conn:
            chosen = None
            if workflow is not None:
                chosen = living(await find_workflow(conn, workspace_id, workflow), workflow).workflow_id
            found = await schedules.list_schedules(
                conn, workspace_id, None if before is None else ScheduleId(before), limit + 1, chosen
            )
        items: list[Json] = [self._view(one) for one in found[:limit]]
        return Page(items, [str(found[limit - 1].schedule_id)] if len(found) > limit else None)

    async def get(self, workspace_id: WorkspaceId, schedule_id: str) -> JsonObject:
        async with acting(self._db, workspace_id) as conn:
            return self._view(await _schedule(conn, workspace_id, schedule_id))

    async def pause(self, workspace_id: WorkspaceId, schedule_id: str, body: Json) -> JsonObject:
        """`{reason?}`: no time comes until it is resumed; those that wait in the inbox still go."""
        reason = object_of(body, ("reason",)).get("reason")
        if reason is not None and (not isinstance(reason, str) or len(reason) > _LONGEST_REASON):
            raise Invalid("request.invalid", f"`reason` must be a text of at most {_LONGEST_REASON} characters.")
        async with acting(self._db, workspace_id) as conn:
            await schedules.pause(conn, await _schedule(conn, workspace_id, schedule_id), reason)
            return self._view(await _schedule(conn, workspace_id, schedule_id))

    async def resume(self, workspace_id: WorkspaceId, schedule_id: str) -> JsonObject:
        """Times that passed meanwhile are not made up for; `backfill` does that."""
        async with acting(self._db, workspace_id) as conn:
            schedule = await _schedule(conn, workspace_id, schedule_id)
            if schedule.paused_at is not None:
                goes_on = replace(schedule, paused_at=None)
                await schedules.resume(conn, schedule, following(goes_on, self._clock()))
            schedule = await _schedule(conn, workspace_id, schedule_id)
        self._hub.publish(int(workspace_id), str(schedule.workflow_id), Kind.SCHEDULE)
        return self._view(schedule)

    async def backfill(self, workspace_id: WorkspaceId, schedule_id: str, body: Json) -> JsonObject:
        """`{from, to, overlap?}`: its times from the one to the other, both included, as if they came now; those that came already don't
        come again. Gives `{times}`."""
        given = object_of(body, ("from", "to", "overlap"))
        start, end = moment_in(given, "from"), moment_in(given, "to")
        if start is None or end is None or start > end:
            raise Invalid("request.invalid", "`from` and `to` must be times, RFC 3339, the first not after the second.")
        if end > self._clock():
            raise Invalid("request.invalid", "`to` is in the future: what is to come comes by itself.")
        overlap = given.get("overlap")
        if overlap is not None and overlap not in get_args(Overlap):
            raise Invalid("request.invalid", f"`overlap` must be one of {', '.join(get_args(Overlap))}.")
        async with acting(self._db, workspace_id) as conn:
            schedule = await _schedule(conn, workspace_id, schedule_id)
            await schedules.hold(conn, schedule)
            times = list(islice(timing(schedule).between(start, end), MOST_BACKFILLED + 1))
            if len(times) > MOST_BACKFILLED:
                raise Conflict(
                    "backfill.too_many",
                    f"More than {MOST_BACKFILLED:,} times lie in that span; the {MOST_BACKFILLED:,}th is {stamp(times[-2])}.",
                )
            chosen = schedule.overlap if overlap is None else cast("Overlap", overlap)
            for time in times:
                await enter(conn, schedule, time, chosen)
            span: JsonObject = {"from": stamp(start), "to": stamp(end), "times": len(times)}
            await audit.note(
                conn, workspace_id, "schedule", schedule.schedule_id, schedule.trigger_id, "backfilled", after=span
            )
        self._hub.publish(int(workspace_id), str(schedule.schedule_id), Kind.EVENT)
        return {"times": [stamp(time) for time in times]}

    def _view(self, schedule: Schedule) -> JsonObject:
        stands = schedule.next_at is None
        reason = schedule.pause_reason
        if schedule.paused_at is None and schedule.workflow_status == "paused":
            reason = "The workflow is paused."
        to_come: list[Json] = []
        if schedule.next_at is not None:
            times = timing(schedule).after(schedule.next_at - timedelta(microseconds=1))
            to_come = [stamp(time) for time in islice(times, SHOWN)]
        return {
            "schedule_id": str(schedule.schedule_id),
            "workflow": schedule.workflow,
            "trigger": schedule.trigger_id,
            "cron": schedule.cron,
            "every": schedule.every_s,
            "timezone": schedule.timezone,
            "overlap": schedule.overlap,
            "paused": stands,
            "reason": reason,
            "next": to_come,
            "last": None if schedule.last_at is None else stamp(schedule.last_at),
        }


async def _schedule(conn: Connection, workspace_id: WorkspaceId, schedule_id: str) -> Schedule:
    try:
        found = await schedules.get(conn, workspace_id, ScheduleId(UUID(schedule_id)))
    except ValueError:
        found = None
    if found is None:
        raise NotFound("schedule", schedule_id)
    return found
