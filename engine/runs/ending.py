"""Ending a run from outside of any execution: one that can't be started, or whose execution can't be made again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

from db import record
from db.ids import RunId, WorkspaceId
from db.pool import Database
from db.record import End, EndStatus
from engine.core.errors import StepError
from engine.hub import Hub, Kind


def run_failer(db: Database, hub: Hub) -> Callable[[int, str, str], Awaitable[None]]:
    """Ends a run as failed with `run.unstartable`: workspace, run id, message. Raises `DatabaseUnavailable`."""

    async def fail(workspace_id: int, run_id: str, message: str) -> None:
        await end_run(
            db, hub, WorkspaceId(workspace_id), RunId(UUID(run_id)), "failed", StepError("run.unstartable", message)
        )

    return fail


async def end_run(
    db: Database, hub: Hub, workspace_id: WorkspaceId, run_id: RunId, status: EndStatus, error: StepError
) -> None:
    """Ends an open run with this error, and lets the next one of its key go; one that has ended, or is unknown, stays as it is.

    Raises `DatabaseUnavailable`.
    """
    end = End(status=status, finished_at=datetime.now(UTC), error=error.to_json())
    async with db.single() as conn:
        try:
            done = await record.record(conn, workspace_id, run_id, [], end=end)
        except record.UnknownRun:
            return
    if done.finished_now:
        hub.publish(workspace_id, str(run_id), Kind.ENDED)
        if done.next_run is not None:
            hub.publish(workspace_id, str(done.next_run), Kind.QUEUED)
