"""A database that is there and can't: a full disk, a lock that isn't to be had, no connections taken. Told as 503, with nothing half-written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.fixtures.api import JSON, Api, open_api, problem
from tests.fixtures.flows import flow, step

WRITTEN = (
    "workflow_runs",
    "workflow_execution_queue",
    "events_to_be_processed",
    "workflow_payloads",
    "idempotency_keys",
)


@pytest.fixture(scope="module")
async def place(
    postgres_url: str, template_database: str, temporal_address: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Api, asyncpg.Connection, str]]:
    from tests.fixtures.database import fresh_database

    async for url in fresh_database(postgres_url, template_database):
        home: Path = tmp_path_factory.mktemp("no room")
        admin = await asyncpg.connect(url)
        async with open_api(url, temporal_address, home) as api:
            yield api, admin, url
        await admin.close()


async def counts(admin: asyncpg.Connection) -> dict[str, int]:
    return {table: await admin.fetchval(f"select count(*) from {table}") for table in WRITTEN}


async def refusing(admin: asyncpg.Connection, sqlstate: str) -> None:
    """The last table that accepting writes to answers as a server does whose disk is full, or that gave up on a lock."""
    await admin.execute(f"""
        create or replace function refuse() returns trigger language plpgsql as $$
        begin raise exception 'could not extend file: No space left on device' using errcode = '{sqlstate}'; end $$;
        create or replace trigger refuse before insert on workflow_execution_queue for each row execute function refuse()""")


@pytest.mark.parametrize("sqlstate", ["53100", "55P03", "40P01", "53200"])
async def test_what_has_no_room_is_503_and_nothing_is_half_written(
    place: tuple[Api, asyncpg.Connection, str], sqlstate: str
) -> None:
    api, admin, _ = place
    trigger = {"module": "webhook.trigger", "version": 1, "inputs": {}}
    name = await api.create(flow("{{ input }}", a=step("core.set", values={})) | {"triggers": {"hook": trigger}})
    before = await counts(admin)
    await refusing(admin, sqlstate)
    key = {"Idempotency-Key": f"again-{sqlstate}"}
    large = {"input": "x" * 100_000}
    for answer in (
        await api.owner.post(f"/workflows/{name}/runs", json=large, headers=key),
        await api.hook(name, content=b'"three"', headers=JSON | key),
    ):
        problem(answer, 503, "database.unavailable")
        assert answer.headers["retry-after"] == "1"
    assert await counts(admin) == before
    await admin.execute("drop trigger refuse on workflow_execution_queue")
    again = await api.owner.post(f"/workflows/{name}/runs", json=large, headers=key)
    assert again.status_code == 202
    assert (await api.end(again.json()["run_id"]))["output"] == large["input"]
    posted = await api.hook(name, content=b'"three"', headers=JSON | key)
    assert posted.status_code == 202
    assert (await api.end(posted.json()["run_id"]))["output"] == "three"


async def test_a_database_that_takes_no_connections_just_now_is_503(
    place: tuple[Api, asyncpg.Connection, str], postgres_url: str
) -> None:
    api, admin, url = place
    database = url.rsplit("/", 1)[1]
    server = await asyncpg.connect(postgres_url)
    await server.execute(f"alter database {database} allow_connections false")
    own = await admin.fetchval("select pg_backend_pid()")
    await server.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1 and pid <> $2", database, own
    )
    for _ in range(20):
        problem(await api.owner.get("/workflows"), 503, "database.unavailable")
    await server.execute(f"alter database {database} allow_connections true")
    await server.close()
    while (await api.outside.get("/readyz")).status_code != 200:
        pass
    assert (await api.owner.get("/workflows")).status_code == 200


@pytest.mark.slow
async def test_a_pool_used_up_is_503(place: tuple[Api, asyncpg.Connection, str]) -> None:
    """Somebody holds the table that all need; who gets no connection is told, and so is who got one and waits in vain."""
    import asyncio

    api, admin, _ = place
    async with admin.transaction():
        await admin.execute("lock table workflows in access exclusive mode")
        answers = await asyncio.gather(*(api.owner.get("/workflows") for _ in range(30)))
    for answer in answers:
        problem(answer, 503, "database.unavailable")
    assert (await api.owner.get("/workflows")).status_code == 200
