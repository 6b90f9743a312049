"""What becomes of a batch whose run fails: tried again, blocked, dead letters, halved until the poison is alone."""

import random
from dataclasses import replace
from math import ceil, log2

import pytest

from db import queue_items
from db.pool import Database
from db.record import End
from tests.db.data_of_tests import START, failed
from tests.db.queues_of_tests import Bench, bench, clocked, flat, item, items, numbers, query


async def test_block_stops_the_lane_and_resume_tries_it_again_with_all_attempts(queues_url: str) -> None:
    given = {"flush_batch_size": 2, "max_attempts": 2, "ordering": "key", "max_parallel_batches": 5}
    async with clocked(queues_url, **given) as q:
        await q.put(item(1, key="a"), item(2, key="a"), item(3, key="a"), item(4, key="b"), item(5, key="b"))
        assert await q.run(poison=frozenset([1])) == [[1, 2], [4, 5]]
        await q.at(1)
        assert await q.run(poison=frozenset([1])) == [[1, 2]]
        stats = await q.stats()
        assert (stats.depth, stats.in_flight, stats.blocked_keys) == (3, 0, 1)
        await q.at(100)
        await q.flush()
        await q.put(item(6, key="b"), item(7, key="b"), item(8, key="a"))
        assert await q.run() == [[6, 7]], "only the lane of a stands"
        assert sorted(str(flush.fate) for flush in await q.log()) == ["blocked", "done", "done", "retried"]
        assert await q.resume() == 1
        assert (await q.stats()).in_flight == 2
        for wait in (0, 1):
            await q.at(100 + wait)
            assert await q.run(poison=frozenset([1])) == [[1, 2]]
        assert (await q.stats()).blocked_keys == 1
        assert [one.attempts for one in await q.left()] == [4, 4, 0, 0]
        assert await q.resume() == 1
        assert await q.run() == [[1, 2]]
        assert await q.run() == [[3, 8]]


async def test_dead_letters_tell_their_error_and_come_back_at_the_end(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=2, max_attempts=1, on_failure="dead_letter") as q:
        added = await q.put(*items(range(4)))
        [batch] = await q.claim()
        assert await q.begin(batch)
        await q.end(batch, failed("http.500"))
        dead = await q.dead()
        assert sorted(numbers(dead)) == [0, 1]
        for one in dead:
            assert (one.run_id, one.attempts, one.failed_at) == (batch.run_id, 1, START)
            assert one.error is not None
            assert one.error["code"] == "http.500"  # type: ignore[index,call-overload]  # an object, as `failed` made it
        assert (await q.stats()).dead == 2
        await q.at(5)
        assert added.accepted_ids is not None
        assert await q.replay([added.accepted_ids[1], added.accepted_ids[3]]) == 1, "only what is dead"
        assert await q.replay() == 1
        assert await q.replay() == 0
        await q.sound()
        assert await q.run() == [[2, 3]]
        assert await q.run() == [[1, 0]], "full again, at once"
        assert await q.dead() == []


async def test_dead_letters_come_back_in_the_order_that_they_had(queues_url: str) -> None:
    """Which isn't that of their ids: these are made before an item gets its place."""
    async with clocked(queues_url, flush_batch_size=8, max_attempts=1, on_failure="dead_letter") as q:
        for number, new in enumerate(sorted(items(range(8)), key=lambda one: one.item_id)[::-1]):
            await q.put(replace(new, data=str(number).encode()))
        await q.run(poison=frozenset([0]))
        assert await q.replay() == 8
        assert await q.run() == [list(range(8))]


async def test_dropped_dead_letters_are_gone(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=3, max_attempts=1, on_failure="dead_letter") as q:
        await q.put(*items(range(3)))
        await q.run(poison=frozenset([2]))
        one, *others = await q.dead()
        async with q.db.tenant(q.owner.workspace_id) as connection:
            assert await queue_items.drop_dead(connection, q.queue_id, [one.item_id]) == 1
            assert await queue_items.drop_dead(connection, q.queue_id, None) == len(others)
        assert await q.dead() == []
        assert (await q.stats()).dead == 0


async def test_dead_letters_follow_the_order_that_the_queue_has_now(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=2, max_attempts=1, on_failure="dead_letter") as q:
        await q.put(item(1, key="a"), item(2, key="b"))
        await q.run(poison=frozenset([1]))
        await q.settings(ordering="key", max_parallel_batches=4)
        assert await q.replay() == 2
        await q.put(item(3, key="a"), item(4, key="b"))
        assert await q.run() == [[1, 3], [2, 4]]


async def test_a_cancelled_and_a_timed_out_run_count_as_failures(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=1, max_attempts=3, on_failure="dead_letter") as q:
        await q.put(*items([1]))
        for status, second in (("cancelled", 1), ("timed_out", 3), ("failed", 10)):
            [batch] = await q.claim()
            assert await q.begin(batch)
            await q.end(batch, End(status=status, finished_at=START))  # type: ignore[arg-type]  # one of them
            await q.at(second)
        assert [(flush.status, flush.fate) for flush in await q.log()] == [
            ("cancelled", "retried"),
            ("timed_out", "retried"),
            ("failed", "dead_lettered"),
        ]


async def drained(q: Bench, poison: frozenset[int]) -> list[list[int]]:
    ran: list[list[int]] = []
    for _ in range(10_000):
        some = await q.run(poison)
        if not some and await q.next_flush() is None:
            return ran
        ran += some
    raise AssertionError("it never ends")


