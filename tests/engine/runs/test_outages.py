"""Temporal gone, executions lost, PostgreSQL gone: what was accepted goes on, what was not is refused."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from db.pool import Database
from engine.dispatch.reconciler import Reconciler
from engine.problems import Problem, Unavailable
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
        assert {(await stack.view(run_id))["status"] for run_id in ids} == {"queued"}
        await wire.mend()
        assert [(await stack.end(run_id)).output for run_id in ids] == list(range(5))
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
        assert await reconciler.walk(older_s=0) == 1
        (waiting,) = [row for row in await stack.steps(run_id) if row["path"] == "e"]
        token = str(waiting["resume_url"]).rpartition("/")[2]
        await stack.resumer.post(token, b'"done"', "application/json")
        ended = await stack.end(run_id)
        assert (ended.status, ended.output) == ("succeeded", [1, "done"])
        assert sorted((str(row["path"]), row["attempt"]) for row in await stack.steps(run_id)) == [("a", 1), ("e", 1)]


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
