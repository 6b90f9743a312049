"""The queue of open runs, from accepted to started: see the table's states in the migrations.

Claims are leases. A claim's epoch is its fence: whoever was too slow and lost its lease can't undo what the next one did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.connection import Connection
from db.ids import MIN_UUID, RunId, WorkflowId, WorkspaceId
from db.runs import QueueState
from db.statements import command, rows, values


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run that the claimer starts now. `attempts` counts claims, this one included; `recovered`: its execution was lost."""

    run_id: RunId
    workspace_id: WorkspaceId
    workflow_id: WorkflowId
    epoch: int
    attempts: int
    recovered: bool


@dataclass(frozen=True, slots=True)
class OpenRow:
    """A run that has an execution, or should have one."""

    run_id: RunId
    workspace_id: WorkspaceId
    workflow_id: WorkflowId
    state: QueueState
    recovered: bool
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class Depth:
    """Runs that wait to start, and when the oldest of them was accepted."""

    waiting: int
    oldest: datetime | None


_CLAIM = rows("queue", "claim", Claimed)
_CLAIM_ONE = rows("queue", "claim_one", Claimed)
_MARK_STARTED = command("queue", "mark_started")
_RELEASE = command("queue", "release")
_RECOVER = command("queue", "recover")
_OPEN_ROWS = rows("queue", "open_rows", OpenRow)
_UNBLOCK = values("queue", "unblock", UUID)
_ANYTHING_WAITS = values("queue", "anything_waits", bool)
_DEPTH = rows("queue", "depth", Depth)


async def claim(connection: Connection, holder: str, limit: int, lease_s: float) -> list[Claimed]:
    """Claim up to `limit` runs for `lease_s` seconds: those whose key and cap allow it, fair between workspaces and workflows."""
    return await connection.all(_CLAIM, holder=holder, most=limit, lease_s=lease_s)


async def claim_one(connection: Connection, run_id: RunId, holder: str, lease_s: float) -> Claimed | None:
    """Claim this run by the same rules; under a cap only when no earlier run of the workflow waits."""
    return await connection.maybe(_CLAIM_ONE, run_id=run_id, holder=holder, lease_s=lease_s)


async def mark_started(connection: Connection, run_id: RunId, epoch: int) -> bool:
    """The execution of that claim exists. False when the claim is not the last one any more, or the run has ended."""
    return await connection.count(_MARK_STARTED, run_id=run_id, epoch=epoch) > 0


async def release(connection: Connection, claims: Sequence[tuple[RunId, int]], delay_s: float) -> int:
    """Give claims (run and epoch) back; they may be claimed again after `delay_s`. Gives how many were still ours."""
    if not claims:
        return 0
    return await connection.count(
        _RELEASE,
        run_ids=[run_id for run_id, _ in claims],
        epochs=[epoch for _, epoch in claims],
        delay_s=delay_s,
    )


async def recover(connection: Connection, run_id: RunId) -> bool:
    """Queue an open run again whose execution is gone. Its next start takes over what the log has."""
    return await connection.count(_RECOVER, run_id=run_id) > 0


async def open_rows(connection: Connection, after: RunId | None, limit: int, older_s: float = 0.0) -> list[OpenRow]:
    """Started runs with greater ids than `after` that were started at least `older_s` ago: for the reconciler's walk."""
    return await connection.all(_OPEN_ROWS, after=after or MIN_UUID, most=limit, older_s=older_s)


async def unblock(connection: Connection) -> list[RunId]:
    """Let runs go whose key is free though they stand blocked. Finds none unless something outside meddled."""
    return [RunId(run_id) for run_id in await connection.all(_UNBLOCK)]


async def depth(connection: Connection) -> Depth:
    """Of the whole installation, for metrics."""
    return await connection.one(_DEPTH)


async def anything_waits(connection: Connection) -> bool:
    """Whether an end may let some run go: what is blocked or capped isn't claimed, and waits all the same."""
    return await connection.one(_ANYTHING_WAITS)