async def test_one_poison_anywhere_is_found_in_few_runs(queues_url: str) -> None:
    """Each halving costs one run. Two more at most: the poison's own, and one that hands out all that came after."""
    async with clocked(queues_url, flush_batch_size=16, max_attempts=1, on_failure="bisect") as q:
        worst = 0
        for size in (1, 2, 5, 8, 16):
            for place in range(size):
                await q.settings(flush_batch_size=size)
                await q.put(*items(range(size)))
                ran = await drained(q, frozenset([place]))
                assert numbers(await q.dead()) == [place]
                async with q.db.tenant(q.owner.workspace_id) as connection:
                    await queue_items.drop_dead(connection, q.queue_id, None)
                good = [ran_ for ran_ in ran if place not in ran_]
                assert flat(good) == [one for one in range(size) if one != place], "in order, once each"
                extra, after = len(ran) - 1, good[-1:] and good[-1][0] > place
                assert extra - bool(after) <= ceil(log2(size)) + 1, (size, place, ran)
                worst = max(worst, extra)
        assert worst <= 6


@pytest.mark.parametrize(
    ("poison", "runs"),
    [
        ([0], ["01234567", "0123", "01", "0", "1234567"]),
        ([2], ["01234567", "0123", "01", "2", "34567"]),
        ([5], ["01234567", "0123", "45", "4", "5", "67"]),
        ([7], ["01234567", "0123", "45", "6", "7"]),
        ([0, 3], ["01234567", "0123", "01", "0", "1234567", "1234", "12", "3", "4567"]),
    ],
)
async def test_which_parts_of_a_batch_are_tried(queues_url: str, poison: list[int], runs: list[str]) -> None:
    """When the first half is sound, the fault is in the other. Once the poison is found, nothing is known of what is left."""
    async with clocked(queues_url, flush_batch_size=8, max_attempts=1, on_failure="bisect") as q:
        await q.put(*items(range(8)))
        ran = await drained(q, frozenset(poison))
        assert ["".join(map(str, part)) for part in ran] == runs


@pytest.mark.parametrize("seed", range(4))
async def test_any_number_of_poisons_is_isolated_and_order_stays(queues_url: str, seed: int) -> None:
    chance = random.Random(seed)
    async with clocked(queues_url, flush_batch_size=50, max_attempts=1, on_failure="bisect") as q:
        poison = frozenset(chance.sample(range(100), chance.choice((0, 3, 12, 40, 100))))
        await q.put(*items(range(100)))
        ran = await drained(q, poison)
        assert sorted(numbers(await q.dead())) == sorted(poison)
        assert flat([one for one in ran if not poison & set(one)]) == [n for n in range(100) if n not in poison]
        assert await q.left() == []


async def test_only_what_failed_alone_is_a_dead_letter(queues_url: str) -> None:
    """A batch that is too much for its run, but none of whose items is: all of them get through."""
    async with clocked(queues_url, flush_batch_size=16, max_attempts=1, on_failure="bisect") as q:
        await q.put(*items(range(16)))
        handed: list[int] = []
        while batches := await q.claim():
            for batch in batches:
                assert await q.begin(batch)
                if len(batch.members) > 4:
                    await q.end(batch, failed("run.timeout"))
                else:
                    handed += q.handed[-1]
                    await q.end(batch)
            await q.sound()
        assert handed == list(range(16))
        assert await q.dead() == []


async def test_a_policy_that_changes_in_the_midst_of_halving_holds_from_then_on(queues_url: str) -> None:
    async with clocked(queues_url, flush_batch_size=8, max_attempts=1, on_failure="bisect") as q:
        await q.put(*items(range(8)))
        assert await q.run(poison=frozenset([1])) == [list(range(8))]
        assert await q.run(poison=frozenset([1])) == [[0, 1, 2, 3]]
        await q.settings(on_failure="block")
        assert await q.run(poison=frozenset([1])) == [[0, 1]]
        stats = await q.stats()
        assert (stats.depth, stats.in_flight, stats.blocked_keys) == (8, 0, 1)
        await q.sound()
        await q.resume()
        assert await q.run() == [[0, 1]]
        assert await q.run() == [[2, 3, 4, 5, 6, 7]], "together again"
        assert await q.left() == []


async def test_a_run_that_ends_twice_ends_its_batch_once(db: Database) -> None:
    q = await bench(db, flush_batch_size=1)
    await q.put(*items(range(2)))
    [batch] = await q.claim()
    assert await q.begin(batch)
    assert (await q.end(batch, failed())).finished_now
    assert not (await q.end(batch)).finished_now
    assert [flush.fate for flush in await q.log()] == ["retried"]
    await q.sound()


async def test_no_more_dead_letters_are_dropped_than_were_asked_for(queues_url: str) -> None:
    async with clocked(
        queues_url, flush_batch_size=1, max_attempts=1, on_failure="dead_letter", flush_strategy="lifo"
    ) as q:
        await q.put(*items(range(8)))
        for _ in range(8):
            await q.run(poison=frozenset(range(8)))
        assert (await q.stats()).dead == 8
        async with q.db.tenant(q.owner.workspace_id) as connection:
            # So that they are met as they lie, the newest first.
            await connection.one(query("select set_config('enable_indexscan', 'off', true)", str))
            assert await queue_items.drop_dead(connection, q.queue_id, None, 3) == 3
        assert len(await q.dead()) == 5
