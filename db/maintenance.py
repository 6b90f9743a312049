"""What one process does from time to time, so that nothing outlives its time. Each function does a bounded piece of work.

Weeks go whole (`db.partitions`); what is here is for shorter retentions and for tables that have no weeks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from db.connection import Connection
from db.ids import WorkflowId, WorkspaceId, uuid7_floor
from db.statements import command, values

_BATCH = 200
_MANY = 5_000
_DROPPED_AFTER_DAYS = 45  # 30 days of retention, the week itself, and the one that is always kept

_EXPIRED = values("maintenance", "expired_runs", UUID)
_LEFT_BEHIND = values("maintenance", "left_behind", UUID)
_OF_WORKFLOW = values("maintenance", "runs_of_workflow", UUID)
_DELETE_BY_RUN = tuple(
    command("maintenance", name) for name in ("delete_payloads", "delete_logs", "delete_resumes", "delete_runs")
)
_OLD_ROWS = tuple(
    command("maintenance", name)
    for name in (
        "old_events",
        "old_keys",
        "old_contents",
        "old_idempotency",
        "expired_key_values",
        "old_operations",
        "kept_events",
        "left_waits",
        "unseen_keys",
    )
)
_STRIP = tuple(command("maintenance", name) for name in ("strip_payloads", "strip_answers"))
_PINNED = values("maintenance", "pinned_of_workflow", int)
_RETIRE_DOCUMENTS = command("maintenance", "retire_documents")
_DELETE_DOCUMENTS = command("maintenance", "delete_documents")


async def delete_expired_runs(connection: Connection, limit: int = _BATCH) -> int:
    """Delete up to `limit` runs past a retention of less than 30 days, with all that belongs to them.

    Repeat while it gives `limit`. Longer kept runs go with their week.
    """
    return await _delete(connection, await connection.all(_EXPIRED, most=limit))


async def delete_left_behind(connection: Connection, limit: int = _BATCH) -> int:
    """The same for longer kept runs in weeks that should be gone and are held by some other run."""
    old = uuid7_floor(datetime.now(UTC) - timedelta(days=_DROPPED_AFTER_DAYS))
    return await _delete(connection, await connection.all(_LEFT_BEHIND, below=old, most=limit))


async def delete_runs_of_workflow(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, limit: int = _BATCH
) -> int:
    """Delete up to `limit` ended runs of a workflow that is being purged. Repeat while it gives `limit`."""
    found = await connection.all(_OF_WORKFLOW, workspace_id=workspace_id, workflow_id=workflow_id, most=limit)
    return await _delete(connection, found)


async def pinned_of_workflow(connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> int:
    """How many of the workflow's runs are pinned."""
    return await connection.one(_PINNED, workspace_id=workspace_id, workflow_id=workflow_id)


async def delete_old_rows(connection: Connection) -> int:
    """Delete inbox rows, answers and values whose time is over, a few thousand of each; gives how many went."""
    return sum([await connection.count(query, most=_MANY) for query in _OLD_ROWS])


async def strip_answers(connection: Connection) -> int:
    """Take outputs and answers from runs that keep no data, an hour after their end; gives how many rows changed."""
    return sum([await connection.count(query) for query in _STRIP])


async def retire_documents(connection: Connection) -> int:
    """Let go of compiled documents that no run refers to; gives how many went. It reads the headers of all runs: for once a day."""
    gone = await connection.count(_DELETE_DOCUMENTS)
    await connection.count(_RETIRE_DOCUMENTS)
    return gone


async def _delete(connection: Connection, run_ids: Sequence[UUID]) -> int:
    if run_ids:
        for query in _DELETE_BY_RUN:
            await connection.count(query, run_ids=list(run_ids))
    return len(run_ids)
