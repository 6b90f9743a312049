"""A run's log: one row for each attempt of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from db import log_seal
from db.connection import Connection
from db.ids import RunId, WorkflowId, WorkspaceId
from db.json import Json
from db.log_seal import LogPlace
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
class _LastOutput:
    step: str
    output: Json
    run_id: UUID
    path: str
    attempt: int


_JOURNAL = rows("steps", "journal", StepRow)
_ONE = rows("steps", "one", StepRow)
_NEWEST = rows("steps", "newest", StepRow)
_PAGE = rows("steps", "page", StepRow)
_SINCE = rows("steps", "since", StepRow)
_WAITING = rows("steps", "waiting", WaitingStep)
_RETRYING = rows("steps", "retrying", _Retrying)
_LAST_OUTPUTS = rows("steps", "last_outputs", _LastOutput)

_BEGINNING = (datetime(1970, 1, 1, tzinfo=UTC), 0)


async def journal(connection: Connection, workspace_id: WorkspaceId, run_id: RunId) -> list[StepRow]:
    """All rows of the run, as they came."""
    found = await connection.all(_JOURNAL, workspace_id=workspace_id, run_id=run_id)
    return [await _opened(connection, workspace_id, run_id, row) for row in found]


async def one(
    connection: Connection, workspace_id: WorkspaceId, run_id: RunId, path: str, attempt: int
) -> StepRow | None:
    """One attempt of one step."""
    found = await connection.maybe(_ONE, workspace_id=workspace_id, run_id=run_id, path=path, attempt=attempt)
    return None if found is None else await _opened(connection, workspace_id, run_id, found)


async def newest(connection: Connection, workspace_id: WorkspaceId, run_id: RunId, path: str) -> StepRow | None:
    """The last attempt of one step."""
    found = await connection.maybe(_NEWEST, workspace_id=workspace_id, run_id=run_id, path=path)
    return None if found is None else await _opened(connection, workspace_id, run_id, found)


async def list_steps(
    connection: Connection,
    workspace_id: WorkspaceId,
    run_id: RunId,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[StepRow]:
    """Rows in start order after `after` (`started_at` and `ordinal` of a page's last row)."""
    started, ordinal = after or _BEGINNING
    found = await connection.all(
        _PAGE, workspace_id=workspace_id, run_id=run_id, after_started=started, after_ordinal=ordinal, most=limit
    )
    return [await _opened(connection, workspace_id, run_id, row) for row in found]


async def since(
    connection: Connection, workspace_id: WorkspaceId, run_id: RunId, after_seq: int, limit: int
) -> list[StepRow]:
    """Rows changed after that number, in the order of their last change; `input` and `output` are left out (None)."""
    found = await connection.all(_SINCE, workspace_id=workspace_id, run_id=run_id, after_seq=after_seq, most=limit)
    return [await _opened(connection, workspace_id, run_id, row) for row in found]


async def waiting(connection: Connection, workspace_id: WorkspaceId, run_ids: Sequence[RunId]) -> list[WaitingStep]:
    """What the steps of these open runs wait for."""
    if not run_ids:
        return []
    given = {"workspace_id": workspace_id, "run_ids": list(run_ids)}
    parked = await connection.all(_WAITING, **given)
    retrying = await connection.all(_RETRYING, **given)
    return [*parked, *[await _as_waiting(connection, workspace_id, row) for row in retrying]]


async def _as_waiting(connection: Connection, workspace_id: WorkspaceId, row: _Retrying) -> WaitingStep:
    # The code is read here: PostgreSQL's own functions refuse JSON with a NUL anywhere in it.
    place = log_seal.of_step(workspace_id, "error", row.run_id, row.path, row.attempt)
    error = await log_seal.opened(connection.seal, place, row.error)
    code = error.get("code") if isinstance(error, dict) else None
    told = code if isinstance(code, str) else None
    return WaitingStep(row.run_id, row.path, row.attempt, "retry", told, row.retry_at, None)


async def last_outputs(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, steps: Sequence[str]
) -> dict[str, Json]:
    """The newest output that each of these steps really gave in one of the last 50 succeeded runs."""
    found = await connection.all(_LAST_OUTPUTS, workspace_id=workspace_id, workflow_id=workflow_id, steps=list(steps))
    return {
        row.step: await log_seal.opened(
            connection.seal,
            log_seal.of_step(workspace_id, "output", row.run_id, row.path, row.attempt),
            row.output,
        )
        for row in found
    }


async def _opened(connection: Connection, workspace_id: WorkspaceId, run_id: RunId, row: StepRow) -> StepRow:
    seal = connection.seal
    if seal is None:
        return row

    def at(column: str) -> LogPlace:
        return log_seal.of_step(workspace_id, column, run_id, row.path, row.attempt)

    return replace(
        row,
        input=await log_seal.opened(seal, at("input"), row.input),
        output=await log_seal.opened(seal, at("output"), row.output),
        error=await log_seal.opened(seal, at("error"), row.error),
        logs=await log_seal.opened(seal, at("logs"), row.logs),
    )
