"""Items of app queues: added, listed, handed to a batch, dead letters. Their data is sealed by whoever adds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from db import log_seal
from db.connection import Connection
from db.data import fitting_key
from db.ids import MAX_UUID, ItemId, QueueId, RunId, WorkspaceId
from db.json import Json
from db.statements import rows, values


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """`data` is sealed, `size` what it counts for in bytes; `delay` seconds. `ordering_key` must be text that a column can hold."""

    item_id: ItemId
    data: bytes
    size: int
    ordering_key: str | None = None
    dedupe_key: str | None = None
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Enqueued:
    """`repeated`: the operation was done before, and this is what it gave then (without ids).

    `wake_at`: when a batch may be due because of these items; None when a batch of theirs is open already.
    """

    outcome: Literal["accepted", "repeated", "queue_missing", "delay_with_keys"]
    accepted: int | None
    duplicates: int | None
    accepted_ids: list[ItemId] | None
    wake_at: datetime | None


@dataclass(frozen=True, slots=True)
class Item:
    """`attempts` counts those that failed. `run_id`, `error`, `failed_at`: of the last failed attempt, the time of a dead one only.

    `in_flight` is told by `list_items` alone: the others give what is stored, and a batch's items are stored as waiting.
    """

    item_id: ItemId
    ordering_key: str | None
    state: Literal["waiting", "in_flight", "delayed", "dead"]
    data: bytes
    size: int
    attempts: int
    enqueued_at: datetime
    available_at: datetime | None
    run_id: RunId | None
    error: Json
    failed_at: datetime | None
    workspace_id: WorkspaceId


_ENQUEUE = rows("queue_items", "enqueue", Enqueued)
_RECENT = values("queue_items", "recent_operation", str)
_LIST = rows("queue_items", "list_items", Item)
_DEAD = rows("queue_items", "dead_letters", Item)
_OF_BATCH = rows("queue_items", "of_batch", Item)
_REPLAY = values("queue_items", "replay", int)
_DROP_DEAD = values("queue_items", "drop_dead", int)


async def enqueue(
    connection: Connection,
    workspace_id: WorkspaceId,
    queue_id: QueueId,
    items: Sequence[NewItem],
    operation: str | None = None,
) -> Enqueued:
    """Add items in their order, all or none. The same `operation` (a step's idempotency key) again adds nothing."""
    return await connection.one(
        _ENQUEUE,
        workspace_id=workspace_id,
        queue_id=queue_id,
        operation=None if operation is None else fitting_key(operation),
        item_ids=[item.item_id for item in items],
        ordering_keys=[item.ordering_key for item in items],
        dedupe_keys=[None if item.dedupe_key is None else fitting_key(item.dedupe_key) for item in items],
        delays=[item.delay for item in items],
        bodies=[item.data for item in items],
        sizes=[item.size for item in items],
    )


async def recent_operation(connection: Connection, workspace_id: WorkspaceId, operations: Sequence[str]) -> str | None:
    """The one of these operations, if any, that was done within the last day."""
    given = [fitting_key(operation) for operation in operations]
    return await connection.maybe(_RECENT, workspace_id=workspace_id, operations=given)


async def list_items(connection: Connection, queue_id: QueueId, before: ItemId | None, limit: int) -> list[Item]:
    """What waits, is delayed, or is in a batch; newest first."""
    found = await connection.all(_LIST, queue_id=queue_id, before=before or MAX_UUID, most=limit)
    return [await _opened(connection, item) for item in found]


async def dead_letters(connection: Connection, queue_id: QueueId, before: ItemId | None, limit: int) -> list[Item]:
    """Newest item first."""
    found = await connection.all(_DEAD, queue_id=queue_id, before=before or MAX_UUID, most=limit)
    return [await _opened(connection, item) for item in found]


async def of_batch(connection: Connection, queue_id: QueueId, lane: str, members: Sequence[int]) -> list[Item]:
    """The items of a batch, in its order."""
    found = await connection.all(_OF_BATCH, queue_id=queue_id, lane=lane, members=list(members))
    return [await _opened(connection, item) for item in found]


async def _opened(connection: Connection, item: Item) -> Item:
    """The error is the one that its run ended with, closed for that place."""
    place = log_seal.of_run(item.workspace_id, "error", item.run_id)
    return replace(item, error=await log_seal.opened_copy(connection.seal, place, item.error))


async def replay(connection: Connection, queue_id: QueueId, item_ids: Sequence[UUID] | None, limit: int) -> int:
    """Put dead letters back at the end of the queue, with all their attempts; None: up to `limit` of all. Gives how many."""
    given = None if item_ids is None else list(item_ids)
    return await connection.one(_REPLAY, queue_id=queue_id, item_ids=given, most=limit)


async def drop_dead(
    connection: Connection, queue_id: QueueId, item_ids: Sequence[UUID] | None, limit: int = 100_000
) -> int:
    """Delete dead letters for good; None: up to `limit` of all. Gives how many."""
    given = None if item_ids is None else list(item_ids)
    return await connection.one(_DROP_DEAD, queue_id=queue_id, item_ids=given, most=limit)
