"""What replaying runs would do again, and what was replayed already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from db import log_seal
from db.connection import Connection
from db.ids import RunId, WorkspaceId
from db.json import Json
from db.record import Mocked, StepStatus
from db.statements import rows


@dataclass(frozen=True, slots=True)
class Made:
    """How many writes of a step these runs made; one that was tried several times counts once."""

    workflow: str
    module: str
    step: str
    count: int


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt of one step, without its data. Only a write has an `idempotency_key`."""

    path: str
    attempt: int
    step: str
    module: str
    status: StepStatus
    started_at: datetime
    finished_at: datetime | None
    handle: str | None
    error: Json
    retry_at: datetime | None
    mocked: Mocked | None
    idempotency_key: str | None
    child_run_id: UUID | None


@dataclass(frozen=True, slots=True)
class _Done:
    old: str
    new: UUID


_MADE = rows("replays", "made", Made)
_CALLS = rows("replays", "calls", Call)
_DONE = rows("replays", "done", _Done)


async def made(connection: Connection, workspace_id: WorkspaceId, run_ids: Sequence[RunId]) -> list[Made]:
    """Writes by workflow, module and step, of the runs and of all that they started; what was mocked, taken over or skipped made none."""
    return await connection.all(_MADE, workspace_id=workspace_id, run_ids=list(run_ids)) if run_ids else []


async def calls(connection: Connection, workspace_id: WorkspaceId, run_id: RunId) -> list[Call]:
    """All rows of a run, as they came."""
    found = await connection.all(_CALLS, workspace_id=workspace_id, run_id=run_id)
    return [
        replace(
            row,
            error=await log_seal.opened(
                connection.seal, log_seal.of_step(workspace_id, "error", run_id, row.path, row.attempt), row.error
            ),
        )
        for row in found
    ]


async def done(
    connection: Connection, workspace_id: WorkspaceId, source: str, run_ids: Sequence[RunId]
) -> dict[RunId, RunId]:
    """Of these runs those that `source` replayed before, with the runs that came of it."""
    given = [str(run_id) for run_id in run_ids]
    found = await connection.all(_DONE, workspace_id=workspace_id, source=source, run_ids=given)
    return {RunId(UUID(one.old)): RunId(one.new) for one in found}
