"""Builds a process: everything once, each part given what it needs, nothing global.

`opened` gives a whole engine over one database, ready to accept and to work; the API puts its routes on it, the worker only runs it. Both
processes are the same inside, so that a run starts and is answered in the process that took it in, and goes on in the other one when that dies.

Order: the database must answer and have this program's tables, the master key must be the right one; Temporal may be away.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from temporalio.client import Client

from copilot.manual.pages import shipped
from copilot.tools.kit import Kit
from db.channel import Channel
from db.errors import DatabaseError
from db.inbox import EventKind
from db.pool import Database
from db.workspaces import rights
from engine.activities.host import Host
from engine.activities.run_log import DatabaseLog
from engine.activities.secrets import StoredSecrets
from engine.carrier_store import DatabaseClaims, DatabaseOwners
from engine.connections.connections import Connections
from engine.connections.providers import Providers
from engine.core.resume import resume_url
from engine.core.start import ResumeBase
from engine.definitions import Definitions
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.launch import Launcher, resume_secret
from engine.dispatch.reconciler import Reconciler
from engine.hub import Hub
from engine.input_check import check
from engine.isolated.pool import IsolatedPool
from engine.led_rounds import Rhythm, led_rounds
from engine.maintenance import Maintenance
from engine.model_calls import ModelCalls
from engine.payloads import data_converter
from engine.queues.enqueue import queues_over
from engine.queues.flusher import Flusher
from engine.queues.queues import Queues
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
from engine.runs.start import Starter
from engine.runs.tasks import Tasks
from engine.runs.testing import Tester
from engine.sandbox.findings import CodeFindings
from engine.sandbox.sandbox import Sandbox
from engine.sealing import SealingCodec
from engine.stale import StaleWrites
from engine.triggers.events import EndedRuns, ToldEvents
from engine.triggers.inbox import Inbox
from engine.triggers.mail_poller import MailPoller
from engine.triggers.mail_reader import MailReader
from engine.triggers.mail_room import Mailroom
from engine.triggers.mail_routes import EmailRoutes
from engine.triggers.poll_call import PollCalls
from engine.triggers.poller import Poller
from engine.triggers.polls import Polls
from engine.triggers.processor import Processor
from engine.triggers.publishing import Publisher, events_over
from engine.triggers.reader import Reader
from engine.triggers.scheduler import Scheduler
from engine.triggers.schedules import Schedules
from engine.triggers.webhook import Webhooks
from modules.registry import Registry, load_registry
from server.carrier import Carrier, Tie
from server.copilot import Copilot, build_copilot
from server.engine_hosts import engine_hosts
from server.failpoints import failing_activities, failing_database, failing_executions, failpoints_of
from server.logs import hiding
from server.model_server import operator_models
from server.settings import Settings, SettingsError
from server.temporal import connect
from server.worker import build_worker
from workspace.connections.in_use import RunConnections
from workspace.connections.kinds.kind import Probe
from workspace.connections.mail_handshakes import imap_handshake, smtp_handshake
from workspace.connections.oauth.consent import Consents
from workspace.connections.oauth.refresh import Refresher
from workspace.connections.opening import Opener
from workspace.connections.sealed import Sealed
from workspace.connections.trying import Handshake, Trials
from workspace.egress.client import Egress
from workspace.egress.policy import make_policy
from workspace.files.objects import BadFilesUrl, Objects, open_objects
from workspace.files.store import StoredFiles, files_over
from workspace.files.sweeper import Sweeper
from workspace.key_store import DatabaseKeys
from workspace.key_values import key_values_over
from workspace.keys import (
    KeyProvider,
    MasterKeys,
    Vault,
    master_key_from_file,
    master_keys_from_text,
    read_master_keys,
)
from workspace.llm.budget import Limits
from workspace.llm.chat import Models
from workspace.llm.steps import llm_over
from workspace.log_seal import WorkspaceLogSeal
from workspace.mail.incoming import open_mailbox
from workspace.mail.outgoing import mail_over
from workspace.postgres.of_connection import handshake, sql_over
from workspace.postgres.pools import Pools
from workspace.secrets.used import UsedByRuns
from workspace.secrets.variables import SecretVariables

log = structlog.get_logger("millstream.process")

FILES_RHYTHM = Rhythm(every=600.0, soon=30.0, spread=0.1)
"""Of the sweeper of files. A round of its own: a store that is slow must not hold up what else is due."""

MODELS_RHYTHM = Rhythm(every=20.0, soon=20.0, spread=0.1)
"""Of the sweeper of model calls: whoever looks at a call whose process died sees it soon."""


class NoDatabase(Exception):
    """There is no address of a database."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What the routes work with. Each part is shared by all requests of the process."""

    db: Database
    hub: Hub
    registry: Registry
    vault: Vault
    secrets: SecretVariables
    carrier: Carrier
    dispatcher: Dispatcher
    stale: StaleWrites
    acceptor: Acceptor
    reader: RunReader
    canceller: Canceller
    definitions: Definitions
    starter: Starter
    tester: Tester
    replayer: Replayer
    bulk: Bulk
    resumer: Resumer
    tasks: Tasks
    webhooks: Webhooks
    inbox: Inbox
    publisher: Publisher
    polls: Polls
    schedules: Schedules
    email_routes: EmailRoutes
    mailroom: Mailroom
    queues: Queues
    files: Callable[[int], StoredFiles]
    connections: Connections
    providers: Providers
    consents: Consents
    sandbox: Sandbox
    models: Models
    model_calls: ModelCalls
    copilot: Copilot


