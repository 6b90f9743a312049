"""From items that wait to runs that have them: claims the batches of app queues that are due, and starts a run for each.

Model. What is due is rows, and so is who claimed what: see the head of the tables in `db/migrations`. This process only decides when to look.

    items came, a run of ours ended, a queue goes on ──► look at that queue now
    the last look said when something will be due    ──► look at that queue then
    every few seconds, by the one process that leads ──► look for queues that are due, for what others knew and took with them

    a look    claim up to `AT_ONCE` batches (one commit, a lease each) → for each: read and open its items → one transaction that
              begins the flush and takes the run in; both or neither

- *Died between the two*: the lease runs out and the same batch is claimed again, with the same run id and a higher epoch.
- *Stood still between the two*: the claim's epoch is refused, and nothing is written. Such refusals are logged and counted.
- *The end*: the batch ends in the transaction that ends its run, whoever does that; a notice then brings the next look.
- *Temporal gone*: batches become runs all the same, which wait in the queue of runs like any other.

Rejected: an execution in Temporal for each queue. A claim needs PostgreSQL only, so nothing has to be woken, continued as new, or healed when
Temporal's store is lost; and a signal for each item would cost more than all the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections import OrderedDict
from uuid import UUID

from db import flushes, queue_items
from db.connection import Connection
from db.errors import DatabaseUnavailable
from db.flushes import Batch
from db.ids import QueueId
from db.pool import Database
from engine.authority import DEPLOYED
from engine.core.errors import StepError
from engine.expressions.values import Json
from engine.holder import new_holder
from engine.hub import Hub, Kind, Notice
from engine.led_rounds import Leads
from engine.problems import Problem
from engine.queues.sealed_items import SealedItems
from engine.runs.accept import Acceptor, Entry
from engine.runs.lookup import Lookup
from engine.stale import StaleWrites
from engine.views import moment
from workspace.keys import Unreadable

LEASE = 30.0
AT_ONCE = 8
"""Batches of one queue that one look claims at most; where more are due, the next look follows at once."""
_LOOKS = 4
"""Queues that are looked at side by side."""
_SWEEP = 5.0
_HORIZON = 60.0
"""Seconds ahead that a sweep asks for."""
_AGAIN = 1.0
_HELD = 0.05
_FOLD_EVERY = 16
_BUSY = 10_000

log = logging.getLogger("millstream.queues")


class _Stale(Exception):
    """The claim is somebody else's by now."""


