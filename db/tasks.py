"""What people are asked: the event steps of open runs that wait."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from db import log_seal
from db.connection import Connection
from db.ids import MAX_UUID, RunId, WorkflowId, WorkspaceId
from db.json import Json
from db.statements import rows

Place = tuple[datetime, RunId, str]
"""Where a page ends: when the wait of its last row began, the run and the path."""


@dataclass(frozen=True, slots=True)
class WaitingTask:
    """`input` may hold references. `workflow` is its name now."""

    run_id: RunId
    path: str
    attempt: int
    step: str
    module: str
    started_at: datetime
    wait_until: datetime | None
    input: Json
    resume_url: str | None
    workflow_id: WorkflowId
    workflow: str
    compiled_hash: str

    @property
    def place(self) -> Place:
        return self.started_at, self.run_id, self.path


_PAGE = rows("tasks", "page", WaitingTask)
_END = (datetime(9999, 1, 1, tzinfo=UTC), RunId(MAX_UUID), "")


async def page(
    connection: Connection, workspace_id: WorkspaceId, before: Place | None, limit: int
) -> list[WaitingTask]:
    """Newest first, before `before`."""
    started, run_id, path = before or _END
    found = await connection.all(
        _PAGE,
        workspace_id=workspace_id,
        before_started=started,
        before_run_id=run_id,
        before_path=path,
        most=limit,
    )
    return [await _opened(connection, workspace_id, row) for row in found]


async def _opened(connection: Connection, workspace_id: WorkspaceId, row: WaitingTask) -> WaitingTask:
    if connection.seal is None:
        return row
    place = log_seal.of_step(workspace_id, "input", row.run_id, row.path, row.attempt)
    return replace(row, input=await log_seal.opened(connection.seal, place, row.input))
