"""App queues under load, on real PostgreSQL: what is promised of order, and of poison.

order    producers add to keys at random, some of them slow to commit; claimers lose a claim now and then. Order is judged without the
         queue's own numbers: in a key, no item may be handed out before one whose call had answered before its own call began.
poison   a share of the items fails every run that holds it; halving must find exactly those, and hand out the others once each.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from chaos.scale.queue_hand import Hand, item, open_queue
from db import queue_items
from db.app_queues import QueueSettings
from db.flushes import Batch
from db.pool import Database
from db.queue_items import NewItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`slow`: the share of calls whose transaction stays open 50–300 ms after the items are in it."""

    items: int = 200_000
    seed: int = 1
    producers: int = 32
    claimers: int = 8
    keys: int = 1000
    each: int = 10
    batch_size: int = 50
    slow: float = 0.05
    lost_claims: float = 0.02
    failing: float = 0.01


@dataclass(slots=True, kw_only=True)
class Figures:
    """All of `wrong` must be 0."""

    items: int = 0
    seconds: float = 0.0
    put_s: float = 0.0
    runs: int = 0
    failed_runs: int = 0
    lost_claims: int = 0
    stale_refused: int = 0
    claim_p50_ms: float = 0.0
    claim_p95_ms: float = 0.0
    wrong: dict[str, int] = field(default_factory=dict[str, int])
    faults: list[str] = field(default_factory=list[str])

    @property
    def sound(self) -> bool:
        return not any(self.wrong.values()) and not self.faults


@dataclass(slots=True)
class _Handed:
    """What runs got, by key, in the order in which they succeeded."""

    by_key: dict[str, list[int]] = field(default_factory=lambda: defaultdict[str, list[int]](list))
    open: set[str] = field(default_factory=set[str])
    side_by_side: int = 0
    claims_ms: list[float] = field(default_factory=list[float])


async def order(url: str, load: Load) -> Figures:
    """32 producers, 8 claimers, 1,000 keys, as `load` says."""
    db = await Database.open(url, max_size=load.producers + load.claimers + 2, application="scale")
    try:
        settings = QueueSettings(
            ordering="key",
            max_parallel_batches=1000 if load.keys > 1 else 2,
            flush_batch_size=load.batch_size,
            flush_record_max_age=1,
            max_attempts=100,
        )
        return await _order(await open_queue(db, settings), load)
    finally:
        await db.close()


async def _order(q: Hand, load: Load) -> Figures:
    figures, handed = Figures(items=load.items), _Handed()
    chance = random.Random(load.seed)
    before = await q.deadlocks()
    keys = [f"key{number}" for number in range(load.keys)]
    of = [chance.choice(keys) for _ in range(load.items)]
    calls: dict[int, tuple[float, float]] = {}
    """When each item's call began, and when it had answered."""
    todo = iter(range(0, load.items, load.each))
    filled = asyncio.Event()
    began = time.perf_counter()

    async def produce(seed: int) -> None:
        dice = random.Random(seed)
        for first in todo:
            some = range(first, min(first + load.each, load.items))
            start = time.perf_counter()
            await _put(
                q, [item(one, key=of[one]) for one in some], dice.uniform(0.05, 0.3) * (dice.random() < load.slow)
            )
            end = time.perf_counter()
            calls.update((one, (start, end)) for one in some)

    async def consume(seed: int) -> None:
        dice = random.Random(-seed)
        while not (filled.is_set() and not (await q.stats()).oldest_age_s):
            start = time.perf_counter()
            batches = await q.claim(limit=8, lease_s=0.5, holder=str(seed))
            handed.claims_ms.append((time.perf_counter() - start) * 1000)
            for batch in batches:
                if dice.random() < load.lost_claims:
                    figures.lost_claims += 1
                    continue
                await _consume(q, batch, dice.random() < load.failing, figures, handed)
            if not batches:
                await asyncio.sleep(0.02)
            elif seed == 1:
                await q.fold()

    async def put_all() -> None:
        await asyncio.gather(*(produce(load.seed * 1000 + number) for number in range(load.producers)))
        figures.put_s = time.perf_counter() - began
        filled.set()

    await asyncio.gather(put_all(), *(consume(1 + number) for number in range(load.claimers)))
    figures.seconds = time.perf_counter() - began
    count = [one for ran in handed.by_key.values() for one in ran]
    figures.wrong = {
        "order": sum(_out_of_order(ran, calls) for ran in handed.by_key.values())
        + sum(of[one] != key for key, ran in handed.by_key.items() for one in ran),
        "lost": load.items - len(set(count)),
        "double": len(count) - len(set(count)),
        "side by side": handed.side_by_side,
        "deadlocks": await q.deadlocks() - before,
    }
    figures.claim_p50_ms, figures.claim_p95_ms = _percentiles(handed.claims_ms)
    figures.faults = await q.faults()
    return figures


async def _put(q: Hand, given: list[NewItem], open_s: float) -> None:
    if not open_s:
        await q.put(given)
        return
    async with q.db.engine(q.owner.workspace_id) as connection:
        await queue_items.enqueue(connection, q.owner.workspace_id, q.queue_id, given)
        await asyncio.sleep(open_s)


async def _consume(q: Hand, batch: Batch, fails: bool, figures: Figures, handed: _Handed) -> None:
    found = await q.begin(batch)
    if found is None:
        figures.stale_refused += 1
        return
    handed.side_by_side += batch.lane in handed.open
    handed.open.add(batch.lane)
    figures.runs += 1
    figures.failed_runs += fails
    if not fails:
        handed.by_key[batch.lane] += found
    # Another run of the lane may begin as soon as this is committed, so before we hear of it.
    handed.open.discard(batch.lane)
    await q.end(batch, fails=fails)


def _out_of_order(ran: list[int], calls: dict[int, tuple[float, float]]) -> int:
    latest_start, wrong = 0.0, 0
    for one in ran:
        start, answered = calls[one]
        wrong += answered < latest_start
        latest_start = max(latest_start, start)
    # One call's items are in its own order.
    return wrong + sum(calls[a] == calls[b] and b < a for a, b in pairwise(ran))


async def poison(url: str, load: Load, share: float = 0.01) -> Figures:
    """Some items fail whatever run holds them; `bisect` finds them."""
    db = await Database.open(url, max_size=4, application="scale")
    try:
        settings = QueueSettings(flush_batch_size=1000, flush_record_max_age=1, max_attempts=1, on_failure="bisect")
        q = await open_queue(db, settings)
        bad = frozenset(random.Random(load.seed).sample(range(load.items), int(load.items * share)))
        figures = Figures(items=load.items)
        began = time.perf_counter()
        for first in range(0, load.items, 1000):
            await q.put([item(one) for one in range(first, min(first + 1000, load.items))])
        figures.put_s = time.perf_counter() - began
        await q.flush()
        good: list[int] = []
        while batches := await q.claim():
            for batch in batches:
                ran = await q.begin(batch)
                assert ran is not None, "nobody else claims"
                fails = not bad.isdisjoint(ran)
                await q.end(batch, fails=fails)
                figures.runs += 1
                figures.failed_runs += fails
                if not fails:
                    good += ran
        figures.seconds = time.perf_counter() - began
        dead = set(await q.dead())
        figures.wrong = {
            "dead but sound": len(dead - bad),
            "poison not found": len(bad - dead),
            "lost": load.items - len(bad) - len(set(good)),
            "double": len(good) - len(set(good)),
            "order": sum(a > b for a, b in pairwise(good)),
        }
        figures.faults = await q.faults()
        return figures
    finally:
        await db.close()


def _percentiles(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
