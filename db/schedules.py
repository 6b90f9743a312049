"""When workflows are due by themselves; what a time starts goes through the inbox. The table says what its columns mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from db.connection import Connection
from db.data import storable
from db.ids import MAX_UUID, RunId, ScheduleId, WorkflowId, WorkspaceId, new_uuid7
from db.json import plain_text
from db.statements import command, rows, values
from db.workflows import WorkflowStatus

Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times in UTC; `every_s`, `catchup_s` and `jitter_s` in seconds."""

    workspace_id: WorkspaceId
    schedule_id: ScheduleId
    workflow_id: WorkflowId
    workflow: str
    workflow_status: WorkflowStatus
    trigger_id: str
    live: bool
    cron: str | None
    every_s: float | None
    timezone: str
    overlap: Overlap
    catchup_s: float
    jitter_s: float
    paused_at: datetime | None
    pause_reason: str | None
    next_at: datetime | None
    due_at: datetime | None
    last_at: datetime | None

    @property
    def source(self) -> str:
        """Whose events its times are."""
        return source_of(self.workflow_id, self.trigger_id)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A schedule as a version of its workflow has it."""

    trigger_id: str
    cron: str | None
    every_s: float | None
    timezone: str
    overlap: Overlap
    catchup_s: float
    jitter_s: float


@dataclass(frozen=True, slots=True)
class Next:
    """The next time, and when its run is to start."""

    at: datetime
    due: datetime


_OF_WORKFLOW = rows("schedules", "of_workflow", Schedule)
_PUT = command("schedules", "put")
_RETIRE = command("schedules", "retire")
_SET_NEXT = command("schedules", "set_next")
_PAUSE = command("schedules", "pause")
_RESUME = command("schedules", "resume")
_LIST = rows("schedules", "list_schedules", Schedule)
_GET = rows("schedules", "get", Schedule)
_HOLD = values("schedules", "hold", UUID)
_TAKE_DUE = rows("schedules", "take_due", Schedule)
_NEXT_DUE = values("schedules", "next_due", datetime)
_OPEN_RUNS = values("schedules", "open_runs", UUID)
_WAITING = values("schedules", "waiting", int)


def source_of(workflow_id: WorkflowId, trigger_id: str) -> str:
    return f"schedule:{workflow_id}:{trigger_id}"


def new_schedule_id() -> ScheduleId:
    return ScheduleId(new_uuid7())


async def of_workflow(connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> list[Schedule]:
    """Those that it has, or had; locked."""
    return await connection.all(_OF_WORKFLOW, workspace_id=workspace_id, workflow_id=workflow_id)


async def put(
    connection: Connection,
    workspace_id: WorkspaceId,
    workflow_id: WorkflowId,
    schedule_id: ScheduleId,
    wanted: Wanted,
    following: Next | None,
) -> None:
    """The live version has it. `following` None: it stands still."""
    await connection.count(
        _PUT,
        workspace_id=workspace_id,
        workflow_id=workflow_id,
        schedule_id=schedule_id,
        trigger_id=wanted.trigger_id,
        cron=wanted.cron,
        every_s=wanted.every_s,
        timezone=wanted.timezone,
        overlap=wanted.overlap,
        catchup_s=wanted.catchup_s,
        jitter_s=wanted.jitter_s,
        next_at=following.at if following else None,
        due_at=following.due if following else None,
    )


async def retire(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, kept: Sequence[str]
) -> None:
    """Its other schedules than these triggers' are live no more."""
    await connection.count(_RETIRE, workspace_id=workspace_id, workflow_id=workflow_id, kept=list(kept))


async def set_next(
    connection: Connection, schedule: Schedule, following: Next | None, last: datetime | None = None
) -> None:
    """`following` None: it stands still. Its times up to `last` are in the inbox, if one is given."""
    await connection.count(
        _SET_NEXT,
        workspace_id=schedule.workspace_id,
        schedule_id=schedule.schedule_id,
        next_at=following.at if following else None,
        due_at=following.due if following else None,
        last_at=last,
    )


async def pause(connection: Connection, schedule: Schedule, reason: str | None) -> None:
    await connection.count(
        _PAUSE,
        workspace_id=schedule.workspace_id,
        schedule_id=schedule.schedule_id,
        reason=None if reason is None else plain_text(reason),
    )


async def resume(connection: Connection, schedule: Schedule, following: Next | None) -> None:
    await connection.count(
        _RESUME,
        workspace_id=schedule.workspace_id,
        schedule_id=schedule.schedule_id,
        next_at=following.at if following else None,
        due_at=following.due if following else None,
    )


async def list_schedules(
    connection: Connection,
    workspace_id: WorkspaceId,
    before: ScheduleId | None,
    limit: int,
    workflow_id: WorkflowId | None = None,
) -> list[Schedule]:
    """Newest first."""
    return await connection.all(
        _LIST, workspace_id=workspace_id, below=before or MAX_UUID, workflow_id=workflow_id, most=limit
    )


async def get(connection: Connection, workspace_id: WorkspaceId, schedule_id: ScheduleId) -> Schedule | None:
    return await connection.maybe(_GET, workspace_id=workspace_id, schedule_id=schedule_id)


async def hold(connection: Connection, schedule: Schedule) -> None:
    """Lock its row until the transaction's end."""
    await connection.maybe(_HOLD, workspace_id=schedule.workspace_id, schedule_id=schedule.schedule_id)


async def take_due(connection: Connection, now: datetime, limit: int) -> list[Schedule]:
    """Locked until the transaction's end."""
    return await connection.all(_TAKE_DUE, now=now, most=limit)


async def next_due(connection: Connection) -> datetime | None:
    return await connection.maybe(_NEXT_DUE)


async def open_runs(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, trigger_id: str, limit: int = 100
) -> list[RunId]:
    """That the trigger's times started, oldest first."""
    if not storable(trigger_id):
        return []
    found = await connection.all(
        _OPEN_RUNS, workspace_id=workspace_id, workflow_id=workflow_id, trigger_id=trigger_id, most=limit
    )
    return [RunId(run_id) for run_id in found]


async def waiting(connection: Connection, workspace_id: WorkspaceId, source: str) -> int:
    """How many of its times wait in the inbox."""
    return await connection.one(_WAITING, workspace_id=workspace_id, source=source)
