"""App queues: their settings, consumers and figures. Items are `db.queue_items`, batches `db.flushes`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from db.connection import Connection
from db.ids import MAX_UUID, QueueId, RunId, UserId, WorkflowId, WorkspaceId, new_uuid7
from db.statements import command, rows, values

Status = Literal["running", "paused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """Times are seconds. `lifo` only with `ordering` `queue`, more than one parallel batch only with `key`."""

    flush_batch_size: int = 1000
    flush_record_max_age: float = 60.0
    flush_rate_limit_max_flush_count: int = 10
    flush_rate_limit_time_window: float = 1.0
    flush_strategy: Literal["fifo", "lifo"] = "fifo"
    ordering: Literal["queue", "key"] = "queue"
    max_parallel_batches: int = 1
    on_failure: Literal["block", "dead_letter", "bisect"] = "block"
    max_attempts: int = 3
    dedupe_window: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue. The consumer is the workflow that takes its items by one of its triggers; a deleted one is none.

    `former` is, while there is no consumer, the one that there was last.
    """

    queue_id: QueueId
    workspace_id: WorkspaceId
    name: str
    status: Status
    flush_batch_size: int
    flush_record_max_age: float
    flush_rate_limit_max_flush_count: int
    flush_rate_limit_time_window: float
    flush_strategy: Literal["fifo", "lifo"]
    ordering: Literal["queue", "key"]
    max_parallel_batches: int
    on_failure: Literal["block", "dead_letter", "bisect"]
    max_attempts: int
    dedupe_window: float
    consumer_workflow_id: WorkflowId | None
    consumer: str | None
    consumer_trigger_id: str | None
    consumer_status: Literal["active", "paused"] | None
    former: str | None
    former_status: Literal["active", "paused", "deleted"] | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who takes the items of the queue of that name; None: nobody."""

    name: str
    queue_id: QueueId
    workflow_id: WorkflowId | None
    workflow: str | None


@dataclass(frozen=True, slots=True)
class Stats:
    """`depth` items wait, `in_flight` are in a batch, `delayed` wait for their time, `dead` are dead letters. Items are never scanned for it.

    `oldest_age_s` is of the oldest item that isn't done, None without items.
    """

    depth: int
    in_flight: int
    delayed: int
    dead: int
    oldest_age_s: float | None
    blocked_keys: int
    flushes_per_min: int


@dataclass(frozen=True, slots=True)
class Blocked:
    """`keys` of a queue are blocked; `run_id` is one of the runs that failed."""

    queue_id: QueueId
    keys: int
    run_id: RunId


@dataclass(frozen=True, slots=True)
class _Depth:
    queue_id: UUID
    depth: int


_CREATE = values("app_queues", "create", UUID)
_GET = rows("app_queues", "get", Queue)
_BY_NAME = rows("app_queues", "by_name", Queue)
_LIST = rows("app_queues", "list_queues", Queue)
_CONSUMERS = rows("app_queues", "consumers", Consumer)
_UPDATE = command("app_queues", "update")
_RECKON = values("app_queues", "reckon_due_times", str)
_LOCK = values("app_queues", "lock", UUID)
_HOLDS = values("app_queues", "holds_items", bool)
_SET_STATUS = values("app_queues", "set_status", int)
_FLUSH = values("app_queues", "flush", int)
_CLEAR = values("app_queues", "clear", int)
_DELETE = command("app_queues", "delete")
_STATS = rows("app_queues", "stats", Stats)
_DEPTHS = rows("app_queues", "depths", _Depth)
_BLOCKED = rows("app_queues", "blocked", Blocked)
_BIND = values("app_queues", "bind", UUID)
_UNBIND = command("app_queues", "unbind")


async def create(
    connection: Connection,
    workspace_id: WorkspaceId,
    name: str,
    settings: QueueSettings,
    *,
    status: Status = "running",
    user_id: UserId | None = None,
) -> QueueId | None:
    """None when the name is taken."""
    made = await connection.maybe(
        _CREATE,
        workspace_id=workspace_id,
        queue_id=new_uuid7(),
        name=name,
        status=status,
        user_id=user_id,
        **asdict(settings),
    )
    return None if made is None else QueueId(made)


async def get(connection: Connection, workspace_id: WorkspaceId, queue_id: QueueId) -> Queue | None:
    return await connection.maybe(_GET, workspace_id=workspace_id, queue_id=queue_id)


async def find(connection: Connection, workspace_id: WorkspaceId, reference: str) -> Queue | None:
    """By its name, or else by its id as text."""
    found = await connection.maybe(_BY_NAME, workspace_id=workspace_id, name=reference)
    if found is None:
        try:
            queue_id = QueueId(UUID(reference))
        except ValueError:
            return None
        found = await get(connection, workspace_id, queue_id)
    return found


async def list_queues(
    connection: Connection, workspace_id: WorkspaceId, before: QueueId | None, limit: int
) -> list[Queue]:
    """Newest first."""
    return await connection.all(_LIST, workspace_id=workspace_id, before=before or MAX_UUID, most=limit)


async def consumers(connection: Connection, workspace_id: WorkspaceId) -> list[Consumer]:
    """Every queue of the workspace, for checking documents that name queues."""
    return await connection.all(_CONSUMERS, workspace_id=workspace_id)


async def update(connection: Connection, workspace_id: WorkspaceId, queue_id: QueueId, settings: QueueSettings) -> None:
    """New settings, which hold for what waits already. Not `ordering` while the queue holds items: ask `holds_items` under `lock`."""
    await lock(connection, workspace_id, queue_id)
    await connection.count(_UPDATE, workspace_id=workspace_id, queue_id=queue_id, **asdict(settings))
    await connection.one(_RECKON, queue_id=queue_id)


async def lock(connection: Connection, workspace_id: WorkspaceId, queue_id: QueueId) -> bool:
    """Hold the queue alone until the transaction's end: nobody adds, claims, begins or ends anything. False: it is gone.

    Waits for those who are at it, so first in its transaction.
    """
    return await connection.maybe(_LOCK, workspace_id=workspace_id, queue_id=queue_id) is not None


async def holds_items(connection: Connection, queue_id: QueueId) -> bool:
    """Whether any item is in the queue, dead letters aside."""
    return await connection.one(_HOLDS, queue_id=queue_id)


async def set_status(connection: Connection, queue_id: QueueId, status: Status) -> int:
    """Pause: no batch is claimed once this is committed. Go on: blocked keys are tried again with all their attempts; gives how many."""
    return await connection.one(_SET_STATUS, queue_id=queue_id, status=status)


async def flush(connection: Connection, queue_id: QueueId) -> int:
    """All that waits now is due at once, in as many batches as it needs. Gives how many keys have something."""
    return await connection.one(_FLUSH, queue_id=queue_id)


async def clear(connection: Connection, queue_id: QueueId) -> int:
    """Take away every item that no run has at the moment, dead letters aside; gives how many."""
    return await connection.one(_CLEAR, queue_id=queue_id)


async def delete(connection: Connection, workspace_id: WorkspaceId, queue_id: QueueId) -> bool:
    """With its items, dead letters and log. A run that has a batch goes on, and its end changes nothing."""
    if not await lock(connection, workspace_id, queue_id):
        return False
    return await connection.count(_DELETE, workspace_id=workspace_id, queue_id=queue_id) > 0


async def stats(connection: Connection, queue_id: QueueId) -> Stats:
    return await connection.one(_STATS, queue_id=queue_id)


async def depths(connection: Connection, queue_ids: Sequence[QueueId]) -> dict[QueueId, int]:
    """How many items wait in each."""
    return {QueueId(row.queue_id): row.depth for row in await connection.all(_DEPTHS, queue_ids=list(queue_ids))}


async def blocked(connection: Connection, queue_ids: Sequence[QueueId]) -> dict[QueueId, Blocked]:
    """Of those that have blocked keys."""
    found = await connection.all(_BLOCKED, queue_ids=list(queue_ids))
    return {QueueId(row.queue_id): row for row in found}


async def bind(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, triggers: Mapping[str, str]
) -> set[QueueId]:
    """The workflow consumes exactly these queues (name or id → trigger) from now on; gives those that it got.

    One that another living workflow consumes stays that one's.
    """
    await unbind(connection, workspace_id, workflow_id, keep=list(triggers))
    if not triggers:
        return set()
    bound = await connection.all(
        _BIND,
        workspace_id=workspace_id,
        workflow_id=workflow_id,
        names=list(triggers),
        trigger_ids=list(triggers.values()),
    )
    return {QueueId(queue_id) for queue_id in bound}


async def unbind(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, keep: Sequence[str] = ()
) -> int:
    """The workflow consumes no queue but those named; items stay where they are. Gives how many it let go."""
    return await connection.count(_UNBIND, workspace_id=workspace_id, workflow_id=workflow_id, names=list(keep))
