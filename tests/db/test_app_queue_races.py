"""Producers, claimers and people at one queue at once: nothing is lost, doubled or overtaken, and nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest

from db import app_queues, flushes, queue_items, runs
from db.connection import Connection
from db.errors import DatabaseUnavailable
from db.pool import Database
from db.queue_items import NewItem
from db.record import record
from tests.db.data_of_tests import started, step
from tests.db.queues_of_tests import Bench, bench, clocked, flat, item, items, numbers, query


@asynccontextmanager
async def uncommitted(q: Bench, *given: NewItem) -> AsyncIterator[Connection]:
    """A producer that has added these and doesn't commit until the block's end."""
    async with q.db.engine() as connection:
        await queue_items.enqueue(connection, q.owner.workspace_id, q.queue_id, given)
        yield connection


async def waits(work: Awaitable[object]) -> asyncio.Task[object]:
    """`work` as a task that stands at a lock by now: it was given time, and hasn't ended."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait([task], timeout=0.15)
    assert not done
    return task  # type: ignore[return-value]  # a coroutine gives a task


async def test_the_order_of_a_lane_is_the_order_of_commits(db: Database) -> None:
    q = await bench(db, ordering="key", flush_batch_size=3, max_parallel_batches=5)
    async with uncommitted(q, item(1, key="a")):
        late = await waits(q.put(item(2, key="a")))
        await q.put(item(3, key="b"), item(4, key="b"), item(5, key="b"))
        assert await q.run() == [[3, 4, 5]], "another lane goes on"
    await late
    await q.put(item(6, key="a"))
    assert await q.run() == [[1, 2, 6]]


async def test_the_same_dedupe_key_at_once_is_one_item(db: Database) -> None:
    q = await bench(db, ordering="key")

    async def put(number: int) -> int:
        names = ["x", "y", "z", "x"] if number % 2 else ["z", "y", "x", "z"]
        added = await q.put(*(item(number, key=name, dedupe=name) for name in names))
        assert (added.accepted or 0) + (added.duplicates or 0) == 4
        return added.accepted or 0

    assert sum(await asyncio.gather(*(put(number) for number in range(10)))) == 3
    assert len(await q.left()) == 3
    await q.sound()


async def test_a_dedupe_key_is_free_after_its_window_or_when_its_call_was_undone(queues_url: str) -> None:
    async with clocked(queues_url, dedupe_window=60) as q:
        assert (await q.put(item(1, dedupe="k"), item(2, dedupe="k"), item(3))).accepted == 2
        await q.at(59)
        assert (await q.put(item(4, dedupe="k"))).duplicates == 1
        await q.at(60)
        assert (await q.put(item(5, dedupe="k"))).accepted == 1
        with pytest.raises(ZeroDivisionError):
            async with uncommitted(q, item(6, dedupe="l")):
                raise ZeroDivisionError
        assert (await q.put(item(7, dedupe="l"))).accepted == 1
        assert sorted(numbers(await q.left())) == [1, 3, 5, 7]


async def test_a_repeated_operation_adds_once_and_gives_the_first_answer(db: Database) -> None:
    q = await bench(db)

    async def put(_: int) -> tuple[str, int | None, int | None]:
        added = await q.put(item(1, dedupe="d"), item(2, dedupe="d"), item(3), operation="run:step")
        return added.outcome, added.accepted, added.duplicates

    told = await asyncio.gather(*(put(number) for number in range(8)))
    assert sorted(told) == [("accepted", 2, 1), *[("repeated", 2, 1)] * 7]
    assert len(await q.left()) == 2
    async with db.tenant(q.owner.workspace_id) as connection:
        await app_queues.delete(connection, q.owner.workspace_id, q.queue_id)
    assert await put(0) == ("repeated", 2, 1), "what it did before, though the queue is gone"
    assert (await q.put(item(4), operation="another")).outcome == "queue_missing"


async def undone(q: Bench) -> None:
    async with q.db.engine() as connection:
        await queue_items.enqueue(connection, q.owner.workspace_id, q.queue_id, items([1]), "op")
        raise ZeroDivisionError


async def test_an_operation_that_was_undone_is_done_by_the_next(db: Database) -> None:
    q = await bench(db)
    with pytest.raises(ZeroDivisionError):
        await undone(q)
    assert (await q.put(*items([2]), operation="op")).outcome == "accepted"
    assert numbers(await q.left()) == [2]


