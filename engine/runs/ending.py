"""Ending a run from outside of any execution: one that can't be started, or whose execution can't be made again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

from db import record
from db.ids import RunId, WorkspaceId
from db.pool import Database
from db.record import End
from engine.expressions.values import Json
from engine.hub import Hub, Kind


def run_failer(db: Database, hub: Hub) -> Callable[[int, str, str], Awaitable[None]]:
    """Ends a run as failed with `run.unstartable`: workspace, run id, message. Raises `DatabaseUnavailable`."""

    async def fail(workspace_id: int, run_id: str, message: str) -> None:
        error: Json = {"code": "run.unstartable", "message": message, "step": None, "retryable": False, "details": {}}
        end = End(status="failed", finished_at=datetime.now(UTC), error=error)
        async with db.single() as conn:
            try:
                done = await record.record(conn, WorkspaceId(workspace_id), RunId(UUID(run_id)), [], end=end)
            except LookupError:
                return
        if done.finished_now:
            hub.publish(workspace_id, run_id, Kind.ENDED)
            if done.next_run is not None:
                hub.publish(workspace_id, str(done.next_run), Kind.QUEUED)

    return fail