@asynccontextmanager
async def opened(settings: Settings, application: str) -> AsyncGenerator[Engine]:
    """An engine at work while the block runs.

    Raises `DatabaseUnavailable`, `WrongDatabase`, `NewerDatabase`, `BadMasterKey`, `WrongMasterKey`, `SettingsError`.
    """
    if settings.database_url is None:
        raise NoDatabase("MILLSTREAM_DATABASE_URL is not set: start the stack with `millstream up`, or set it")
    async with AsyncExitStack() as stack:
        failpoints = failpoints_of(settings)
        db = await Database.open(settings.database_url, min_size=2, max_size=12, application=application)
        stack.push_async_callback(db.close)
        db = failing_database(db, failpoints)
        # Of its own: keys are read also by those who hold a connection of the other pool.
        keys_db = await Database.open(settings.database_url, min_size=1, max_size=2, application=f"{application} keys")
        stack.push_async_callback(keys_db.close)
        vault = Vault(master_key(settings), DatabaseKeys(failing_database(keys_db, failpoints)))
        await vault.check()
        db.seal_by(WorkspaceLogSeal(keys_db, vault))
        channel = Channel(db)
        hub = Hub(channel)
        registry = load_registry()
        modules = {module.key: module for module in registry.all()}
        prepared = PreparedDocuments(modules)
        lookup = Lookup(db, registry, prepared)
        egress = await stack.enter_async_context(Egress(make_policy(settings.egress_allow, engine_hosts(settings))))
        isolated = await stack.enter_async_context(IsolatedPool())
        objects = await stack.enter_async_context(_objects(settings))
        files = files_over(db, objects)
        sandbox = await stack.enter_async_context(Sandbox())
        owners = DatabaseOwners(db)
        stale = StaleWrites()
        used = UsedByRuns()
        stack.enter_context(hiding(used.text))
        secrets = SecretVariables(db, vault)
        run_secrets = StoredSecrets(secrets, used)
        run_log = DatabaseLog(db, run_secrets, stale)

        async def tie() -> Tie:
            converter = data_converter(SealingCodec(vault, DatabaseClaims(db), owners))
            client: Client = await connect(settings, data_converter=converter)
            work = build_worker(
                client, run_log, run_log, host, secrets=run_secrets, interceptors=failing_activities(failpoints)
            )
            launcher = Launcher(client, db, owners, vault, settings.url, work.journal)
            return Tie(client, work, launcher, copilot.worker(client, failing_activities(failpoints)))

        carrier = Carrier(tie)
        executions = failing_executions(carrier, failpoints)
        dispatcher = Dispatcher(db, hub, executions, run_failer(db, hub), stale)
        acceptor = Acceptor(db, hub, dispatcher)
        canceller = Canceller(db, hub, dispatcher)
        children = ChildRuns(db, lookup, acceptor, canceller)
        sealed = SealedItems(vault)
        credentials = Sealed(vault)
        refresher = Refresher(db, credentials, egress)
        stack.push_async_callback(refresher.close)
        opener = Opener(db, credentials, refresher)
        consents = Consents(db, credentials, egress, f"{settings.url}/oauth/callback")
        pools = Pools(egress.guard)
        guard = egress.guard
        probes: dict[Probe, Handshake] = {
            "postgres": handshake(guard),
            "smtp": smtp_handshake(guard),
            "imap": imap_handshake(guard),
        }
        stack.push_async_callback(pools.close)

        models = Models(
            db,
            secrets,
            lambda schema, value, size: check(schema, value, size=size),
            stack.enter_context(operator_models(settings)),
            limits=Limits(settings.llm_daily_tokens, settings.llm_daily_usd),
            body_days=settings.llm_body_days,
            log_days=settings.llm_log_days,
        )
        stack.push_async_callback(models.close)

        def answer_address(run_id: str, path: str, who: str) -> str:
            return resume_url(ResumeBase(settings.url, resume_secret(vault, run_id)), run_id, path, who)

        host = Host(
            registry,
            egress,
            isolated,
            key_values_over(db),
            children,
            hub,
            queues_over(sealed),
            files,
            RunConnections(db, opener, egress),
            sandbox,
            sql_over(pools),
            mail_over(guard, settings.email_domain),
            events_over(),
            answer_address,
            llm_over(models, guard),
        )
        webhooks = Webhooks(db, hub, lookup, acceptor, secrets, files)
        scheduler = Scheduler(db, hub, lookup, canceller)
        mailroom = Mailroom(db, hub, settings.email_domain)
        mails = MailReader(db, lookup, isolated, files, settings.email_domain)
        replayer = Replayer(db, lookup, prepared, acceptor)
        reader = RunReader(db, lambda: dispatcher.carrier_gone)
        definitions = Definitions(db, registry, canceller, hub, settings.url, CodeFindings(sandbox, registry))
        call_isolated = isolated_caller(modules, isolated, sandbox)
        tester = Tester(db, lookup, registry.pure(), call_isolated)
        queues = Queues(db, sealed, hub)
        connections = Connections(db, credentials, opener, consents, Trials(egress, probes), egress)
        schedules = Schedules(db, hub)
        async with db.engine() as connection:
            matrix = await rights(connection)
        kit = Kit(
            db=db,
            registry=registry,
            rights=matrix,
            definitions=definitions,
            lookup=lookup,
            prepared=prepared,
            tester=tester,
            call_isolated=call_isolated,
            code=CodeFindings(sandbox, registry),
            reader=reader,
            replayer=replayer,
            queues=queues,
            connections=connections,
            schedules=schedules,
            manual=shipped(),
        )
        copilot = build_copilot(hub, kit, models, lambda: carrier.client)
        engine = Engine(
            db=db,
            hub=hub,
            registry=registry,
            vault=vault,
            secrets=secrets,
            carrier=carrier,
            dispatcher=dispatcher,
            stale=stale,
            acceptor=acceptor,
            reader=reader,
            canceller=canceller,
            definitions=definitions,
            starter=Starter(db, lookup, prepared, acceptor),
            tester=tester,
            replayer=replayer,
            bulk=Bulk(db, canceller, replayer),
            resumer=Resumer(db, hub, dispatcher, lambda run_id: resume_secret(vault, run_id)),
            webhooks=webhooks,
            inbox=Inbox(db, hub),
            tasks=Tasks(db, answer_address),
            publisher=Publisher(db, hub),
            polls=Polls(db, hub),
            schedules=schedules,
            email_routes=EmailRoutes(db, settings.email_domain),
            mailroom=mailroom,
            queues=queues,
            files=files,
            connections=connections,
            providers=Providers(db, credentials),
            consents=consents,
            sandbox=sandbox,
            models=models,
            model_calls=ModelCalls(db),
            copilot=copilot,
        )
        poller = Poller(db, hub, lookup, PollCalls(db, host, run_secrets), stale)
        readers: dict[EventKind, Reader] = {
            "webhook": webhooks,
            "schedule": scheduler,
            "email": mails,
            "event": ToldEvents(db, lookup),
            "workflow": EndedRuns(db, lookup, reader),
            "poll": poller,
        }
        jobs = {
            "hub": hub.run(),
            "carrier": carrier.run(),
            "dispatcher": dispatcher.run(),
            "reconciler": Reconciler(db, hub, executions, carrier, channel.leads).run(),
            "maintenance": Maintenance(db, channel.leads, audit_days=settings.audit_days).run(),
            "files": led_rounds(
                "files",
                channel.leads,
                Sweeper(db, objects).round,
                FILES_RHYTHM,
                gone=(DatabaseError,),
                log=logging.getLogger("millstream.files"),
            ),
            "models": led_rounds(
                "models",
                channel.leads,
                models.sweep,
                MODELS_RHYTHM,
                gone=(DatabaseError,),
                log=logging.getLogger("millstream.models"),
            ),
            "flusher": Flusher(db, hub, sealed, lookup, acceptor, channel.leads, stale).run(),
            "scheduler": scheduler.run(),
            "poller": poller.run(),
            "mailboxes": MailPoller(
                db,
                hub,
                mailroom,
                opener,
                lambda opened, name, writes: open_mailbox(guard, opened, name, writes=writes),
                used,
                stale,
            ).run(),
            "copilot": copilot.sweep(channel.leads),
            "inbox": Processor(db, hub, acceptor, readers, stale).run(),
        }
        async with _at_work(jobs):
            yield engine