async def test_clear_leaves_what_is_committed_while_it_works(db: Database) -> None:
    q = await bench(db, ordering="key", flush_batch_size=1, max_parallel_batches=9)
    await q.put(item(1, key="a"))
    async with uncommitted(q, item(2, key="a"), item(3, key="b")):
        clearing = await waits(q.clear())
    assert await clearing in (2, 3)
    await q.sound()

    async def feed(number: int) -> None:
        for turn in range(15):
            await q.put(item(turn, key=f"new {number} {turn}"))

    async def clear() -> None:
        for _ in range(15):
            await q.clear()

    await asyncio.gather(*(feed(number) for number in range(4)), clear())
    await q.sound()
    left = len(await q.left())
    assert len(flat(await q.run(limit=9))) == min(9, left)


async def test_clear_leaves_a_lane_that_came_while_it_waited(db: Database) -> None:
    """It waits for a producer of one lane; meanwhile another lane is added and committed, which it hasn't seen."""
    q = await bench(db, ordering="key", flush_batch_size=1, max_parallel_batches=9)
    await q.put(item(1, key="a"))
    async with uncommitted(q, item(2, key="a")):
        clearing = await waits(q.clear())
        await q.put(item(3, key="0"), item(4, key="z"))
    assert await clearing == 2
    await q.sound()
    assert sorted(flat(await q.run())) == [3, 4]


async def test_clear_leaves_a_lane_that_came_while_it_took_items_away(db: Database) -> None:
    """It waits for somebody who reads an item; the lane that is added meanwhile keeps its row with its items."""
    q = await bench(db, ordering="key", flush_batch_size=1, max_parallel_batches=9)
    await q.put(item(1, key="a"))
    async with db.engine() as connection:
        await connection.all(query("select seq from app_queue where queue_id = $1 for update"), a=q.queue_id)
        clearing = await waits(q.clear())
        await q.put(item(3, key="0"), item(4, key="z"))
    assert await clearing == 1
    await q.sound()
    assert sorted(flat(await q.run())) == [3, 4]


async def test_a_lane_that_is_always_being_added_to_is_claimed_all_the_same(db: Database) -> None:
    q = await bench(db, flush_batch_size=1)
    await q.put(*items(range(10)))
    stop = asyncio.Event()

    async def produce() -> None:
        while not stop.is_set():
            async with uncommitted(q, item(1)):
                await asyncio.sleep(0.01)

    producers = [asyncio.create_task(produce()) for _ in range(6)]
    try:
        for _ in range(5):
            assert len(await asyncio.wait_for(claimed(q), 10)) == 1
    finally:
        stop.set()
        await asyncio.gather(*producers)
    await q.sound()


async def claimed(q: Bench) -> list[list[int]]:
    """Of the second claim at most: what is due is found though somebody always holds it."""
    return await q.run() or await q.run()


async def test_a_producer_that_stands_still_holds_up_its_own_lane_only(db: Database) -> None:
    q = await bench(db, flush_batch_size=1, ordering="key", max_parallel_batches=5)
    await q.put(item(1, key="a"), item(2, key="b"))
    async with uncommitted(q, item(3, key="a")):
        assert await q.run() == [[2]]
        assert await asyncio.wait_for(q.claim(), 5) == [], "not for ever"
        await asyncio.wait_for(q.pause(), 5)
        await q.resume()
    assert await q.run() == [[1]]


async def test_delayed_items_do_not_wait_for_a_producer_that_stands_still(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=5) as q:
        await q.put(item(1, delay=1))
        slow = await Database.open(queues_url, max_size=1)
        async with uncommitted(Bench(slow, q.owner, q.queue_id), item(2)):
            await q.at(2)
            assert await asyncio.wait_for(q.claim(), 5) == []
        await slow.close()
        await q.at(100)
        assert await q.run() == [[2, 1]]


