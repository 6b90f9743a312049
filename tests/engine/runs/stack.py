"""The engine as a process has it: definitions, runs, webhooks, dispatcher and worker over real PostgreSQL and Temporal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from temporalio.client import Client

from db import workspaces
from db.channel import Channel
from db.ids import RunId, WorkspaceId, new_uuid7
from db.pool import Database
from db.run_rows import OPEN, RunFilter, RunRow, list_ids
from engine.activities.host import Host
from engine.activities.run_log import DatabaseLog
from engine.activities.secrets import StoredSecrets
from engine.carrier_store import DatabaseClaims, DatabaseOwners
from engine.definitions import Definitions
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.executions import Executions, TemporalExecutions
from engine.dispatch.launch import Launcher, resume_secret
from engine.dispatch.survey import Survey, TemporalSurvey
from engine.expressions.values import Json
from engine.hub import Hub
from engine.isolated.pool import IsolatedPool
from engine.payloads import data_converter
from engine.queues.enqueue import queues_over
from engine.queues.flusher import Flusher
from engine.queues.sealed_items import SealedItems
from engine.runs.accept import Acceptor
from engine.runs.bulk import Bulk
from engine.runs.cancel import Canceller
from engine.runs.children import ChildRuns
from engine.runs.ending import run_failer
from engine.runs.isolated_calls import isolated_caller
from engine.runs.lookup import Lookup
from engine.runs.prepared import PreparedDocuments
from engine.runs.reading import RunReader
from engine.runs.replay import Replayer
from engine.runs.resume import Resumer
from engine.runs.start import Starter, StartRequest
from engine.runs.testing import Tester
from engine.runs.waiting import ended, wait_for
from engine.sandbox.findings import CodeFindings
from engine.sandbox.sandbox import Sandbox
from engine.sealing import SealingCodec
from engine.triggers.answers import HookAnswer
from engine.triggers.hook_request import HookRequest
from engine.triggers.webhook import Webhooks
from modules.registry import load_registry
from modules.sdk.files import Files
from server.module_tools.host import MemoryKeyValues
from server.worker import build_worker
from workspace.egress.client import Egress
from workspace.egress.policy import make_policy
from workspace.key_store import DatabaseKeys
from workspace.keys import LocalKey, Vault
from workspace.secrets.used import UsedByRuns
from workspace.secrets.variables import SecretVariables

REGISTRY = load_registry()
MODULES = {module.key: module for module in REGISTRY.all()}
PUBLIC = "http://localhost:8080"
_VAULT_KEY = b"a master key that only tests use"

Document = dict[str, Json]


def no_files(workspace_id: int) -> Files:
    raise AssertionError(f"no test here gives files to workspace {workspace_id}")


@dataclass
class Stack:
    """One workspace `acme`, and what acts on it."""

    db: Database
    hub: Hub
    vault: Vault
    workspace_id: WorkspaceId
    client: Client
    executions: Executions
    survey: Survey
    dispatcher: Dispatcher
    definitions: Definitions
    lookup: Lookup
    acceptor: Acceptor
    starter: Starter
    canceller: Canceller
    replayer: Replayer
    bulk: Bulk
    tester: Tester
    resumer: Resumer
    reader: RunReader
    webhooks: Webhooks

    async def define(self, document: Document, *, deploy: bool = True) -> str:
        """Create the workflow and deploy it; gives its name."""
        made = await self.definitions.create(self.workspace_id, "acme", None, document, authority="owner")
        name = str(made["name"])
        if deploy:
            await self.definitions.deploy(self.workspace_id, None, name, None, None, authority="owner")
        return name

    async def start(self, name: str, body: Json = None, **more: Json) -> RunId:
        given: Document = {"input": body, **more} if "trigger" not in more else dict(more)
        return await self.starter.start(self.workspace_id, name, StartRequest.read(given), authority="owner")

    async def run(self, name: str, body: Json = None, **more: Json) -> RunRow:
        return await self.end(await self.start(name, body, **more))

    async def end(self, run_id: RunId | str) -> RunRow:
        """The run when it has ended. Tests are under pytest's own time limit."""
        return await self.until(run_id, ended)

    async def until(self, run_id: RunId | str, enough: Callable[[RunRow], bool]) -> RunRow:
        known = RunId(UUID(str(run_id)))
        return await wait_for(self.db, self.hub, self.workspace_id, known, 110, enough)

    async def view(self, run_id: RunId | str) -> Document:
        return await self.reader.view(self.workspace_id, RunId(UUID(str(run_id))))

    async def steps(self, run_id: RunId | str) -> list[Document]:
        page = await self.reader.list_steps(self.workspace_id, RunId(UUID(str(run_id))), None, 500)
        return [item for item in page.items if isinstance(item, dict)]

    async def end_all(self) -> None:
        """Cancel what is open: a worker that stops with runs in its memory leaves their coroutines to the garbage collector."""
        async with self.db.tenant(self.workspace_id) as conn:
            found = await list_ids(conn, self.workspace_id, RunFilter(statuses=tuple(sorted(OPEN))), None, 500)
        for run_id in found:
            await self.canceller.cancel(self.workspace_id, run_id)
        for run_id in found:
            await self.end(run_id)

    async def post(
        self,
        workflow: str,
        body: bytes = b"{}",
        *,
        trigger: str = "hook",
        method: str = "POST",
        slug: str = "acme",
        headers: dict[str, str] | None = None,
        query: list[tuple[str, str]] | None = None,
    ) -> HookAnswer:
        given = {"content-type": "application/json", **(headers or {})}
        request = HookRequest(slug, workflow, trigger, method, list(given.items()), query or [])
        return await self.webhooks.receive(await self.webhooks.open(request), body)


