"""Runs without a database: the real workflow and activities on a real Temporal, with the log in memory. For recording histories."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from temporalio.client import Client, WorkflowHandle
from temporalio.converter import DataConverter
from temporalio.service import RPCError

from db.ids import new_uuid7
from engine import names
from engine.activities.host import Head, Host
from engine.core.compiled import compile_run
from engine.core.effects import ChildStart
from engine.core.plan import build_plan
from engine.core.start import ResumeBase, RunStart, WorkflowInfo
from engine.dispatch.launch import TASK_TIMEOUT
from engine.expressions.values import Json, Value, from_json
from engine.hub import Hub, Kind
from engine.isolated.pool import IsolatedPool
from engine.payloads import data_converter
from engine.run_args import RunArgs, load_options
from engine.sealing import SealingCodec
from modules.registry import load_registry
from server.module_tools.host import MemoryKeyValues
from server.worker import build_worker
from tests.fixtures.memory_log import MemoryLog
from workspace.egress.client import Egress
from workspace.egress.policy import make_policy
from workspace.keys import LocalKey, Vault, WrappedKey

MASTER = b"the master key of the histories."
WORKSPACE = 1
MODULES = {module.key: module for module in load_registry().all()}


class OneKey:
    """A `KeyStore` of one workspace, whose key goes with the recording."""

    def __init__(self, keys: list[WrappedKey]) -> None:
        self.keys = keys

    async def wrapped_keys(self, workspace_id: int) -> list[WrappedKey]:
        return self.keys

    async def add_wrapped_key(self, workspace_id: int, key: WrappedKey) -> list[WrappedKey]:
        self.keys = self.keys or [key]
        return self.keys

    async def any_wrapped_key(self) -> tuple[int, WrappedKey] | None:
        return (WORKSPACE, self.keys[0]) if self.keys else None


class ClaimsHere:
    """`Claims` whose content goes with the recording."""

    def __init__(self, data: dict[str, bytes]) -> None:
        self.data = data

    async def put(self, workspace_id: int, run: str, data: bytes) -> str:
        address = hashlib.sha256(data).hexdigest()[:32]
        self.data[address] = data
        return address

    async def get(self, workspace_id: int, run: str, address: str) -> bytes:
        return self.data[address]


class OneOwner:
    async def workspace_of(self, workflow_id: str) -> int:
        return WORKSPACE

    def learn(self, workflow_id: str, workspace_id: int) -> None:
        pass


@dataclass
class Secrets:
    """What opens the payloads of a recording."""

    store: OneKey = field(default_factory=lambda: OneKey([]))
    claims: ClaimsHere = field(default_factory=lambda: ClaimsHere({}))

    def converter(self) -> DataConverter:
        vault = Vault(LocalKey(MASTER), self.store)
        return data_converter(SealingCodec(vault, self.claims, OneOwner()))

    def dump(self) -> dict[str, Json]:
        return {
            "keys": [[key.number, key.master, base64.b64encode(key.wrapped).decode()] for key in self.store.keys],
            "claims": {address: base64.b64encode(data).decode() for address, data in self.claims.data.items()},
        }

    @staticmethod
    def load(data: dict[str, Json]) -> Secrets:
        keys = [WrappedKey(number, master, base64.b64decode(wrapped)) for number, master, wrapped in data["keys"]]  # type: ignore[misc, union-attr]
        claims = {address: base64.b64decode(text) for address, text in data["claims"].items()}  # type: ignore[union-attr]
        return Secrets(OneKey(keys), ClaimsHere(claims))


class Stage:
    """Starts runs, and plays the parts of people and of the dispatcher."""

    def __init__(self, client: Client, log: MemoryLog, hub: Hub, task_queue: str) -> None:
        self.client = client
        self.log = log
        self.hub = hub
        self.task_queue = task_queue
        self.documents: dict[str, dict[str, Json]] = {}
        self._parents: dict[str, str] = {}
        self._children: dict[str, str] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        hub.watch(self._heard)

    async def start(
        self,
        document: dict[str, Json],
        body: Json = None,
        *,
        options: dict[str, Json] | None = None,
        reply: bool = False,
        origin: str | None = None,
        depth: int = 0,
    ) -> str:
        run_id = str(new_uuid7())
        compiled = compile_run(document, MODULES)
        started_at = time.time()
        limit = build_plan(compiled).document.settings.timeout
        args = RunArgs(
            Head(run_id, WORKSPACE, "flow", started_at).dump(),
            compiled,
            RunStart(
                run_id=run_id,
                workflow=WorkflowInfo("flow", str(document["name"]), 1),
                started_at=started_at,
                trigger=_trigger(body),
                origin=origin or run_id,
                options=load_options(options or {}),
                resume=ResumeBase("http://localhost", b"secret"),
                reply=reply,
                depth=depth,
                deadline=None if limit is None else started_at + limit,
            ),
        )
        await self.client.start_workflow(
            names.RUN, args.dump(), id=run_id, task_queue=self.task_queue, task_timeout=TASK_TIMEOUT
        )
        return run_id

    def handle(self, run_id: str) -> WorkflowHandle[object, object]:
        return self.client.get_workflow_handle(run_id)

    async def ended(self, run_id: str) -> None:
        await self.handle(run_id).result()

    async def waiting(self, run_id: str) -> None:
        """Until the run's log says that it waits."""
        with self.hub.subscribe(run_id) as news:
            while not self.log.waiting.get(run_id):
                await news.wait(0.2)

    async def post(self, run_id: str, path: str, body: Json) -> None:
        self.log.bodies[run_id, path] = body
        await self.handle(run_id).signal(names.SIGNAL_RESUME, path)

    async def cancel(self, run_id: str) -> None:
        self.log.cancelled.add(run_id)
        await self.handle(run_id).signal(names.SIGNAL_CANCEL, "cancelled")

    async def start_child(self, parent: Head, child: ChildStart) -> str:
        if child.key not in self._children:
            body = child.input
            run_id = await self.start(self.documents[child.workflow], body, origin=child.key, depth=child.depth)  # type: ignore[arg-type]
            self._children[child.key] = run_id
            self._parents[run_id] = parent.run_id
        return self._children[child.key]

    async def cancel_child(self, parent: Head, run_id: str) -> None:
        await self.cancel(run_id)

    def _heard(self, notice: object) -> None:
        run_id, kind = getattr(notice, "run_id", ""), getattr(notice, "kind", None)
        if kind is Kind.ENDED and run_id in self._parents:
            job = asyncio.create_task(self._wake_parent(self._parents[run_id], run_id))
            self._jobs.add(job)
            job.add_done_callback(self._jobs.discard)

    async def _wake_parent(self, parent: str, child: str) -> None:
        with contextlib.suppress(RPCError):  # it didn't wait, and has ended
            await self.handle(parent).signal(names.SIGNAL_CHILD, child)


@asynccontextmanager
async def open_stage(temporal_address: str, secrets: Secrets, task_queue: str) -> AsyncIterator[Stage]:
    client = await Client.connect(temporal_address, data_converter=secrets.converter())
    hub, log, keys = Hub(), MemoryLog(), MemoryKeyValues()
    stage = Stage(client, log, hub, task_queue)
    async with Egress(make_policy(["127.0.0.0/8"])) as egress, IsolatedPool(1) as pool:
        host = Host(load_registry(), egress, pool, lambda workspace_id, workflow_id: keys, stage, hub)
        work = build_worker(client, log, log, host, task_queue=task_queue)
        job = asyncio.create_task(work.run())
        try:
            yield stage
        finally:
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)


def _trigger(body: Json) -> dict[str, Value]:
    return {"type": "api", "id": None, "body": from_json(body)}