class Flusher:
    """One per process. `run` does the work."""

    def __init__(
        self,
        db: Database,
        hub: Hub,
        sealed: SealedItems,
        lookup: Lookup,
        acceptor: Acceptor,
        leads: Leads,
        stale: StaleWrites | None = None,
    ) -> None:
        self._db = db
        self._hub = hub
        self._sealed = sealed
        self._lookup = lookup
        self._acceptor = acceptor
        self._leads = leads
        self._holder = new_holder()
        self._due: dict[QueueId, float] = {}
        """When each queue is looked at next, by the process's own clock."""
        self._changed = asyncio.Event()
        self._looking: set[QueueId] = set()
        self._room = asyncio.Semaphore(_LOOKS)
        self._runs: OrderedDict[str, QueueId] = OrderedDict()
        """Runs that have batches of queues this process knows of: their ends are reasons to look."""
        self._looks = 0
        self._stale = stale or StaleWrites()
        hub.watch(self._heard)

    async def run(self) -> None:
        """Until cancelled. Claims that are not begun then run out."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweeps())
            while True:
                wait = self._begin_looks(group)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                self._changed.clear()

    def _heard(self, notice: Notice | None) -> None:
        if notice is None:
            return
        if notice.kind is Kind.ITEMS:
            self._look(QueueId(UUID(notice.run_id)))
        elif notice.kind is Kind.ENDED and (queue_id := self._runs.pop(notice.run_id, None)) is not None:
            self._look(queue_id)

    def _look(self, queue_id: QueueId, after: float = 0.0) -> None:
        at = time.monotonic() + after
        if at < self._due.get(queue_id, float("inf")):
            self._due[queue_id] = at
            self._changed.set()

    def _begin_looks(self, group: asyncio.TaskGroup) -> float | None:
        """Begin what is due; gives the seconds until more is, None while nothing is known of."""
        now = time.monotonic()
        for queue_id in [one for one, at in self._due.items() if at <= now and one not in self._looking]:
            del self._due[queue_id]
            self._looking.add(queue_id)
            group.create_task(self._look_at(queue_id))
        waiting = [at for one, at in self._due.items() if one not in self._looking]
        return max(0.0, min(waiting) - now) if waiting else None

    async def _look_at(self, queue_id: QueueId) -> None:
        try:
            async with self._room:
                after = await self._claim(queue_id)
        except DatabaseUnavailable:
            after = _AGAIN
        except Exception:
            log.exception("the queue %s could not be looked at; it is tried again", queue_id)
            after = _SWEEP
        self._looking.discard(queue_id)
        if after is not None:
            self._look(queue_id, after)
        self._changed.set()

    async def _claim(self, queue_id: QueueId) -> float | None:
        """Hand out what may go; gives when to look again, None when only news can change anything."""
        async with self._db.single() as conn:
            batches = await flushes.claim(conn, queue_id, self._holder, AT_ONCE, LEASE)
        await asyncio.gather(*(self._start(batch) for batch in batches))
        if len(batches) == AT_ONCE:
            return 0.0
        self._looks += 1
        async with self._db.single() as conn:
            if self._looks % _FOLD_EVERY == 0:
                await flushes.fold_counts(conn, queue_id)
            seconds = await flushes.next_flush(conn, queue_id)
        # What is due and wasn't given out is held by somebody who adds to it at this moment.
        return None if seconds is None else max(0.0 if batches else _HELD, seconds)

    async def _start(self, batch: Batch) -> None:
        self._runs[str(batch.run_id)] = batch.queue_id
        while len(self._runs) > _BUSY:
            self._runs.popitem(last=False)
        try:
            await self._begin(batch)
        except _Stale:
            self._stale.refused("flush", batch.run_id, batch.epoch)
        except (Problem, DatabaseUnavailable) as error:
            # The lease runs out and the batch is claimed again; a consumer that was deleted or paused meanwhile claims no more.
            log.info("a batch of queue %s could not begin: %s", batch.queue_id, error)

    async def _begin(self, batch: Batch) -> None:
        async with self._db.engine(batch.workspace_id) as conn:
            stored = await queue_items.of_batch(conn, batch.queue_id, batch.lane, batch.members)
        fault = None
        items: list[Json] = []
        for one in stored:
            try:
                data = await self._sealed.open(batch.workspace_id, one)
            except Unreadable as error:
                data, fault = None, StepError("queue.unreadable", f"The item {one.item_id} can't be read: {error}")
            items.append(
                {
                    "item_id": str(one.item_id),
                    "data": data,
                    "ordering_key": one.ordering_key,
                    "attempts": one.attempts + 1,
                    "enqueued_at": moment(one.enqueued_at),
                }
            )
        target = await self._lookup.target(batch.workspace_id, str(batch.workflow_id), "deployed", DEPLOYED)

        async def first(conn: Connection) -> None:
            if not await flushes.begin(conn, batch.batch_id, batch.epoch):
                raise _Stale

        known = batch.trigger_id in target.prepared.document.triggers
        await self._acceptor.accept(
            Entry(
                workspace_id=batch.workspace_id,
                workflow_id=batch.workflow_id,
                name=target.workflow.name,
                version=target.version,
                prepared=target.prepared,
                trigger={
                    "type": "queue",
                    "id": batch.trigger_id if known else None,
                    "items": items,
                    "body": {"items": items},
                },
                origin=str(batch.batch_id),
                run_id=batch.run_id,
                first=first,
                nobody_asks=True,
                fault=fault,
            )
        )

    async def _sweeps(self) -> None:
        chance = secrets.SystemRandom()
        while True:
            with contextlib.suppress(DatabaseUnavailable):
                if await self._leads("flusher"):
                    async with self._db.single() as conn:
                        found = await flushes.soon(conn, _HORIZON)
                    for one in found:
                        self._look(one.queue_id, max(0.0, one.seconds))
            await asyncio.sleep(_SWEEP * chance.uniform(0.8, 1.2))
