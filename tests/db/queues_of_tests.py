"""An app queue with a consumer, driven by hand: put, claim, begin, end. And the truth about it, counted from its items."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from db import app_queues, flushes, queue_items, runs
from db.app_queues import QueueSettings, Stats
from db.connection import Connection
from db.driver import Session, connect
from db.flushes import Batch
from db.ids import ItemId, QueueId, WorkflowId, new_uuid7
from db.pool import Database
from db.queue_items import Enqueued, Item, NewItem
from db.record import End, Recorded, record
from db.statements import Query, Statement
from tests.db.data_of_tests import START, Tenant, failed, new_run, succeeded, tenant

_TRUTH = """
with b as (
    select x.*, x.members || coalesce(x.rest, '{}') as held from app_queue_batches x where x.queue_id = $1
), i as (
    select x.item_id, x.seq, x.lane, x.size, x.state, o.state as batch_state
    from app_queue x
    left join lateral unnest((select b.held from b where b.lane = x.lane)) m (seq) on x.state = 'waiting' and m.seq = x.seq
    left join b o on o.lane = x.lane and m.seq is not null
    where x.queue_id = $1
), lanes as (
    select i.lane, count(*) filter (where i.batch_state is null) as depth,
        coalesce(sum(i.size) filter (where i.batch_state is null), 0) as bytes
    from i where i.state = 'waiting' group by i.lane
), truth as (
    select count(*) filter (where i.state = 'waiting' and (i.batch_state is null or i.batch_state = 'blocked')) as depth,
        count(*) filter (where i.batch_state <> 'blocked') as in_flight,
        count(*) filter (where i.state = 'delayed') as delayed, count(*) filter (where i.state = 'dead') as dead
    from i
), sums as (
    select coalesce(sum(c.depth), 0) as depth, coalesce(sum(c.in_flight), 0) as in_flight,
        coalesce(sum(c.delayed), 0) as delayed, coalesce(sum(c.dead), 0) as dead
    from app_queue_counts c where c.queue_id = $1
)
select format('sums say %s, the items %s', sums, truth) from sums, truth where sums::text is distinct from truth::text
union all
select format('lane %L says %s items of %s bytes, it has %s of %s', coalesce(k.lane, l.lane), k.depth, k.bytes, l.depth, l.bytes)
from (select * from app_queue_keys where queue_id = $1) k full join lanes l on l.lane = k.lane
where (k.depth, k.bytes) is distinct from (l.depth, l.bytes)
union all
select format('lane %L is %s and its batch %s', k.lane, k.state, coalesce(b.state, 'is not there'))
from app_queue_keys k left join b on b.lane = k.lane
where k.queue_id = $1
    and k.state <> case when b.state is null then 'ready' when b.state = 'blocked' then 'blocked' else 'held' end
union all
select format('lane %L is due at %s', k.lane, k.due_at) from app_queue_keys k
where k.queue_id = $1 and (k.state = 'ready') <> (k.due_at is not null)
union all
select format('batch of %L has members %s that are no items', b.lane, m.seq)
from b cross join unnest(b.held) m (seq)
where not exists (select from i where i.lane = b.lane and i.seq = m.seq and i.state = 'waiting')
union all
select format('batch of %L has no lane', b.lane) from b
where not exists (select from app_queue_keys k where k.queue_id = $1 and k.lane = b.lane)
union all
select format('batch of %L has parts %s of %s items', b.lane, b.cuts, cardinality(b.rest)) from b
where coalesce((select sum(abs(c)) from unnest(b.cuts) c), 0) <> coalesce(cardinality(b.rest), 0)
"""


def query(sql: str, kind: type[Any] = object) -> Query[Any]:
    """A statement of the tests' own, whose rows have one column; its parameters are named a, b, c in their order."""
    names = tuple(name for name in "abc" if f"${ord(name) - 96}" in sql)
    return Query(Statement("of a test", ("engine",), "", sql, names), kind, lambda columns: columns[0])


async def faults(connection: Connection, queue_id: QueueId) -> list[str]:
    """Where sums, lanes and batches differ from what the items say; nothing in a sound queue."""
    return await connection.all(query(_TRUTH, str), a=queue_id)


