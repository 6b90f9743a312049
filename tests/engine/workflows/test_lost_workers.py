"""Workers are killed in the middle of runs. The ledger of what really happened outside is the HTTP server of this process."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from db.ids import new_uuid7
from db.pool import Database
from engine.expressions.values import Json
from tests.fixtures.carrier import Carrier, open_carrier
from tests.fixtures.flows import flow, step
from tests.fixtures.http_server import Answer, HttpServer, Request


class Workers:
    """One worker process at a time."""

    def __init__(self, *argv: str) -> None:
        self._argv = argv
        self._process: Process | None = None

    async def start(self) -> None:
        file = Path(__file__).with_name("worker_process.py")
        self._process = await asyncio.create_subprocess_exec(sys.executable, str(file), *self._argv, stdout=PIPE)
        assert self._process.stdout is not None
        assert await self._process.stdout.readline() == b"ready\n"

    async def kill(self) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@pytest.fixture
async def task_queue() -> str:
    return f"test-{new_uuid7()}"


@pytest.fixture
async def client_only(db: Database, temporal_address: str, task_queue: str) -> AsyncIterator[Carrier]:
    async with open_carrier(db, temporal_address, task_queue=task_queue, working=False) as opened:
        yield opened


@pytest.fixture
async def workers(database_url: str, temporal_address: str, task_queue: str) -> AsyncIterator[Workers]:
    made = Workers(database_url, temporal_address, task_queue)
    await made.start()
    yield made
    await made.kill()


def killing(server: HttpServer, method: str, path: str) -> asyncio.Event:
    """The first request to `path` never gets its answer; later ones do. Tells when the first has come."""
    come = asyncio.Event()

    async def handle(request: Request) -> Answer:
        if come.is_set():
            return Answer.of_json({"at": path})
        come.set()
        await asyncio.Event().wait()
        raise AssertionError

    server.handle(method, path, handle)
    return come


def call(server: HttpServer, method: str, path: str, after: str | None = None, **more: Json) -> dict[str, Json]:
    return step("http.request", method=method, url=f"{server.url}{path}", after=after) | more


async def lose(workers: Workers, come: asyncio.Event) -> None:
    await come.wait()
    await workers.kill()
    await workers.start()


async def test_only_the_step_in_flight_is_repeated(
    client_only: Carrier, workers: Workers, http_server: HttpServer
) -> None:
    for path in "abde":
        http_server.answer("GET", f"/{path}", Answer.of_json({"at": path}))
    come = killing(http_server, "GET", "/c")
    document = flow(
        "{{ steps.e.output.body.at }}",
        a=call(http_server, "GET", "/a"),
        b=call(http_server, "GET", "/b", "a"),
        c=call(http_server, "GET", "/c", "b"),
        d=call(http_server, "GET", "/d", "c"),
        e=call(http_server, "GET", "/e", "d"),
    )
    run_id = await client_only.start(document)
    await lose(workers, come)
    run = await client_only.end(run_id)
    assert (run.status, run.output) == ("succeeded", "e")
    assert Counter(request.path for request in http_server.requests) == {"/a": 1, "/b": 1, "/c": 2, "/d": 1, "/e": 1}
    assert [(row.path, row.attempt, row.status) for row in await client_only.steps(run_id)] == [
        (path, 1, "succeeded") for path in "abcde"
    ]


async def test_a_lost_write_is_made_again_as_the_next_attempt_with_its_key(
    client_only: Carrier, workers: Workers, http_server: HttpServer
) -> None:
    come = killing(http_server, "POST", "/p")
    run_id = await client_only.start(flow(p=call(http_server, "POST", "/p")))
    await lose(workers, come)
    assert (await client_only.end(run_id)).status == "succeeded"
    first, second = await client_only.steps(run_id)
    assert isinstance(first.error, dict)
    assert (first.attempt, first.status, first.error["code"]) == (1, "failed", "worker.lost")
    assert (second.attempt, second.status) == (2, "succeeded")
    assert [request.headers["idempotency-key"] for request in http_server.requests] == [f"{run_id}:p"] * 2


async def test_a_lost_step_that_must_not_be_repeated_fails(
    client_only: Carrier, workers: Workers, http_server: HttpServer
) -> None:
    come = killing(http_server, "PUT", "/p")
    run_id = await client_only.start(flow(p=call(http_server, "PUT", "/p", retry={"on_lost": "fail"})))
    await lose(workers, come)
    run = await client_only.end(run_id)
    assert isinstance(run.error, dict)
    assert (run.status, run.error["code"]) == ("failed", "worker.lost")
    assert len(http_server.requests) == 1


@pytest.mark.slow
async def test_a_loop_goes_on_where_its_worker_was_lost(
    client_only: Carrier, workers: Workers, http_server: HttpServer
) -> None:
    """The kill comes at a known place: in the call that the 4,000th iteration makes."""
    come = killing(http_server, "GET", "/stop")
    document = flow(
        "{{ steps.each.output | sum }}",
        each=step("core.for_each", items="{{ input }}", collect="{{ item }}"),
        odd=step("core.if", condition="{{ item == 4000 }}", parent="each"),
        stop=call(http_server, "GET", "/stop", "odd:true") | {"parent": "each"},
        one=step("core.set", values={"n": "{{ item }}"}, parent="each", after="odd:false"),
    )
    run_id = await client_only.start(document, list(range(5_000)))
    await lose(workers, come)
    run = await client_only.end(run_id)
    assert (run.status, run.output) == ("succeeded", sum(range(5_000)))
    rows = await client_only.steps(run_id)
    assert len(rows) == len({(row.path, row.attempt) for row in rows}) == 1 + 3 * 5_000


async def test_a_lost_call_of_a_throttled_step_takes_another_start(
    client_only: Carrier, workers: Workers, http_server: HttpServer
) -> None:
    come = killing(http_server, "GET", "/p")
    throttle: dict[str, Json] = {"key": "crm", "count": 1, "per": "5s"}
    run_id = await client_only.start(flow(p=call(http_server, "GET", "/p", throttle=throttle)))
    await lose(workers, come)
    assert (await client_only.end(run_id)).status == "succeeded"
    first, second = await client_only.steps(run_id)
    assert isinstance(first.error, dict)
    assert (first.error["code"], second.status) == ("worker.lost", "succeeded")
    assert (second.started_at - first.started_at).total_seconds() > 4.5


@pytest.mark.slow
async def test_steps_that_slept_through_their_turn_do_not_begin_all_at_once(
    client_only: Carrier, workers: Workers, http_server: HttpServer, database_url: str
) -> None:
    """The worker is away while all turns go by."""
    http_server.answer("GET", "/p", Answer.of_json({}))
    document = flow(
        each=step("core.for_each", items=list(range(5)), concurrency=5),
        p=call(http_server, "GET", "/p", throttle={"key": "crm", "count": 1, "per": "1s"}) | {"parent": "each"},
    )
    run_id = await client_only.start(document)
    await client_only.until(run_id, lambda row: row.status == "waiting")
    await workers.kill()
    watch = await asyncpg.connect(database_url)
    passed = "select starts[cardinality(starts)] + interval '2 seconds' < present() from rate_ledger"
    while not await watch.fetchval(passed):
        await asyncio.sleep(0.2)
    await watch.close()
    before, back = len(http_server.requests), time.time()
    await workers.start()
    assert (await client_only.end(run_id)).status == "succeeded"
    rows = [row for row in await client_only.steps(run_id) if row.path != "each"]
    begun = sorted(row.started_at.timestamp() for row in rows)[before:]
    assert len(begun) >= 3
    assert all(at > back + number for number, at in enumerate(begun))
