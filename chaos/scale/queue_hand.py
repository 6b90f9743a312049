"""An app queue with a consumer, driven by hand through the tables' own functions: put, claim, begin, end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from chaos.scale.tenant import Tenant, failed, new_run, succeeded, tenant
from db import app_queues, evidence, flushes, queue_items, runs
from db.app_queues import QueueSettings, Stats
from db.flushes import Batch
from db.ids import ItemId, QueueId, new_uuid7
from db.pool import Database
from db.queue_items import Item, NewItem
from db.record import record

_ALL = 1_000_000


def item(number: int, key: str | None = None) -> NewItem:
    return NewItem(item_id=ItemId(new_uuid7()), data=str(number).encode(), size=10, ordering_key=key)


def numbers(found: Sequence[Item]) -> list[int]:
    return [int(one.data) for one in found]


@dataclass(frozen=True, slots=True)
class Hand:
    """One queue of a workspace of its own."""

    db: Database
    owner: Tenant
    queue_id: QueueId

    async def put(self, given: Sequence[NewItem]) -> None:
        async with self.db.single() as connection:
            await queue_items.enqueue(connection, self.owner.workspace_id, self.queue_id, given)

    async def claim(self, limit: int = 10, lease_s: float = 30.0, holder: str = "scale") -> list[Batch]:
        async with self.db.single() as connection:
            return await flushes.claim(connection, self.queue_id, holder, limit, lease_s)

    async def begin(self, batch: Batch) -> list[int] | None:
        """The batch's run is taken in; gives what it holds. None: the claim is stale, and nothing happened."""
        async with self.db.engine() as connection:
            if not await flushes.begin(connection, batch.batch_id, batch.epoch):
                return None
            run = new_run(Tenant(batch.workspace_id, batch.workflow_id))
            run = replace(run, run_id=batch.run_id, trigger_type="queue", origin=str(batch.batch_id))
            await runs.accept(connection, run)
            return numbers(await queue_items.of_batch(connection, batch.queue_id, batch.lane, batch.members))

    async def end(self, batch: Batch, *, fails: bool) -> None:
        async with self.db.single() as connection:
            end = failed() if fails else succeeded()
            await record(connection, batch.workspace_id, batch.run_id, [], end=end)

    async def flush(self) -> None:
        async with self.db.tenant(self.owner.workspace_id) as connection:
            await app_queues.flush(connection, self.queue_id)

    async def stats(self) -> Stats:
        async with self.db.tenant(self.owner.workspace_id) as connection:
            return await app_queues.stats(connection, self.queue_id)

    async def fold(self) -> None:
        async with self.db.engine() as connection:
            await flushes.fold_counts(connection, self.queue_id)

    async def dead(self) -> list[int]:
        async with self.db.tenant(self.owner.workspace_id) as connection:
            return numbers(await queue_items.dead_letters(connection, self.queue_id, None, _ALL))

    async def faults(self) -> list[str]:
        async with self.db.single() as connection:
            return await evidence.queue_faults(connection, self.queue_id)

    async def deadlocks(self) -> int:
        async with self.db.single() as connection:
            return await evidence.deadlocks(connection)


async def open_queue(db: Database, settings: QueueSettings) -> Hand:
    """A new queue with a consumer, of a new workspace, without limits of its rate."""
    owner = await tenant(db, f"w{uuid4().hex}")
    given = replace(settings, flush_rate_limit_max_flush_count=100_000, flush_rate_limit_time_window=0.001)
    async with db.tenant(owner.workspace_id) as connection:
        made = await app_queues.create(connection, owner.workspace_id, "orders", given)
        assert made is not None
        assert await app_queues.bind(connection, owner.workspace_id, owner.workflow_id, {"orders": "orders"})
    return Hand(db, owner, made)