@asynccontextmanager
async def open_stack(
    db: Database, temporal_address: str, *, working: bool = True, task_queue: str | None = None, lazy: bool = False
) -> AsyncIterator[Stack]:
    """With `working` false no worker polls. `lazy`: Temporal need not be there yet."""
    queue = task_queue or f"test-{new_uuid7()}"
    async with AsyncExitStack() as stack:
        async with db.engine() as conn:
            workspace = await workspaces.by_slug(conn, "acme") or await workspaces.create(conn, "acme", "Acme")
        assert workspace is not None
        workspace_id = workspace.workspace_id
        vault = Vault(LocalKey(_VAULT_KEY), DatabaseKeys(db))
        owners = DatabaseOwners(db)
        client = await Client.connect(
            temporal_address,
            data_converter=data_converter(SealingCodec(vault, DatabaseClaims(db), owners)),
            lazy=lazy,
        )
        channel = Channel(db)
        hub = Hub(channel)
        pool = await stack.enter_async_context(IsolatedPool(1))
        sandbox = await stack.enter_async_context(Sandbox())
        egress = await stack.enter_async_context(Egress(make_policy(["127.0.0.0/8"])))
        prepared = PreparedDocuments(MODULES)
        lookup = Lookup(db, REGISTRY, prepared)
        holder: list[Launcher] = []
        executions = TemporalExecutions(client, lambda start: holder[0](start))  # noqa: PLW0108  (made below)
        dispatcher = Dispatcher(db, hub, executions, run_failer(db, hub))
        acceptor = Acceptor(db, hub, dispatcher)
        canceller = Canceller(db, hub, dispatcher)
        children = ChildRuns(db, lookup, acceptor, canceller)
        key_values = MemoryKeyValues()
        sealed = SealedItems(vault)
        host = Host(
            REGISTRY,
            egress,
            pool,
            lambda workspace, workflow: key_values,
            children,
            hub,
            queues_over(sealed),
            code=sandbox,
        )
        secrets = SecretVariables(db, vault)
        run_secrets = StoredSecrets(secrets, UsedByRuns())
        log = DatabaseLog(db, run_secrets)
        work = build_worker(client, log, log, host, task_queue=queue, secrets=run_secrets) if working else None
        journal = None if work is None else work.journal
        holder.append(Launcher(client, db, owners, vault, PUBLIC, journal, task_queue=queue))
        replayer = Replayer(db, lookup, prepared, acceptor)
        made = Stack(
            db=db,
            hub=hub,
            vault=vault,
            workspace_id=workspace_id,
            client=client,
            executions=executions,
            survey=TemporalSurvey(client, task_queue=queue),
            dispatcher=dispatcher,
            definitions=Definitions(db, REGISTRY, canceller, hub, PUBLIC, CodeFindings(sandbox, REGISTRY)),
            lookup=lookup,
            acceptor=acceptor,
            starter=Starter(db, lookup, prepared, acceptor),
            canceller=canceller,
            replayer=replayer,
            bulk=Bulk(db, canceller, replayer),
            tester=Tester(db, lookup, REGISTRY.pure(), isolated_caller(MODULES, pool, sandbox)),
            resumer=Resumer(db, hub, dispatcher, lambda run_id: resume_secret(vault, run_id)),
            reader=RunReader(db, lambda: dispatcher.carrier_gone),
            webhooks=Webhooks(db, hub, lookup, acceptor, secrets, no_files),
        )
        flusher = Flusher(db, hub, sealed, lookup, acceptor, channel.leads)
        jobs = [asyncio.create_task(job) for job in (dispatcher.run(), hub.run(), flusher.run())]
        if work is not None:
            jobs.append(asyncio.create_task(work.run()))
        try:
            yield made
            if working:
                await made.end_all()
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
