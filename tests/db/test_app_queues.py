"""When a queue hands its items out, which ones, and in what order: batches, lanes, rate, settings, standing still."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from db import app_queues, flushes, queue_items, workflows
from db.ids import QueueId
from db.pool import Database
from tests.db.data_of_tests import START, failed, tenant, workflow
from tests.db.queues_of_tests import bench, clocked, item, items

MEGABYTE = 2**20


async def test_a_full_batch_goes_at_once_and_the_rest_when_it_is_old(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=4, flush_record_max_age=60) as q:
        added = await q.put(*items(range(6)))
        assert added.wake_at == START, "due at once"
        await q.at(10)
        assert await q.run() == [[0, 1, 2, 3]]
        assert await q.run() == []
        assert await q.next_flush() == 50
        await q.at(59.9)
        assert await q.run() == []
        await q.at(60)
        assert await q.run() == [[4, 5]]
        assert await q.next_flush() is None
        assert [(flush.reason, flush.items, flush.fate) for flush in await q.log()] == [
            ("full", 4, "done"),
            ("age", 2, "done"),
        ]
        assert await q.left() == []


async def test_a_batch_is_full_by_bytes_and_a_large_item_goes_alone(queues_url: str) -> None:
    async with clocked(queues_url) as q:
        await q.put(*(item(number, size=MEGABYTE) for number in range(15)))
        assert await q.run() == []
        await q.put(*(item(number, size=MEGABYTE) for number in range(15, 20)))
        assert await q.run() == [list(range(16))]
        assert await q.run() == []
        await q.put(item(20, size=17 * MEGABYTE))
        assert await q.run() == [[16, 17, 18, 19]]
        await q.at(60)
        assert await q.run() == [[20]]


async def test_a_flush_on_demand_takes_all_that_waits_and_nothing_later(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=1000) as q:
        await q.put(*items(range(2_500)))
        assert await q.flush() == 1
        first = await q.run()
        await q.put(*items([2_500]))
        second, third = await q.run(), await q.run()
        assert [len(ran) for [ran] in (first, second, third)] == [1000, 1000, 501]
        assert [flush.reason for flush in await q.log()] == ["full", "full", "demand"]
        await q.put(*items([2_501]))
        assert await q.run() == [], "what came later waits for its age"
        assert await q.flush() == 1
        assert await q.run() == [[2_501]]
        assert await q.flush() == 0


async def test_lifo_hands_out_the_newest_and_demand_reaches_the_oldest(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=3, flush_strategy="lifo") as q:
        await q.put(*items(range(5)))
        assert await q.run() == [[4, 3, 2]]
        await q.put(*items([5]))
        assert await q.flush() == 1
        assert await q.run() == [[5, 1, 0]]


async def test_keys_have_lanes_of_their_own_up_to_the_parallel_cap(queues_url: str) -> None:
    async with clocked(queues_url, ordering="key", max_parallel_batches=2, flush_batch_size=2) as q:
        await q.put(*(item(number, key=key) for number, key in enumerate("abcabcab")), item(8), item(9))
        first, second = await q.claim()
        assert await q.begin(first)
        assert await q.begin(second)
        assert q.handed == [[8, 9], [0, 3]], "no key is a lane too"
        assert await q.claim() == [], "the cap"
        await q.end(second)
        [third] = await q.claim()
        assert await q.begin(third)
        assert q.handed[-1] == [1, 4], "the lane of a has one item, which isn't due"
        await q.sound()
        await q.end(first)
        await q.end(third)
        assert await q.run() == [[2, 5]]
        assert {flush.ordering_key for flush in await q.log()} == {None, "a", "b", "c"}


async def test_the_rate_holds_and_a_clock_that_goes_back_does_not_stop_it(queues_url: str) -> None:
    given = {"flush_rate_limit_max_flush_count": 2, "flush_rate_limit_time_window": 10, "flush_batch_size": 1}
    async with clocked(queues_url, ordering="key", max_parallel_batches=100, **given) as q:
        await q.put(*(item(number, key=f"k{number}") for number in range(6)))
        assert len(await q.run()) == 2
        assert await q.run() == []
        assert await q.next_flush() == 10
        await q.at(9.999)
        assert await q.run() == []
        await q.at(10)
        assert len(await q.run()) == 2
        await q.put(*(item(number, key=f"k{number}") for number in range(6, 8)))
        await q.at(3)
        await q.put(item(8, key="k8"))
        assert await q.run() == [], "at most one window longer"
        assert await q.next_flush() == 10
        await q.at(13)
        assert len(await q.run()) == 2
        await q.at(23)
        assert len(await q.run()) == 2


async def test_new_settings_hold_for_what_waits(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=10, flush_record_max_age=3600) as q:
        await q.put(*items(range(5)))
        await q.settings(flush_batch_size=5)
        assert await q.run() == [[0, 1, 2, 3, 4]]
        await q.put(*items(range(5, 8)))
        await q.settings(flush_record_max_age=5)
        await q.at(5)
        assert await q.next_flush() == 0
        await q.settings(flush_record_max_age=60)
        assert await q.run() == [], "the age that holds now"
        await q.flush()
        await q.settings(flush_record_max_age=3600)
        assert await q.run() == [[5, 6, 7]], "a flush that was asked for stays so"


async def test_settings_that_change_while_somebody_adds_hold_for_those_too(db: Database) -> None:
    q = await bench(db, flush_record_max_age=86_400)
    async with db.engine() as connection:
        await queue_items.enqueue(connection, q.owner.workspace_id, q.queue_id, items([1]))
        changing = asyncio.create_task(q.settings(flush_record_max_age=1))
        await asyncio.wait([changing], timeout=0.2)
    await changing
    soon = await q.next_flush()
    assert soon is not None
    assert soon <= 1


async def test_a_batch_tries_again_with_the_same_items_after_a_wait_that_grows(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=2, max_attempts=4) as q:
        await q.put(*items(range(2)))
        for attempt, wait in ((1, 1), (2, 2), (3, 4)):
            [batch] = await q.claim()
            assert batch.attempt == attempt
            assert await q.begin(batch)
            await q.put(*items([10 * attempt, 10 * attempt + 1]))
            await q.end(batch, failed())
            assert await q.claim() == []
            assert q.now is not None
            assert await q.next_flush() == wait
            await q.at((q.now - START).total_seconds() + wait)
        [last] = await q.claim()
        assert (last.batch_id, last.attempt) == (batch.batch_id, 4)
        assert await q.begin(last)
        assert q.handed == [[0, 1]] * 4
        await q.end(last)
        assert [flush.reason for flush in await q.log()] == ["full", "retry", "retry", "retry"]
        assert await q.run() == [[10, 11]]


async def test_a_lost_claim_comes_again_as_the_same_run_and_the_first_one_is_refused(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=1) as q:
        await q.put(*items([1]))
        [first] = await q.claim(lease_s=30)
        await q.at(29.999_999)
        assert await q.claim() == []
        assert await q.next_flush() == pytest.approx(0.000_001)
        await q.at(30)
        [second] = await q.claim()
        assert (second.run_id, second.batch_id, second.members) == (first.run_id, first.batch_id, first.members)
        assert second.epoch > first.epoch
        assert not await q.begin(first), "stale"
        assert await q.begin(second)
        assert not await q.begin(second), "once"
        await q.at(100)
        assert await q.claim() == []
        await q.end(second)
        assert q.handed == [[1]]


async def test_no_more_batches_come_than_were_asked_for(queues_url: str) -> None:
    async with clocked(queues_url, ordering="key", max_parallel_batches=10, flush_batch_size=1) as q:
        await q.put(*(item(number, key=f"k{number}") for number in range(6)))
        assert len(await q.claim(limit=2, lease_s=5)) == 2
        await q.at(6)
        assert len(await q.claim(limit=3)) == 3, "two lost ones and a new one"
        assert len(await q.claim(limit=3)) == 3


async def test_nothing_begins_after_a_pause(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=1, ordering="key", max_parallel_batches=5) as q:
        await q.put(item(1, key="a"), item(2, key="b"))
        first, second = await q.claim()
        assert await q.begin(first)
        await q.pause()
        assert not await q.begin(second), "claimed before, not begun"
        assert (await q.put(item(3, key="c"))).outcome == "accepted"
        assert await q.claim() == []
        assert await q.next_flush() is None
        await q.end(first)
        assert await q.resume() == 0
        again = await q.claim()
        assert [batch.lane for batch in again] == ["b", "c"]
        assert again[0].run_id == second.run_id
        assert again[0].epoch > second.epoch
        for batch in again:
            assert await q.begin(batch)
            await q.end(batch)


async def test_a_paused_or_missing_consumer_gets_nothing(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=1, ordering="key", max_parallel_batches=5) as q:
        await q.put(item(1, key="a"))
        [claimed] = await q.claim()
        workspace_id, workflow_id = q.owner.workspace_id, q.owner.workflow_id
        async with q.db.tenant(workspace_id) as connection:
            await workflows.set_status(connection, workspace_id, workflow_id, "paused")
        assert not await q.begin(claimed)
        assert await q.claim() == []
        async with q.db.tenant(workspace_id) as connection:
            await workflows.set_status(connection, workspace_id, workflow_id, "active")
        await q.unbind()
        await q.at(31)
        assert await q.claim() == []
        assert not await q.begin(claimed)
        other = await workflow(q.db, workspace_id, "other")
        await q.bind(other)
        [again] = await q.claim()
        assert (again.run_id, again.workflow_id) == (claimed.run_id, other)
        assert await q.begin(again)
        await q.end(again)


async def test_a_batch_that_fails_after_its_consumer_went_returns_to_the_queue(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=2) as q:
        await q.put(*items(range(3)))
        [batch] = await q.claim()
        assert await q.begin(batch)
        await q.unbind()
        await q.end(batch, failed("run.cancelled"))
        assert [flush.fate for flush in await q.log()] == ["returned"]
        assert [one.attempts for one in await q.left()] == [0, 0, 0]
        await q.bind(await workflow(q.db, q.owner.workspace_id, "other"))
        assert await q.run() == [[0, 1]]


async def test_delayed_items_wait_for_their_time_and_then_for_their_age(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=3, flush_record_max_age=10) as q:
        added = await q.put(item(1, delay=20), item(2, delay=5), item(3))
        assert added.wake_at == START + timedelta(seconds=5)
        assert (await q.stats()).delayed == 2
        assert await q.run() == []
        await q.at(10)
        assert await q.run() == [[3, 2]], "the order of beginning to wait"
        await q.at(29)
        assert await q.run() == []
        await q.at(30)
        assert await q.run() == [[1]], "its age counts from its time"


async def test_items_of_one_time_come_as_they_were_added(queues_url: str) -> None:
    """Whatever their ids, which several processes make."""
    async with clocked(queues_url, flush_batch_size=100) as q:
        await q.put(item(99, delay=30))
        for number, new in enumerate(sorted((item(delay=20) for _ in range(8)), key=lambda one: one.item_id)[::-1]):
            await q.put(replace(new, data=str(number).encode()))
        await q.at(120)
        assert await q.run() == [[0, 1, 2, 3, 4, 5, 6, 7, 99]]


async def test_an_item_whose_time_came_during_a_long_run_has_its_age_already(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=1, flush_record_max_age=10) as q:
        await q.put(item(1))
        [batch] = await q.claim()
        assert await q.begin(batch)
        await q.settings(flush_batch_size=100)
        await q.put(item(2, delay=5))
        await q.at(60)
        await q.end(batch)
        assert await q.run() == [[2]]


async def test_clear_takes_all_but_what_a_run_has(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=2, max_attempts=1) as q:
        await q.put(*items(range(5)), item(9, delay=60))
        [batch] = await q.claim()
        assert await q.begin(batch)
        assert await q.clear() == 4
        await q.sound()
        assert [one.state for one in await q.left()] == ["in_flight", "in_flight"]
        await q.end(batch, failed())
        assert (await q.stats()).blocked_keys == 1
        await q.sound()
        assert await q.clear() == 2
        assert await q.left() == []
        assert (await q.stats()).blocked_keys == 0
        await q.put(*items([7, 8]))
        assert await q.run() == [[7, 8]]


async def test_clear_takes_what_rests_between_attempts(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=2) as q:
        await q.put(*items(range(3)))
        await q.run(poison=frozenset([0]))
        assert await q.clear() == 3
        await q.at(60)
        assert await q.run() == []


async def test_the_oldest_age_is_of_what_is_not_done(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=2) as q:
        assert (await q.stats()).oldest_age_s is None
        await q.put(*items(range(3)))
        await q.at(5)
        [batch] = await q.claim()
        assert await q.begin(batch)
        stats = await q.stats()
        assert (stats.depth, stats.in_flight, stats.oldest_age_s) == (1, 2, 5)
        await q.end(batch)
        await q.at(8)
        assert (await q.stats()).oldest_age_s == 8
        async with q.db.engine() as connection:
            await flushes.fold_counts(connection, q.queue_id)
        assert await q.value("select count(*) from app_queue_counts where queue_id = $1", a=q.queue_id) == 1
        assert (await q.stats()).depth == 1


async def test_a_deleted_queue_leaves_nothing_and_its_run_ends_in_peace(db: Database) -> None:
    q = await bench(db, flush_batch_size=1, ordering="key", max_parallel_batches=3)
    await q.put(item(1, key="a"), item(2, key="b", dedupe="x"))
    first, second = await q.claim()
    assert await q.begin(first)
    async with db.tenant(q.owner.workspace_id) as connection:
        assert await app_queues.delete(connection, q.owner.workspace_id, q.queue_id)
    assert not await q.begin(second)
    assert (await q.end(first)).finished_now
    assert (await q.put(item(3))).outcome == "queue_missing"
    for table in ("app_queue", "app_queue_keys", "app_queue_batches", "app_queue_logs", "app_queue_counts",
                  "app_queue_dedupe", "queue_rate_limiting"):  # fmt: skip
        assert await q.value(f"select count(*) from {table}") == 0, table


async def test_another_workspace_sees_nothing_of_a_queue(db: Database) -> None:
    q = await bench(db, flush_batch_size=1, max_attempts=1, on_failure="dead_letter")
    await q.put(*items(range(3)))
    await q.run(poison=frozenset([0]))
    other = await tenant(db, "other")
    async with db.tenant(other.workspace_id) as connection:
        assert await app_queues.get(connection, other.workspace_id, q.queue_id) is None
        assert await queue_items.list_items(connection, q.queue_id, None, 10) == []
        assert await queue_items.dead_letters(connection, q.queue_id, None, 10) == []
        assert await flushes.log(connection, q.queue_id, None, 10) == []
        assert (await app_queues.stats(connection, q.queue_id)).depth == 0
        assert await app_queues.flush(connection, q.queue_id) == 0
        assert await app_queues.clear(connection, q.queue_id) == 0
        assert await queue_items.replay(connection, q.queue_id, None, 10) == 0
        assert await queue_items.drop_dead(connection, q.queue_id, None) == 0
        assert await app_queues.set_status(connection, q.queue_id, "paused") == 0
        assert not await app_queues.delete(connection, other.workspace_id, q.queue_id)
        added = await queue_items.enqueue(connection, other.workspace_id, q.queue_id, items([9]))
        assert added.outcome == "queue_missing"
    assert await q.run() == [[1]]
    await q.sound()


@pytest.mark.parametrize("table", ["app_queue", "app_queue_logs"])
async def test_a_workflows_schema_shows_its_own_rows(db: Database, table: str) -> None:
    q = await bench(db, flush_batch_size=1)
    await q.put(*items(range(2)))
    [batch] = await q.claim()
    assert await q.begin(batch)
    idle = await workflow(db, q.owner.workspace_id, "idle")
    rows = 2 if table == "app_queue" else 1
    for workflow_id, expected in ((q.owner.workflow_id, rows), (idle, 0)):
        view = f"wf_{workflow_id.hex}.{table}"
        assert await q.value(f"select count(*) from {view}") == expected


async def test_names_are_taken_once_and_queues_are_found_by_name_or_id(db: Database) -> None:
    q = await bench(db)
    async with db.tenant(q.owner.workspace_id) as connection:
        assert await app_queues.create(connection, q.owner.workspace_id, "orders", app_queues.QueueSettings()) is None
        for reference in ("orders", str(q.queue_id)):
            found = await app_queues.find(connection, q.owner.workspace_id, reference)
            assert found is not None
            assert (found.queue_id, found.consumer) == (q.queue_id, "orders")
        assert await app_queues.find(connection, q.owner.workspace_id, "nobody") is None
        assert await app_queues.depths(connection, [q.queue_id, QueueId(q.queue_id)]) == {q.queue_id: 0}
