"""With fifty thousand items no call reads them all, also by a plan that was made while the table was small."""

from collections.abc import Awaitable, Callable

import pytest

from db import flushes, queue_items
from tests.db.data_of_tests import failed
from tests.db.queues_of_tests import Bench, clocked, item, items

ITEMS = 50_000


async def scanned(q: Bench, act: Callable[[], Awaitable[object]]) -> int:
    """Rows of items that scans of the whole table have read."""

    async def total() -> int:
        await q.value("select pg_stat_force_next_flush()::text")
        await q.value("select 1")
        return int(await q.value("select seq_tup_read from pg_stat_user_tables where relname = 'app_queue'"))

    before = await total()
    await act()
    return await total() - before


async def work(q: Bench) -> None:
    """Everything that a queue does from day to day."""
    await q.put(item(1, key="k1", dedupe="d"), item(2, key="new"))
    await q.put(item(3, key="k2"), operation="op")
    await q.flush()
    await q.settings(flush_record_max_age=20)
    for end in (None, failed(), failed(), None):
        for batch in (await q.claim(2))[:2]:
            assert await q.begin(batch)
            await q.end(batch, end)
        await q.next_flush()
    async with q.db.engine() as connection:
        await flushes.soon(connection, 10)
        await flushes.fold_counts(connection, q.queue_id)
    await q.stats()
    await q.pause()
    await q.resume()
    await q.log()
    async with q.db.tenant(q.owner.workspace_id) as connection:
        await queue_items.list_items(connection, q.queue_id, None, 50)
        await queue_items.dead_letters(connection, q.queue_id, None, 50)
        await queue_items.replay(connection, q.queue_id, None, 50)
        await queue_items.drop_dead(connection, q.queue_id, None, 50)


@pytest.mark.parametrize("ordering", ["queue", "key"])
async def test_no_call_scans_the_items(database_url: str, ordering: str) -> None:
    given = {"max_parallel_batches": 100} if ordering == "key" else {}
    async with clocked(
        database_url, ordering=ordering, flush_batch_size=1000, max_attempts=1, on_failure="bisect", **given
    ) as q:
        await q.put(*items(range(10), key="k0"))
        async with q.db.owner() as connection:
            await connection.script("analyze app_queue; analyze app_queue_keys; analyze app_queue_batches")
        await work(q)
        for first in range(0, ITEMS, 10_000):
            await q.put(*(item(number, key=f"k{number % 50}") for number in range(first, first + 10_000)))
        assert await scanned(q, lambda: work(q)) == 0, "by plans that were made when it was small"
        async with q.db.owner() as connection:
            await connection.script("analyze app_queue; analyze app_queue_keys; analyze app_queue_batches")
        assert await scanned(q, lambda: work(q)) == 0, "by new plans"
