"""App queues under load, on real PostgreSQL: `python -m tests.scale.queues order|poison|speed [--items N] [--seed S] [--url URL]`.

order    producers add to keys at random, some of them slow to commit; claimers lose a claim now and then. Order is judged without the
         queue's own numbers: in a key, no item may be handed out before one whose call had answered before its own call began.
poison   a share of the items fails every run that holds it; halving must find exactly those, and hand out the others once each.
speed    what a call costs with one lane or many, an empty table or a full one.

Without a URL it starts a server of its own, and exits with 1 when a promise is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

from db import queue_items
from db.errors import DatabaseUnavailable
from db.flushes import Batch, fold_counts
from db.migrate import migrate
from db.pool import Database
from db.queue_items import NewItem
from tests.db.data_of_tests import failed
from tests.db.queues_of_tests import Bench, bench, item, items, numbers, query

_DEADLOCKS = query("select deadlocks from pg_stat_database where datname = current_database()", int)


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
    wrong: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not any(self.wrong.values()) and not self.faults


@dataclass(slots=True)
class _Handed:
    """What runs got, by key, in the order in which they succeeded."""

    by_key: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    open: set[str] = field(default_factory=set)
    side_by_side: int = 0
    deadlocks: int = 0
    claims_ms: list[float] = field(default_factory=list)


async def order(url: str, load: Load) -> Figures:
    """32 producers, 8 claimers, 1,000 keys, as `load` says."""
    db = await Database.open(url, max_size=load.producers + load.claimers + 2, application="scale")
    try:
        q = await bench(
            db,
            ordering="key",
            max_parallel_batches=1000 if load.keys > 1 else 2,
            flush_batch_size=load.batch_size,
            flush_record_max_age=1,
            max_attempts=100,
        )
        return await _order(q, load)
    finally:
        await db.close()


async def _order(q: Bench, load: Load) -> Figures:
    figures, handed = Figures(items=load.items), _Handed()
    chance = random.Random(load.seed)
    before = await q.value(_DEADLOCKS.statement.sql)
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
                async with q.db.engine() as connection:
                    await fold_counts(connection, q.queue_id)

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
        "deadlocks": int(await q.value(_DEADLOCKS.statement.sql)) - int(before),
    }
    figures.claim_p50_ms, figures.claim_p95_ms = _percentiles(handed.claims_ms)
    figures.faults = await _faults(q)
    return figures


async def _put(q: Bench, given: list[NewItem], open_s: float) -> None:
    if not open_s:
        await q.put(*given)
        return
    async with q.db.engine(q.owner.workspace_id) as connection:
        await queue_items.enqueue(connection, q.owner.workspace_id, q.queue_id, given)
        await asyncio.sleep(open_s)


async def _consume(q: Bench, batch: Batch, fails: bool, figures: Figures, handed: _Handed) -> None:
    found: list[int] = []
    if not await q.begin(batch, found):
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
    await q.end(batch, failed() if fails else None)


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
        q = await bench(db, flush_batch_size=1000, flush_record_max_age=1, max_attempts=1, on_failure="bisect")
        bad = frozenset(random.Random(load.seed).sample(range(load.items), int(load.items * share)))
        figures = Figures(items=load.items)
        began = time.perf_counter()
        for first in range(0, load.items, 1000):
            await q.put(*items(range(first, min(first + 1000, load.items))))
        figures.put_s = time.perf_counter() - began
        await q.flush()
        good: list[int] = []
        while some := await q.run(bad):
            figures.runs += len(some)
            for ran in some:
                if bad & set(ran):
                    figures.failed_runs += 1
                else:
                    good += ran
        figures.seconds = time.perf_counter() - began
        dead = set(numbers(await q.dead()))
        figures.wrong = {
            "dead but sound": len(dead - bad),
            "poison not found": len(bad - dead),
            "lost": load.items - len(bad) - len(set(good)),
            "double": len(good) - len(set(good)),
            "order": sum(a > b for a, b in pairwise(good)),
        }
        figures.faults = await _faults(q)
        return figures
    finally:
        await db.close()


async def speed(url: str, load: Load) -> dict[str, float]:
    """Milliseconds of calls (p50), and how they change with lanes and with what is in the table."""
    found: dict[str, float] = {}
    db = await Database.open(url, max_size=34, application="scale")
    try:
        for lanes in (1, 100, 10_000):
            q = await bench(
                db,
                ordering="key",
                max_parallel_batches=1000,
                flush_batch_size=10 if lanes > 1 else 1000,
                flush_record_max_age=1,
                max_attempts=1,
            )
            began = time.perf_counter()
            todo = iter(range(0, max(load.items // 4, 10 * lanes), 10))

            async def produce(q: Bench = q, todo: object = todo, lanes: int = lanes) -> None:
                for first in todo:  # type: ignore[attr-defined]  # an iterator of numbers
                    await q.put(*(item(one, key=str(one % lanes)) for one in range(first, first + 10)))

            await asyncio.gather(*(produce() for _ in range(32)))
            count = max(load.items // 4, 10 * lanes)
            found[f"items/s put into {lanes} lanes by 32, 10 a call"] = count / (time.perf_counter() - began)
            await asyncio.sleep(1.1)
            async with db.single() as connection:
                await connection.script("select 1")
            for name, act in (
                ("claim of 8", lambda q=q: q.claim(8)),
                ("stats", q.stats),
                ("next_flush", q.next_flush),
                ("put of 1", lambda q=q: q.put(item(1, key="1"))),
            ):
                found[f"{name} ms, {lanes} lanes"] = await _p50(act)  # type: ignore[arg-type]  # of different answers
            await q.flush()
            took: list[float] = []
            for batch in await q.claim(30):
                if await q.begin(batch):
                    start = time.perf_counter()
                    await q.end(batch)
                    took.append((time.perf_counter() - start) * 1000)
            if took:
                found[f"end of a batch ms, {lanes} lanes"] = statistics.median(took)
            start = time.perf_counter()
            gone = await q.clear()
            found[f"clear s, {gone} items, {lanes} lanes"] = time.perf_counter() - start
    finally:
        await db.close()
    return found


async def _p50(act: Callable[[], Awaitable[object]], times: int = 15) -> float:
    took: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        await act()
        took.append((time.perf_counter() - start) * 1000)
    return statistics.median(took)


def _percentiles(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]


async def _faults(q: Bench) -> list[str]:
    try:
        await q.sound()
    except AssertionError as error:
        return [str(error)]
    return []


async def _main(arguments: argparse.Namespace) -> int:
    if arguments.url:
        return await _measure(arguments, arguments.url)
    from server.embedded.postgres import EmbeddedPostgres, PostgresPlace

    with tempfile.TemporaryDirectory(prefix="millstream-queues-") as folder:
        server = EmbeddedPostgres(PostgresPlace.under(Path(folder)), throwaway=arguments.fast)
        child = await server.start()
        try:
            await migrate(server.url)
            return await _measure(arguments, server.url)
        finally:
            await server.stop(child)


async def _measure(arguments: argparse.Namespace, url: str) -> int:
    load = Load(items=arguments.items or (20_000 if arguments.what == "poison" else 200_000), seed=arguments.seed)
    if arguments.what == "speed":
        for name, value in (await speed(url, load)).items():
            print(f"{name:50} {value:10.2f}")
        return 0
    try:
        figures = await (order(url, load) if arguments.what == "order" else poison(url, load))
    except DatabaseUnavailable as error:
        print(f"seed {load.seed}: {error}")
        return 1
    print(f"seed {load.seed}")
    for name, value in asdict(figures).items():
        print(f"{name:15} {value}")
    return 0 if figures.sound else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="App queues under load.")
    parser.add_argument("what", choices=("order", "poison", "speed"))
    parser.add_argument("--items", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", default="", help="a migrated database; else a server is started")
    parser.add_argument("--fast", action="store_true", help="the server doesn't wait for the disk")
    sys.exit(asyncio.run(_main(parser.parse_args())))