def item(
    number: int = 0, *, key: str | None = None, dedupe: str | None = None, delay: float = 0, size: int = 10
) -> NewItem:
    return NewItem(
        item_id=ItemId(new_uuid7()),
        data=str(number).encode(),
        size=size,
        ordering_key=key,
        dedupe_key=dedupe,
        delay=delay,
    )


def items(numbers: Sequence[int] | range, key: str | None = None) -> list[NewItem]:
    return [item(number, key=key) for number in numbers]


@dataclass
class Bench:
    """One queue. With a `clock`, the database has one connection and this is its time."""

    db: Database
    owner: Tenant
    queue_id: QueueId
    now: datetime | None = None
    handed: list[list[int]] = field(default_factory=list)
    """What was begun, in its order."""

    async def at(self, seconds: float) -> None:
        """Set the clock to so long after the beginning."""
        self.now = START + timedelta(seconds=seconds)
        async with self.db.single() as connection:
            await connection.script(f"select set_config('app.clock', '{self.now.isoformat()}', false)")

    async def put(self, *given: NewItem, operation: str | None = None) -> Enqueued:
        async with self.db.single() as connection:
            return await queue_items.enqueue(connection, self.owner.workspace_id, self.queue_id, given, operation)

    async def claim(self, limit: int = 10, lease_s: float = 30, holder: str = "test") -> list[Batch]:
        async with self.db.single() as connection:
            return await flushes.claim(connection, self.queue_id, holder, limit, lease_s)

    async def begin(self, batch: Batch, handed: list[int] | None = None) -> bool:
        """The batch's run is taken in, and what it gets goes to `handed`. False: nothing happened."""
        async with self.db.engine() as connection:
            if not await flushes.begin(connection, batch.batch_id, batch.epoch):
                return False
            owner = Tenant(batch.workspace_id, batch.workflow_id)
            run = new_run(owner, run_id=batch.run_id, trigger_type="queue", origin=str(batch.batch_id))
            await runs.accept(connection, run)
            found = await queue_items.of_batch(connection, batch.queue_id, batch.lane, batch.members)
        if handed is None:
            self.handed.append(numbers(found))
        else:
            handed += numbers(found)
        return True

    async def end(self, batch: Batch, end: End | None = None) -> Recorded:
        async with self.db.single() as connection:
            return await record(connection, batch.workspace_id, batch.run_id, [], end=end or succeeded())

    async def run(self, poison: frozenset[int] = frozenset(), limit: int = 10) -> list[list[int]]:
        """Claim once and run what came, to its end; gives what the runs had. Those with poison fail."""
        ran: list[list[int]] = []
        for batch in await self.claim(limit):
            assert await self.begin(batch)
            ran.append(self.handed[-1])
            await self.end(batch, failed() if poison & set(ran[-1]) else succeeded())
        return ran

    async def settings(self, **changed: object) -> None:
        async with self.db.tenant(self.owner.workspace_id) as connection:
            queue = await app_queues.get(connection, self.owner.workspace_id, self.queue_id)
            assert queue is not None
            kept = {name: getattr(queue, name) for name in QueueSettings.__dataclass_fields__}
            new = QueueSettings(**{**kept, **changed})
            await app_queues.update(connection, self.owner.workspace_id, self.queue_id, new)

    async def pause(self) -> None:
        async with self.db.tenant(self.owner.workspace_id) as connection:
            await app_queues.set_status(connection, self.queue_id, "paused")

    async def resume(self) -> int:
        async with self.db.tenant(self.owner.workspace_id) as connection:
            return await app_queues.set_status(connection, self.queue_id, "running")

    async def flush(self) -> int:
        async with self.db.tenant(self.owner.workspace_id) as connection:
            return await app_queues.flush(connection, self.queue_id)

    async def clear(self) -> int:
        async with self.db.tenant(self.owner.workspace_id) as connection:
            return await app_queues.clear(connection, self.queue_id)

    async def bind(self, workflow_id: WorkflowId) -> None:
        async with self.db.tenant(self.owner.workspace_id) as connection:
            await app_queues.bind(connection, self.owner.workspace_id, workflow_id, {str(self.queue_id): "in"})

    async def unbind(self) -> None:
        async with self.db.tenant(self.owner.workspace_id) as connection:
            await app_queues.unbind(connection, self.owner.workspace_id, self.owner.workflow_id)

    async def dead(self) -> list[Item]:
        async with self.db.tenant(self.owner.workspace_id) as connection:
            return await queue_items.dead_letters(connection, self.queue_id, None, 100_000)

    async def left(self) -> list[Item]:
        """What isn't dead, by number."""
        async with self.db.tenant(self.owner.workspace_id) as connection:
            found = await queue_items.list_items(connection, self.queue_id, None, 100_000)
        return sorted(found, key=lambda one: int(one.data))

    async def replay(self, item_ids: Sequence[UUID] | None = None, limit: int = 100_000) -> int:
        async with self.db.tenant(self.owner.workspace_id) as connection:
            return await queue_items.replay(connection, self.queue_id, item_ids, limit)

    async def log(self) -> list[flushes.Flush]:
        """Oldest first; those of one claim in no order."""
        async with self.db.tenant(self.owner.workspace_id) as connection:
            found = await flushes.log(connection, self.queue_id, None, 100_000)
        return sorted(found, key=lambda one: (one.flushed_at, one.run_id))

    async def stats(self) -> Stats:
        async with self.db.tenant(self.owner.workspace_id) as connection:
            return await app_queues.stats(connection, self.queue_id)

    async def next_flush(self) -> float | None:
        async with self.db.single() as connection:
            return await flushes.next_flush(connection, self.queue_id)

    async def sound(self) -> None:
        """Every figure is what the items say."""
        async with self.db.single() as connection:
            assert await faults(connection, self.queue_id) == []

    async def value(self, sql: str, **given: object) -> Any:
        async with self.db.single() as connection:
            return await connection.maybe(query(sql), **given)


