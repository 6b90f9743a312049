"""Batches of app queues on their way to a run: claimed, begun, and the log of each flush.

A claim is a lease; its epoch is its fence. A batch ends with its run, in the same transaction: see `finish_run` in the migrations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from db import log_seal
from db.connection import Connection
from db.ids import MAX_UUID, BatchId, QueueId, RunId, WorkflowId, WorkspaceId, new_uuid7
from db.json import Json
from db.statements import command, rows, values


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that the claimer gives to a run of `run_id` now. `members` are in the order that the run sees them; `attempt` counts from 1."""

    batch_id: BatchId
    queue_id: QueueId
    workspace_id: WorkspaceId
    workflow_id: WorkflowId
    run_id: RunId
    lane: str
    attempt: int
    epoch: int
    members: list[int]
    trigger_id: str | None


@dataclass(frozen=True, slots=True)
class Soon:
    """A queue that may have something to claim in `seconds` (negative: since then)."""

    queue_id: QueueId
    seconds: float


@dataclass(frozen=True, slots=True)
class Flush:
    """One run that a batch was given to. `fate` is what became of the items, None while the run goes on."""

    run_id: RunId
    batch_id: BatchId
    workflow_id: WorkflowId
    attempt: int
    ordering_key: str | None
    items: int
    reason: Literal["full", "age", "demand", "retry", "bisect"]
    status: Literal["running", "succeeded", "failed", "cancelled", "timed_out"]
    fate: Literal["done", "retried", "blocked", "dead_lettered", "bisected", "returned"] | None
    error: Json
    flushed_at: datetime
    finished_at: datetime | None
    workspace_id: WorkspaceId


_CLAIM = rows("flushes", "claim", Batch)
_BEGIN = values("flushes", "begin", bool)
_NEXT = values("flushes", "next_flush", float)
_SOON = rows("flushes", "soon", Soon)
_FOLD = values("flushes", "fold_counts", str)
_LOG = rows("flushes", "log", Flush)
_OLD_LOGS = command("flushes", "delete_old_logs")
_OLD_DEDUPE = command("flushes", "delete_old_dedupe")
_OLD_OPERATIONS = command("flushes", "delete_old_operations")

_LOG_DAYS = 30
_OPERATION_DAYS = 366
_MANY = 5_000


async def claim(connection: Connection, queue_id: QueueId, holder: str, limit: int, lease_s: float) -> list[Batch]:
    """Claim up to `limit` batches of a queue, as its order, rate, cap and state allow. With `single`: one commit."""
    return await connection.all(
        _CLAIM,
        queue_id=queue_id,
        holder=holder,
        lease_s=lease_s,
        batch_ids=[new_uuid7() for _ in range(limit)],
        run_ids=[new_uuid7() for _ in range(limit)],
    )


async def begin(connection: Connection, batch_id: BatchId, epoch: int) -> bool:
    """In the transaction that takes the batch's run in. False: the lease was lost to another claimer, or the queue is gone; undo."""
    return await connection.one(_BEGIN, batch_id=batch_id, epoch=epoch)


async def next_flush(connection: Connection, queue_id: QueueId) -> float | None:
    """Seconds until a claim of this queue may find something, None when only news can change that."""
    return await connection.maybe(_NEXT, queue_id=queue_id)


async def soon(connection: Connection, horizon_s: float) -> list[Soon]:
    """Queues of the whole installation that may have something to claim within `horizon_s`."""
    return await connection.all(_SOON, horizon_s=horizon_s)


async def fold_counts(connection: Connection, queue_id: QueueId) -> None:
    """Keep a queue's sums few."""
    await connection.one(_FOLD, queue_id=queue_id)


async def log(connection: Connection, queue_id: QueueId, before: UUID | None, limit: int) -> list[Flush]:
    """Newest first."""
    found = await connection.all(_LOG, queue_id=queue_id, before=before or MAX_UUID, most=limit)
    return [
        replace(
            one,
            error=await log_seal.opened_copy(
                connection.seal, log_seal.of_run(one.workspace_id, "error", one.run_id), one.error
            ),
        )
        for one in found
    ]


async def delete_old(connection: Connection) -> int:
    """Delete flushes of 30 days ago, dedupe keys whose window is over and old answers, some thousand of each; gives how many."""
    return (
        await connection.count(_OLD_LOGS, days=_LOG_DAYS, most=_MANY)
        + await connection.count(_OLD_DEDUPE, most=_MANY)
        + await connection.count(_OLD_OPERATIONS, days=_OPERATION_DAYS, most=_MANY)
    )
