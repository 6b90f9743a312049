"""Temporal gone, executions lost, PostgreSQL gone: what was accepted goes on, what was not is refused."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest
from temporalio import workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from db.ids import RunId, new_uuid7
from db.pool import Database
from engine import names
from engine.dispatch.executions import State
from engine.dispatch.reconciler import Reconciler
from engine.problems import Problem, Unavailable
from engine.runs.ending import run_failer
from tests.engine.runs.stack import Stack, open_stack
from tests.fixtures.flows import flow, step


class Wire:
    """A way to a server that can be cut and mended, in the place of the server itself."""

    def __init__(self, target: str) -> None:
        self._host, _, port = target.partition(":")
        self._port = int(port)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(self._host, self._port)
        self._open |= {writer, there_writer}
        await asyncio.gather(self._pump(reader, there_writer), self._pump(there_reader, writer), return_exceptions=True)
        self._open -= {writer, there_writer}

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def wired(target: str) -> AsyncIterator[Wire]:
    wire = Wire(target)
    await wire.mend()
    try:
        yield wire
    finally:
        await wire.cut()


HOOK = {"hook": {"module": "webhook.trigger", "version": 1, "inputs": {}}}
SYNC = {"hook": {"module": "webhook.trigger", "version": 1, "inputs": {"mode": "sync", "timeout": "300ms"}}}


async def test_while_temporal_is_gone_webhooks_are_taken_and_run_when_it_is_back(
    db: Database, temporal_address: str
) -> None:
    async with wired(temporal_address) as wire, open_stack(db, wire.address) as stack:
        await stack.define(flow("{{ input }}", name="async", a=step("core.set", values={})) | {"triggers": HOOK})
        await stack.define(flow("{{ input }}", name="sync", a=step("core.set", values={})) | {"triggers": SYNC})
        assert (await stack.post("sync", b"1")).body == b"1"
        await wire.cut()
        ids = [json.loads((await stack.post("async", str(n).encode())).body)["run_id"] for n in range(5)]
        with pytest.raises(Problem) as late:
            await stack.post("sync", b"6")
        assert late.value.status == 504
        views = [await stack.view(run_id) for run_id in ids]
        assert {view["status"] for view in views} == {"queued"}
        while "Temporal can't be reached" not in str((await stack.view(ids[0]))["waiting_for"]):
            await asyncio.sleep(0.05)
        # What has not begun is cancelled at once, whether or not Temporal is there.
        stopped = ids.pop()
        await stack.canceller.cancel(stack.workspace_id, RunId(UUID(stopped)))
        assert (await stack.end(stopped)).status == "cancelled"
        await wire.mend()
        assert [(await stack.end(run_id)).output for run_id in ids] == list(range(4))
        assert (await stack.end(str(late.value.extra["run_id"]))).output == 6


async def test_a_lost_execution_is_made_again_and_takes_over_what_the_log_has(
    db: Database, temporal_address: str
) -> None:
    async with open_stack(db, temporal_address) as stack:
        reconciler = Reconciler(db, stack.hub, stack.executions, stack.survey, _always)
        name = await stack.define(
            flow(
                "{{ [steps.a.output.value, steps.e.output] }}",
                a=step("kv.increment", key="made"),
                e=step("core.wait_for_event", after="a"),
            )
        )
        run_id = await stack.start(name)
        await stack.until(run_id, lambda row: row.status == "waiting")
        assert await reconciler.walk(older_s=0) == 0, "what is as it should be is left alone"
        await stack.client.get_workflow_handle(str(run_id)).terminate()
        await _put_right(reconciler)
        (waiting,) = [row for row in await stack.steps(run_id) if row["path"] == "e"]
        token = str(waiting["resume_url"]).rpartition("/")[2]
        await stack.resumer.post(token, b'"done"', "application/json")
        ended = await stack.end(run_id)
        assert (ended.status, ended.output) == ("succeeded", [1, "done"])
        assert sorted((str(row["path"]), row["attempt"]) for row in await stack.steps(run_id)) == [("a", 1), ("e", 1)]


async def _put_right(reconciler: Reconciler) -> None:
    """One run. Temporal's lists lag behind a little, so the first walk may not see it."""
    while (found := await reconciler.walk(older_s=0)) == 0:
        await asyncio.sleep(0.1)
    assert found == 1


async def _always(name: str) -> bool:
    return True