def flat(ran: Sequence[Sequence[int]]) -> list[int]:
    return [number for one in ran for number in one]


def numbers(found: Sequence[Item]) -> list[int]:
    return [int(one.data) for one in found]


async def bench(db: Database, owner: Tenant | None = None, name: str = "orders", **settings: object) -> Bench:
    """A new queue whose consumer is the workflow of `owner` (a new tenant). Without limits of its rate unless they are given."""
    owner = owner or await tenant(db, f"w{uuid4().hex}")
    given = {"flush_rate_limit_max_flush_count": 100_000, "flush_rate_limit_time_window": 0.001, **settings}
    async with db.tenant(owner.workspace_id) as connection:
        made = await app_queues.create(connection, owner.workspace_id, name, QueueSettings(**given))  # type: ignore[arg-type]
        assert made is not None
        assert await app_queues.bind(
            connection, owner.workspace_id, owner.workflow_id, await _bound(connection, owner, name)
        )
    return Bench(db, owner, made)


async def _bound(connection: Connection, owner: Tenant, name: str) -> dict[str, str]:
    """What the workflow consumes already, and this queue too."""
    queues = await app_queues.list_queues(connection, owner.workspace_id, None, 1000)
    return {queue.name: queue.name for queue in queues if queue.consumer_workflow_id == owner.workflow_id} | {
        name: name
    }


class _OneConnection:
    """In place of a pool, which changes its connections after so many statements: what is set for the session stays."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._free = asyncio.Lock()

    async def acquire(self, *, timeout: float | None = None) -> Session:
        await asyncio.wait_for(self._free.acquire(), timeout)
        return self._session

    async def release(self, connection: Session, *, timeout: float | None = None) -> None:
        self._free.release()

    async def close(self) -> None:
        await self._session.close()

    def terminate(self) -> None:
        self._session.terminate()


async def one_connection(url: str, application: str) -> Database:
    """A database whose clock can be set."""
    session = await connect(url, application=application)
    await session.execute("set role ms_engine")
    return Database(_OneConnection(session), url, application)


@asynccontextmanager
async def clocked(url: str, **settings: object) -> AsyncIterator[Bench]:
    """A queue of a new workspace, seen over one connection, whose clock stands where the test sets it."""
    database = await one_connection(url, "clocked test")
    try:
        made = await bench(database, **settings)
        await made.at(0)
        yield made
        await made.sound()
    finally:
        await database.close()
