"""Temporal's store forgets a run; PostgreSQL goes away in the middle of one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from db import queue
from db.failing import FailingDatabase
from db.failpoints import read_points
from db.ids import RunId, new_uuid7
from db.migrate import migrate
from db.pool import Database
from server.embedded.postgres import EmbeddedPostgres, PostgresPlace
from server.failpoints import places
from tests.fixtures.carrier import Carrier, open_carrier
from tests.fixtures.flows import flow, step
from tests.fixtures.http_server import Answer, HttpServer, Request
from workspace.key_values import key_values_over


async def test_a_run_that_temporal_forgot_takes_over_what_its_log_has(
    carrier: Carrier, http_server: HttpServer
) -> None:
    http_server.answer("GET", "/a", Answer.of_json({"big": "x" * 50_000}))
    document = flow(
        {"size": "{{ steps.a.output.body.big | length }}", "posted": "{{ steps.e.output }}"},
        a=step("http.request", url=f"{http_server.url}/a"),
        b=step("core.set", values={"n": 1}, after="a"),
        e=step("core.wait_for_event", timeout="1h", after="b"),
    )
    run_id = await carrier.start(document)
    await carrier.until(run_id, lambda row: row.status == "waiting")
    before = await carrier.steps(run_id)
    await carrier.client.get_workflow_handle(run_id).terminate("forgotten")
    async with carrier.db.single() as connection:
        known = [row for row in await queue.open_rows(connection, None, 100) if str(row.run_id) == run_id]
        assert await queue.recover(connection, RunId(UUID(run_id)), known[0].epoch)
    assert carrier.dispatcher is not None
    carrier.dispatcher.look()
    await carrier.post(run_id, "e", "here")
    run = await carrier.end(run_id)
    assert (run.status, run.output) == ("succeeded", {"size": 50_000, "posted": "here"})
    assert len(http_server.requests) == 1
    after = await carrier.steps(run_id)
    assert [(row.path, row.attempt, row.started_at) for row in after] == [
        (row.path, row.attempt, row.started_at) for row in before
    ]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_call_that_ends_while_postgres_is_away_is_made_once(
    tmp_path: Path, temporal_address: str, http_server: HttpServer, method: str
) -> None:
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Answer:
        begun.set()
        await let_go.wait()
        return Answer.of_json("done")

    http_server.handle(method, "/slow", slow)
    postgres = EmbeddedPostgres(PostgresPlace.under(tmp_path / "pg"), throwaway=True)
    child = await postgres.start()
    try:
        await migrate(postgres.url)
        db = await Database.open(postgres.url)
        async with open_carrier(db, temporal_address, task_queue=f"test-{new_uuid7()}") as carrier:
            document = flow(
                "{{ steps.b.output.n }}",
                a=step("http.request", method=method, url=f"{http_server.url}/slow"),
                b=step("core.set", values={"n": "{{ steps.a.output.body }}"}, after="a"),
            )
            run_id = await carrier.start(document)
            await begun.wait()
            await postgres.stop(child)
            let_go.set()
            await asyncio.sleep(1.5)  # what happens meanwhile is the test: the call ends and can't be written
            child = await postgres.start()
            run = await carrier.end(run_id)
            assert (run.status, run.output) == ("succeeded", "done")
            assert len(http_server.requests) == 1
            assert [(row.path, row.attempt, row.status) for row in await carrier.steps(run_id)] == [
                ("a", 1, "succeeded"),
                ("b", 1, "succeeded"),
            ]
        await db.close()
    finally:
        await postgres.stop(child)


@pytest.mark.parametrize("border", ["before", "mid", "after"])
async def test_a_module_that_loses_postgres_is_called_again_under_the_same_attempt(
    db: Database, temporal_address: str, border: str
) -> None:
    failing = FailingDatabase(db, read_points(f"{border}:key_values.put:error@1", places()))
    async with open_carrier(
        db, temporal_address, task_queue=f"test-{new_uuid7()}", key_values=key_values_over(failing)
    ) as carrier:
        once = step("kv.increment", key=f"n-{border}") | {"retry": {"max_attempts": 1}}
        run = await carrier.run(flow("{{ steps.once.output.value }}", once=once))
        assert (run.status, run.output) == ("succeeded", 1)
        rows = await carrier.steps(str(run.run_id))
        assert [(row.path, row.attempt, row.status) for row in rows] == [("once", 1, "succeeded")]


async def test_a_module_that_loses_postgres_and_must_not_be_called_twice_is_lost(
    db: Database, temporal_address: str
) -> None:
    failing = FailingDatabase(db, read_points("after:key_values.put:error@1", places()))
    async with open_carrier(
        db, temporal_address, task_queue=f"test-{new_uuid7()}", key_values=key_values_over(failing)
    ) as carrier:
        once = step("kv.increment", key="once") | {"retry": {"on_lost": "fail"}}
        run = await carrier.run(flow(None, once=once))
        assert (run.status, run.error and run.error["code"]) == ("failed", "worker.lost")
        rows = await carrier.steps(str(run.run_id))
        assert [(row.path, row.attempt, row.status) for row in rows] == [("once", 1, "failed")]
