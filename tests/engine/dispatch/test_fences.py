"""Who comes too late changes nothing: starts of claims that were lost, executions of runs that have ended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from db import queue, run_rows, runs
from db.ids import RunId, new_uuid7
from db.pool import Database
from db.queue import Claimed
from db.runs import Claim
from engine import names
from engine.carrier_store import DatabaseOwners
from engine.dispatch.dispatcher import QUEUED_STARTS, Dispatcher
from engine.dispatch.executions import CarrierGone, SignalKind, Start, State
from engine.dispatch.launch import Launcher
from engine.hub import Hub
from engine.runs.ending import run_failer
from engine.stale import StaleWrites
from tests.db.data_of_tests import Tenant, accept, new_run, tenant
from tests.engine.runs.stack import PUBLIC, Stack, open_stack
from tests.fixtures.flows import flow, step
from tests.fixtures.http_server import Answer, HttpServer

TASKS = f"fences-{new_uuid7()}"


@pytest.fixture
async def stack(db: Database, temporal_address: str) -> AsyncIterator[Stack]:
    async with open_stack(db, temporal_address, task_queue=TASKS) as opened:
        yield opened


@pytest.mark.parametrize("method", ["PUT", "POST"])  # the one is a local activity, the other an ordinary one
async def test_an_execution_that_appears_after_its_run_has_ended_calls_nothing(
    stack: Stack, http_server: HttpServer, method: str
) -> None:
    """As when Temporal took a start whose answer was lost, and the run was cancelled before anybody knew."""
    http_server.answer(method, "/made", Answer.of_json({}))
    name = await stack.define(
        flow(
            a=step("http.request", method=method, url=f"{http_server.url}/made"),
            w=step("core.wait", duration="1h", after="a"),
            settings={"concurrency_key": "one"},
        )
    )
    first = await stack.start(name)
    await stack.until(first, lambda row: row.status == "waiting")
    late = await stack.start(name)
    launcher = Launcher(stack.client, stack.db, DatabaseOwners(stack.db), stack.vault, PUBLIC, None, task_queue=TASKS)
    args = await launcher.build_args(Start(str(late), stack.workspace_id, False))
    assert args is not None
    await stack.canceller.cancel(stack.workspace_id, late)
    assert (await stack.end(late)).started_at is None
    handle = await stack.client.start_workflow(names.RUN, args.dump(), id=str(late), task_queue=TASKS)
    await handle.result()
    assert (await stack.steps(late)) == []
    assert len(http_server.requests) == 1, "that of the first run"


class Gate:
    """Executions whose starts stand still until it opens, and then succeed, or find Temporal gone."""

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.started: list[str] = []
        self.woken: list[tuple[str, str]] = []
        self.open = asyncio.Event()
        self.gone = False

    async def start(self, start: Start) -> bool:
        self.waiting.append(start.run_id)
        await self.open.wait()
        if self.gone:
            raise CarrierGone("gone")
        self.started.append(start.run_id)
        return True

    async def wake(self, run_id: str, kind: SignalKind, detail: str) -> bool:
        self.woken.append((run_id, kind))
        return True

    async def state(self, run_id: str) -> State:
        return State.OPEN


@asynccontextmanager
async def dispatching(db: Database, gate: Gate, stale: StaleWrites) -> AsyncIterator[Dispatcher]:
    hub = Hub()
    dispatcher = Dispatcher(db, hub, gate, run_failer(db, hub), stale)
    job = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)


async def until(enough: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    """Tests are under pytest's own time limit."""
    while True:
        told = enough()
        if told is True or (told is not False and await told):
            return
        await asyncio.sleep(0.005)


async def accepted(db: Database, owner: Tenant, count: int) -> list[RunId]:
    runs_of_it = [new_run(owner) for _ in range(count)]
    for run in runs_of_it:
        await accept(db, run)
    return [run.run_id for run in runs_of_it]