async def test_without_postgresql_nothing_is_accepted_and_the_answer_says_so(
    database_url: str, postgres_url: str, temporal_address: str
) -> None:
    address = postgres_url.rpartition("@")[2].partition("/")[0]
    async with wired(address) as wire:
        db = await Database.open(database_url.replace(address, wire.address), application="test")
        async with open_stack(db, temporal_address) as stack:
            name = await stack.define(
                flow("{{ input }}", name="echo", a=step("core.set", values={})) | {"triggers": HOOK}
            )
            await wire.cut()
            with pytest.raises(Unavailable):
                await stack.post(name)
            with pytest.raises(Unavailable):
                await stack.start(name)
            await wire.mend()
            assert (await _when_back(stack, name)).status == "succeeded"
        await db.close()


async def _when_back(stack: Stack, name: str):
    while True:
        try:
            return await stack.run(name)
        except Unavailable:
            await asyncio.sleep(0)


async def test_an_execution_that_outlives_its_run_is_ended_and_one_of_an_open_run_is_not(
    db: Database, database_url: str, temporal_address: str
) -> None:
    """As after the record of a run's end was written by hand, or PostgreSQL came back from a copy: it would sleep for a year else."""
    async with open_stack(db, temporal_address) as stack:
        reconciler = Reconciler(db, stack.hub, stack.executions, stack.survey, _always)
        name = await stack.define(flow(w=step("core.wait", duration="365d")))
        ended, kept, unknown = [await stack.start(name) for _ in range(3)]
        for run_id in (ended, kept, unknown):
            await stack.until(run_id, lambda row: row.status == "waiting")
        fail = run_failer(db, stack.hub)
        await fail(stack.workspace_id, str(ended), "ended from outside")
        admin = await asyncpg.connect(database_url)
        await admin.execute("delete from workflow_execution_queue where run_id = $1", unknown)
        await admin.execute("delete from workflow_runs where run_id = $1", unknown)
        await admin.close()
        while await reconciler.walk(older_s=0, ended_s=0) == 0:
            await asyncio.sleep(0.1)  # Temporal's lists lag behind
        assert [await stack.executions.state(str(run_id)) for run_id in (ended, kept, unknown)] == [
            State.CLOSED,
            State.OPEN,
            State.OPEN,
        ]
        assert await reconciler.walk(older_s=0, ended_s=0, unknown_s=0) == 1
        assert await stack.executions.state(str(unknown)) is State.CLOSED
        assert (await stack.view(kept))["status"] == "waiting"


async def test_a_lost_execution_shows_at_the_ends_of_the_line(db: Database, temporal_address: str) -> None:
    async with open_stack(db, temporal_address) as stack:
        reconciler = Reconciler(db, stack.hub, stack.executions, stack.survey, _always)
        assert not await reconciler.store_lost(older_s=0)
        name = await stack.define(flow(w=step("core.wait", duration="1h")))
        runs = [await stack.start(name) for _ in range(3)]
        for run_id in runs:
            await stack.until(run_id, lambda row: row.status == "waiting")
        assert not await reconciler.store_lost(older_s=0)
        await stack.client.get_workflow_handle(str(max(runs))).terminate()
        assert await reconciler.store_lost(older_s=0)
        await _put_right(reconciler)
        await stack.until(max(runs), lambda row: row.status == "waiting")


async def test_a_run_that_the_engine_cannot_go_on_with_says_so_and_can_be_cancelled(
    db: Database, temporal_address: str
) -> None:
    """Nobody works on its task queue as it should: an exception inside the engine fails the task, again and again."""
    async with open_stack(db, temporal_address, working=False, task_queue=(tasks := f"broken-{new_uuid7()}")) as stack:
        reconciler = Reconciler(db, stack.hub, stack.executions, stack.survey, _always)
        name = await stack.define(flow(w=step("core.set", values={})))
        async with Worker(
            stack.client, task_queue=tasks, workflows=[Broken], workflow_runner=UnsandboxedWorkflowRunner()
        ):
            run_id = await stack.start(name)
            while await reconciler.look_for_trouble(older_s=0, attempts=2) == 0:
                await asyncio.sleep(0.1)
            (reason,) = (await stack.view(run_id))["waiting_for"]  # type: ignore[misc, union-attr]
            assert isinstance(reason, dict)
            assert (reason["kind"], reason["path"]) == ("retry", None)
            assert "The engine can't go on with this run" in str(reason["reason"])
            assert await stack.canceller.cancel(stack.workspace_id, run_id)
            await reconciler.look_for_trouble(older_s=0, attempts=2)
            assert (await stack.end(run_id)).status == "cancelled"
            assert await stack.executions.state(str(run_id)) is State.CLOSED


@workflow.defn(name=names.RUN)
class Broken:
    @workflow.run
    async def run(self, argument: object) -> None:
        raise ValueError("a fault of the engine")

    @workflow.signal(name=names.SIGNAL_CANCEL)
    def cancel(self, reason: str) -> None:
        pass
