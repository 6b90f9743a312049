"""Notices between processes, over a real database: here two hubs, each with its own connection."""

import asyncio

import asyncpg

from db.channel import Channel
from db.pool import Database
from engine.hub import Hub, Kind


async def _running(*hubs: Hub) -> list[asyncio.Task[None]]:
    """Until each hub hears."""
    jobs: list[asyncio.Task[None]] = []
    for hub in hubs:
        with hub.subscribe("ready") as ready:
            jobs.append(asyncio.create_task(hub.run()))
            while not await ready.wait(5):
                pass
    return jobs


async def _stop(jobs: list[asyncio.Task[None]]) -> None:
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


async def test_what_one_process_publishes_wakes_waiters_of_another(db: Database) -> None:
    here, there = Hub(Channel(db)), Hub(Channel(db))
    jobs = await _running(here, there)
    with there.subscribe("run-1") as waiter, there.subscribe_workspace(7) as watcher:
        here.publish(7, "run-1", Kind.ENDED)
        assert await waiter.wait(20)
        assert waiter.ended
        assert await watcher.wait(20)
    await _stop(jobs)


async def test_a_cut_connection_is_made_again_and_all_who_wait_look_once(db: Database, database_url: str) -> None:
    hub = Hub(Channel(db))
    jobs = await _running(hub)
    with hub.subscribe("run-1") as waiter:
        admin = await asyncpg.connect(database_url)
        cut = await admin.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where datname = current_database() and application_name = 'test listener'"
        )
        await admin.close()
        assert cut == 1
        assert await waiter.wait(20), "a new connection may have missed something"
        other = Hub(Channel(db))
        jobs += await _running(other)
        other.publish(1, "run-1")
        assert await waiter.wait(20)
    await _stop(jobs)


async def test_one_process_leads_until_its_connection_is_gone(db: Database) -> None:
    first, second = Channel(db), Channel(db)
    leading, following = Hub(first), Hub(second)
    jobs = await _running(leading)
    others = await _running(following)
    assert await first.leads("job")
    assert await first.leads("job")
    assert not await second.leads("job")
    assert await second.leads("other")
    await _stop(jobs)
    while not await second.leads("job"):
        await asyncio.sleep(0)
    await _stop(others)
    assert not await second.leads("job"), "without a connection nobody leads"
