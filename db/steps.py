"""A run's log: one row for each attempt of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from db.connection import Connection
from db.ids import RunId, WorkflowId, WorkspaceId
from db.json import Json
from db.record import Mocked, StepStatus, WaitKind
from db.statements import rows


@dataclass(frozen=True, slots=True)
class StepRow:
    """`ordinal` numbers rows as they came, `seq` the run's changes. (`started_at`, `ordinal`) is the order of listings."""

    path: str
    attempt: int
    step: str
    module: str
    iteration: int | None
    status: StepStatus
    started_at: datetime
    finished_at: datetime | None
    input: Json
    output: Json
    error: Json
    handle: str | None
    logs: Json
    wait_kind: WaitKind | None
    wait_reason: str | None
    wait_until: datetime | None
    resume_url: str | None
    child_run_id: RunId | None
    mocked: Mocked | None
    idempotency_key: str | None
    retry_at: datetime | None
    ordinal: int
    seq: int


@dataclass(frozen=True, slots=True)
class WaitingStep:
    """A step that waits, and for what. `reason` of a retry is the last error's code, `attempt` the one that failed."""

    run_id: RunId
    path: str
    attempt: int
    kind: Literal["event", "timer", "child", "retry", "throttle"]
    reason: str | None
    until: datetime | None
    resume_url: str | None


@dataclass(frozen=True, slots=True)
class _Retrying:
    run_id: RunId
    path: str
    attempt: int
    error: Json
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class LastOutput:
    step: str
    output: Json


_JOURNAL = rows("steps", "journal", StepRow)
_ONE = rows("steps", "one", StepRow)
_NEWEST = rows("steps", "newest", StepRow)
_PAGE = rows("steps", "page", StepRow)
_SINCE = rows("steps", "since", StepRow)
_WAITING = rows("steps", "waiting", WaitingStep)
_RETRYING = rows("steps", "retrying", _Retrying)
_LAST_OUTPUTS = rows("steps", "last_outputs", LastOutput)

_BEGINNING = (datetime(1970, 1, 1, tzinfo=UTC), 0)


async def journal(connection: Connection, workspace_id: WorkspaceId, run_id: RunId) -> list[StepRow]:
    """All rows of the run, as they came."""
    return await connection.all(_JOURNAL, workspace_id=workspace_id, run_id=run_id)


async def one(
    connection: Connection, workspace_id: WorkspaceId, run_id: RunId, path: str, attempt: int
) -> StepRow | None:
    """One attempt of one step."""
    return await connection.maybe(_ONE, workspace_id=workspace_id, run_id=run_id, path=path, attempt=attempt)


async def newest(connection: Connection, workspace_id: WorkspaceId, run_id: RunId, path: str) -> StepRow | None:
    """The last attempt of one step."""
    return await connection.maybe(_NEWEST, workspace_id=workspace_id, run_id=run_id, path=path)


async def list_steps(
    connection: Connection,
    workspace_id: WorkspaceId,
    run_id: RunId,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[StepRow]:
    """Rows in start order after `after` (`started_at` and `ordinal` of a page's last row)."""
    started, ordinal = after or _BEGINNING
    return await connection.all(
        _PAGE, workspace_id=workspace_id, run_id=run_id, after_started=started, after_ordinal=ordinal, most=limit
    )


async def since(
    connection: Connection, workspace_id: WorkspaceId, run_id: RunId, after_seq: int, limit: int
) -> list[StepRow]:
    """Rows changed after that number, in the order of their last change; `input` and `output` are left out (None)."""
    return await connection.all(_SINCE, workspace_id=workspace_id, run_id=run_id, after_seq=after_seq, most=limit)


async def waiting(connection: Connection, workspace_id: WorkspaceId, run_ids: Sequence[RunId]) -> list[WaitingStep]:
    """What the steps of these open runs wait for."""
    if not run_ids:
        return []
    given = {"workspace_id": workspace_id, "run_ids": list(run_ids)}
    parked = await connection.all(_WAITING, **given)
    retrying = await connection.all(_RETRYING, **given)
    return [*parked, *(_as_waiting(row) for row in retrying)]


def _as_waiting(row: _Retrying) -> WaitingStep:
    # The code is read here: PostgreSQL's own functions refuse JSON with a NUL anywhere in it.
    code = row.error.get("code") if isinstance(row.error, dict) else None
    told = code if isinstance(code, str) else None
    return WaitingStep(row.run_id, row.path, row.attempt, "retry", told, row.retry_at, None)


async def last_outputs(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, steps: Sequence[str]
) -> dict[str, Json]:
    """The newest output that each of these steps really gave in one of the last 50 succeeded runs."""
    found = await connection.all(_LAST_OUTPUTS, workspace_id=workspace_id, workflow_id=workflow_id, steps=list(steps))
    return {row.step: row.output for row in found}