async def test_a_dispatcher_that_stood_still_sends_nothing_any_more_and_what_it_notes_is_refused(
    db: Database, database_url: str
) -> None:
    owner, gate, stale = await tenant(db), Gate(), StaleWrites()
    run_ids = await accepted(db, owner, 8)
    async with dispatching(db, gate, stale):
        await until(lambda: len(gate.waiting) == QUEUED_STARTS)
        admin = await asyncpg.connect(database_url)
        await admin.execute("update workflow_execution_queue set lease_until = now() - interval '1 second'")
        await admin.close()
        async with db.single() as conn:
            again = await queue.claim(conn, "another", 100, 30)
            assert {claimed.run_id for claimed in again} == set(run_ids)
            for claimed in again:
                assert await queue.mark_started(conn, claimed.run_id, claimed.epoch) == "done"
        gate.open.set()
        await until(lambda: sum(stale.counts.values()) == 8)
        assert dict(stale.counts) == {"started": QUEUED_STARTS, "send": 8 - QUEUED_STARTS}
        assert len(gate.started) == QUEUED_STARTS, "what was with Temporal already is the same execution, once more"
    async with db.single() as conn:
        left = await queue.open_rows(conn, None, 100)
    assert {(row.run_id, row.epoch) for row in left} == {(claimed.run_id, claimed.epoch) for claimed in again}


async def test_a_cancel_ends_at_once_what_is_claimed_and_not_sent(db: Database) -> None:
    owner, gate, stale = await tenant(db), Gate(), StaleWrites()
    run_ids = await accepted(db, owner, 8)
    async with dispatching(db, gate, stale):
        await until(lambda: len(gate.waiting) == QUEUED_STARTS)
        outcomes = {run_id: await cancel(db, owner, run_id) for run_id in run_ids}
        assert {str(run_id) for run_id, told in outcomes.items() if told == "requested"} == set(gate.waiting)
        gate.open.set()
        # The two are told as soon as they are known to have begun, whatever their arguments say.
        await until(lambda: len(gate.woken) == QUEUED_STARTS)
        assert sorted(gate.woken) == sorted((run_id, "cancel") for run_id in gate.waiting)
        assert len(gate.started) == QUEUED_STARTS
    assert not stale.counts, "a run that has ended is nobody else's claim"


async def test_what_is_accepted_now_starts_beside_a_backlog(db: Database) -> None:
    owner, gate, stale = await tenant(db), Gate(), StaleWrites()
    await accepted(db, owner, 20)
    async with dispatching(db, gate, stale) as dispatcher:
        await until(lambda: len(gate.waiting) == QUEUED_STARTS)
        lease = dispatcher.lease()
        assert lease is not None
        now = new_run(owner, claim=Claim(holder=lease.holder, lease_s=lease.seconds))
        told = await accept(db, now)
        assert told.lease_epoch is not None
        dispatcher.offer(Claimed(now.run_id, owner.workspace_id, owner.workflow_id, told.lease_epoch, 1, False))
        await until(lambda: str(now.run_id) in gate.waiting)
        assert len(gate.waiting) == QUEUED_STARTS + 1


async def test_a_cancel_takes_effect_while_temporal_is_away(db: Database) -> None:
    owner, gate, stale = await tenant(db), Gate(), StaleWrites()
    run_ids = await accepted(db, owner, QUEUED_STARTS)
    async with dispatching(db, gate, stale):
        await until(lambda: len(gate.waiting) == QUEUED_STARTS)
        assert {await cancel(db, owner, run_id) for run_id in run_ids} == {"requested"}
        gate.gone = True
        gate.open.set()

        async def ended() -> bool:
            async with db.engine() as conn:
                return all(row.status == "cancelled" for row in await run_rows.by_ids(conn, run_ids))

        await until(ended)
    assert gate.started == []


async def cancel(db: Database, owner: Tenant, run_id: RunId) -> str:
    async with db.single() as conn:
        return (await runs.request_cancel(conn, owner.workspace_id, run_id)).outcome
