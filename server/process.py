"""The two processes of the product: the API, and the worker. Both end on SIGTERM or SIGINT, after what is in hand."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncGenerator, Generator

import structlog
import uvicorn

from db import modules
from db.workspaces import list_all, rights
from engine.triggers.mail_room import Mailroom
from server.api.access import KeyGate, Rights
from server.api.app import build_app
from server.api.first_start import ensure_first_workspace
from server.api.services import Services
from server.compose import Engine, opened
from server.doctor.examination import refuse_unsafe
from server.embedded.ready import announce_ready
from server.embedded.stack import product_version
from server.metrics import Metrics
from server.module_rows import module_rows
from server.settings import Settings
from server.smtp.server import BadCertificate, mail_server, tls_of

GRACE_S = 5
"""For requests in flight and open streams when the API is told to stop."""

log = structlog.get_logger("millstream.process")


class CannotListen(Exception):
    """The port is taken, or the address isn't this machine's."""


async def serve(settings: Settings) -> None:
    """The API until it is told to stop. Raises what `opened` raises, `Unsafe`, and `CannotListen`."""
    await refuse_unsafe(settings)
    async with opened(settings, "millstream api") as engine:
        await ensure_first_workspace(engine.db, settings.api_key_path)
        await _tell_modules(engine)
        async with engine.db.engine() as connection:
            matrix = Rights(await rights(connection))
            workspaces = await list_all(connection)
        # The database knows its master key from the first start on, not only from the first run on.
        await engine.vault.bind(int(min(workspace.workspace_id for workspace in workspaces)))
        metrics = Metrics(engine.hub, lambda: engine.acceptor.taken, lambda: engine.stale.counts)
        app = build_app(Services(settings, engine, KeyGate(engine.db, matrix), matrix, metrics), product_version())
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            # The audit trail tells the connection's address; what a header claims stands beside it.
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=64 * 1024,
        )
        async with _mail(settings, engine.mailroom):
            await _Server(config, settings.ready_fd).serve()


@contextlib.asynccontextmanager
async def _mail(settings: Settings, mailroom: Mailroom) -> AsyncGenerator[None]:
    """Mail is received while the block runs. Where nobody chose the port, and another program has it, it isn't."""
    where = f"{settings.mail_host}:{settings.smtp_port}"
    async with contextlib.AsyncExitStack() as stack:
        try:
            tls = tls_of(settings.smtp_cert, settings.smtp_key) if settings.smtp_cert and settings.smtp_key else None
            given = mail_server(mailroom, settings.mail_host, settings.smtp_port, tls=tls)
            port = await stack.enter_async_context(given)
        except BadCertificate as error:
            raise CannotListen(f"MILLSTREAM_SMTP_CERT and MILLSTREAM_SMTP_KEY can't be used: {error}") from None
        except OSError:
            if "smtp_port" in settings.model_fields_set:
                raise CannotListen(
                    f"mail can't be received on {where}: is the port taken? Set MILLSTREAM_SMTP_PORT"
                ) from None
            log.warning("mail isn't received: the port is taken. Set MILLSTREAM_SMTP_PORT", where=where)
        else:
            log.info("mail is received", host=settings.mail_host, port=port, domain=settings.email_domain)
        yield


async def work(settings: Settings) -> None:
    """A worker until it is told to stop. Raises what `opened` raises, and `Unsafe`."""
    await refuse_unsafe(settings)
    async with opened(settings, "millstream worker") as engine, _stop_asked() as stop:
        await _tell_modules(engine)
        reached = asyncio.create_task(engine.carrier.reached())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((reached, stopped), return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        if not stop.is_set():
            announce_ready(settings.ready_fd)
            log.info("the worker is ready")
        await stopped


class _Server(uvicorn.Server):
    """Tells the supervisor when it listens."""

    def __init__(self, config: uvicorn.Config, ready: int | None) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """uvicorn would raise the signal again when it is done, which ends the process before its runs have been handed over in order."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:
            where = f"{self.config.host}:{self.config.port}"
            raise CannotListen(f"the API can't listen on {where}: is the port taken? Set MILLSTREAM_PORT") from None
        if self.started:
            announce_ready(self._ready)
            log.info("the API listens", host=self.config.host, port=self.config.port)


async def _tell_modules(engine: Engine) -> None:
    async with engine.db.engine() as connection:
        await modules.sync(connection, module_rows(engine.registry.all()))


@contextlib.asynccontextmanager
async def _stop_asked() -> AsyncGenerator[asyncio.Event]:
    """Set by SIGTERM and SIGINT while the block runs."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