def master_key(settings: Settings) -> KeyProvider:
    """The keys that the settings give; the file in the home is made at the first start. Raises `BadMasterKey`."""
    if settings.master_key is not None:
        given = master_keys_from_text(settings.master_key.get_secret_value())
        return MasterKeys(lambda: given)
    master_key_from_file(settings.master_key_path, create=settings.master_key_file is None)
    return MasterKeys(lambda: read_master_keys(settings.master_key_path))


def _objects(settings: Settings) -> Objects:
    """Where files lie. Raises `SettingsError`."""
    secret = settings.files_secret
    try:
        return open_objects(
            settings.files_url,
            settings.home / "files",
            key_id=settings.files_key_id,
            secret=None if secret is None else secret.get_secret_value(),
        )
    except BadFilesUrl as error:
        raise SettingsError(f"MILLSTREAM_FILES_URL can't be used: {error}") from None


@asynccontextmanager
async def _at_work(jobs: Mapping[str, Coroutine[object, object, None]]) -> AsyncGenerator[None]:
    """The jobs run beside the block. One that fails is a fault of ours: it is logged, and ends the process by the block's cancellation."""
    block = asyncio.current_task()
    failed: list[BaseException] = []

    def ended(task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("a part of the process failed", part=task.get_name(), exc_info=error)
        failed.append(error)
        if block is not None:
            block.cancel()

    tasks = [asyncio.create_task(job, name=name) for name, job in jobs.items()]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    except asyncio.CancelledError:
        if failed:
            raise failed[0] from None
        raise
    finally:
        for task in tasks:
            task.remove_done_callback(ended)
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