async def test_no_claim_begins_after_the_pause_has_answered(db: Database) -> None:
    q = await bench(db, flush_batch_size=1, ordering="key", max_parallel_batches=100)
    await q.put(*(item(number, key=str(number)) for number in range(40)))
    paused = False
    late = 0

    async def work() -> None:
        nonlocal late
        while batches := await q.claim(limit=2):
            for batch in batches:
                before = paused
                if await q.begin(batch):
                    late += before
                    await q.end(batch)

    async def pause() -> None:
        nonlocal paused
        await q.pause()
        paused = True

    await asyncio.gather(*(work() for _ in range(4)), pause())
    assert late == 0
    assert len(await q.left()) + len(q.handed) == 40
    await q.sound()


async def test_a_queue_deleted_under_load_leaves_nothing(db: Database) -> None:
    q = await bench(db, flush_batch_size=2, ordering="key", max_parallel_batches=9)

    async def produce(number: int) -> None:
        while (await q.put(item(1, key=f"{number}"), item(2, dedupe="d"))).outcome == "accepted":
            pass

    async def consume() -> None:
        while await q.value("select count(*) from workflows_app_queues where queue_id = $1", a=q.queue_id):
            for batch in await q.claim():
                if await q.begin(batch):
                    await q.end(batch)

    async def delete() -> bool:
        await asyncio.sleep(0.3)
        async with db.tenant(q.owner.workspace_id) as connection:
            return await app_queues.delete(connection, q.owner.workspace_id, q.queue_id)

    *_, gone = await asyncio.gather(*(produce(number) for number in range(4)), consume(), consume(), delete())
    assert gone
    for table in (
        "app_queue",
        "app_queue_keys",
        "app_queue_batches",
        "app_queue_logs",
        "app_queue_counts",
        "app_queue_dedupe",
    ):
        assert await q.value(f"select count(*) from {table}") == 0, table


async def test_a_steps_items_come_with_its_row_or_not_at_all(db: Database) -> None:
    q = await bench(db, flush_batch_size=1)
    run_id = await started(db, q.owner)
    workspace_id = q.owner.workspace_id

    async def step_commits(number: int, fails: bool) -> None:
        async with db.engine(workspace_id) as connection:
            await record(connection, workspace_id, run_id, [step(f"s{number}")])
            await queue_items.enqueue(connection, workspace_id, q.queue_id, items([number]), f"{run_id}:s{number}")
            if fails:
                raise ZeroDivisionError

    await asyncio.gather(*(step_commits(number, number == 3) for number in range(6)), return_exceptions=True)
    assert sorted(numbers(await q.left())) == [0, 1, 2, 4, 5]
    assert await q.value("select count(*) from workflow_execution_logs where run_id = $1", a=run_id) == 5


async def test_consumers_that_feed_their_own_lane_meet_no_deadlock(db: Database) -> None:
    """A run of the lane adds to the lane while it is cancelled, and others add, claim, flush, change and clear."""
    q = await bench(db, flush_batch_size=1, ordering="key", max_parallel_batches=4, max_attempts=1)
    await q.put(*(item(number, key=f"k{number}") for number in range(4)))
    workspace_id = q.owner.workspace_id

    async def consume() -> None:
        for _ in range(12):
            for batch in await q.claim(limit=2):
                if not await q.begin(batch):
                    continue

                async def feed(batch: flushes.Batch = batch) -> None:
                    async with db.engine(workspace_id) as connection:
                        await record(connection, workspace_id, batch.run_id, [step("put")])
                        keys = [f"k{number}" for number in range(4)]
                        await queue_items.enqueue(
                            connection, workspace_id, batch.queue_id, [item(9, key=key) for key in reversed(keys)]
                        )

                async def cancel(batch: flushes.Batch = batch) -> None:
                    async with db.single() as connection:
                        await runs.request_cancel(connection, workspace_id, batch.run_id)

                await asyncio.gather(feed(), cancel(), q.end(batch))

    async def people() -> None:
        for turn in range(6):
            await q.settings(flush_batch_size=1 + turn % 2)
            await q.flush()
            await q.pause()
            await q.resume()
            await q.replay()
            if turn % 3 == 2:
                await q.clear()

    async def upkeep() -> None:
        for _ in range(10):
            async with db.engine() as connection:
                await flushes.fold_counts(connection, q.queue_id)
            async with db.single() as connection:
                await flushes.delete_old(connection)

    try:
        await asyncio.gather(*(consume() for _ in range(4)), people(), upkeep())
    except DatabaseUnavailable as error:
        raise AssertionError(f"a deadlock: {error}") from error
    await q.sound()
