"""A whole stack made from the settings: which servers are embedded, what our processes are told, what ``state.json`` says.

    PostgreSQL, Temporal (each only where no other is set)  →  migrate  →  API, worker

The API's and the worker's readiness are theirs to tell; the API must also answer ``/readyz``.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

from server.embedded.errors import HomeTaken, StackError
from server.embedded.home import HomeLock, open_home
from server.embedded.ports import is_free, remembered_port
from server.embedded.postgres import SERVICE, EmbeddedPostgres, PostgresPlace
from server.embedded.program import Program, ProgramSpec, run_once
from server.embedded.service import Service
from server.embedded.state import Phase, Pids, StackState, note_supervisor, write_state
from server.embedded.supervisor import Report, Stage, Supervisor
from server.embedded.temporal import EmbeddedTemporal, TemporalPlace
from server.settings import Settings, child_environment
from server.version import product_version

Command = Callable[[str], tuple[str, ...]]
"""The argument list of one of our processes: ``migrate``, ``serve`` or ``worker``."""


def own_command(noun: str) -> tuple[str, ...]:
    """``millstream NOUN``, run by the Python that runs this."""
    return (sys.executable, "-m", "server.cli.main", noun)


class Stack:
    """One stack in one home. ``run`` is its whole life; it can be called once."""

    def __init__(self, settings: Settings, *, report: Report, command: Command = own_command) -> None:
        self._home = settings.home
        self._report = report
        self._command = command
        self._phase: Phase = "starting"
        self._settings = settings
        self._postgres = None if settings.database_url else EmbeddedPostgres(PostgresPlace.under(settings.home))
        self._temporal = (
            None
            if settings.temporal_address
            else EmbeddedTemporal(TemporalPlace.under(settings.home), settings.temporal_namespace)
        )
        self._supervisor: Supervisor | None = None

    async def run(self, stop: asyncio.Event, *, ready: Callable[[StackState], None]) -> None:
        """Start all, call ``ready`` once, keep all alive until ``stop`` is set, stop all.

        Raises StackError, with everything stopped: another stack runs in this home (HomeTaken), its port is taken, or a
        part of it can't be started or kept alive.
        """
        open_home(self._home)
        lock = HomeLock(self._home)
        if not lock.take():
            raise HomeTaken(f"another stack runs in the home {str(self._home)!r}: see `millstream status`")
        try:
            self._settings = _with_mail_port(_with_port(self._settings), self._report)
            note_supervisor(self._home)
            await self._live(stop, ready)
        finally:
            (self._home / "run" / "supervisor.json").unlink(missing_ok=True)
            lock.release()

    def hurry(self) -> None:
        """Start at once what died and waits to be started again."""
        if self._supervisor is not None:
            self._supervisor.hurry()

    async def _live(self, stop: asyncio.Event, ready: Callable[[StackState], None]) -> None:
        supervisor = Supervisor(self._home / "run", self._stages(), report=self._report, changed=self._changed)
        self._supervisor = supervisor
        self._changed()
        try:
            if await _unless(stop, supervisor.start()):
                self._phase = "running"
                self._changed()
                ready(self._state())
                await supervisor.keep(stop)
        finally:
            self._phase = "stopping"
            self._changed()
            await supervisor.stop()
            self._phase = "stopped"
            self._changed()

    def _stages(self) -> list[Stage]:
        servers: list[Service] = [service for service in (self._postgres, self._temporal) if service is not None]
        api = Program(self._spec("api", "serve", probe=f"{self._settings.local_url}/readyz"))
        worker = Program(self._spec("worker", "worker"))
        return [Stage(tuple(servers), then=self._migrate), Stage((api, worker))]

    async def _migrate(self) -> None:
        own = self._postgres is not None
        command = (*self._command("migrate"), *(("--for", SERVICE) if own else ()))
        log = self._home / "logs" / "migrate.log"
        await run_once(ProgramSpec("migrate", command, log, lambda: self._environment(self._database_url), None))

    def _spec(self, name: str, noun: str, *, probe: str | None = None) -> ProgramSpec:
        log = self._home / "logs" / f"{name}.log"
        return ProgramSpec(name, self._command(noun), log, lambda: self._environment(self._service_url), probe)

    def _environment(self, database_url: str | None) -> Mapping[str, str]:
        settings = self._settings
        return child_environment(
            {
                "MILLSTREAM_HOME": str(settings.home),
                "MILLSTREAM_HOST": settings.host,
                "MILLSTREAM_PORT": str(settings.port),
                # The usual port that nobody chose isn't insisted on: another stack may take it at the same moment.
                **(
                    {"MILLSTREAM_SMTP_PORT": str(settings.smtp_port)}
                    if "smtp_port" in settings.model_fields_set
                    else {}
                ),
                "MILLSTREAM_DATABASE_URL": database_url or "",
                "MILLSTREAM_TEMPORAL_ADDRESS": self._temporal_address or "",
                "PYTHONUNBUFFERED": "1",
            }
        )

    @property
    def _database_url(self) -> str | None:
        return self._postgres.url if self._postgres is not None else self._settings.database_url

    @property
    def _service_url(self) -> str | None:
        """As the API and the worker reach it: with no more rights than they need."""
        return self._postgres.service_url if self._postgres is not None else self._settings.database_url

    @property
    def _temporal_address(self) -> str | None:
        return self._temporal.address if self._temporal is not None else self._settings.temporal_address

    def _changed(self) -> None:
        write_state(self._home, self._state())

    def _state(self) -> StackState:
        supervisor, settings = self._supervisor, self._settings
        pids = supervisor.pids() if supervisor is not None else {}
        whole = supervisor is not None and supervisor.healthy
        own = os.getpid() if self._phase != "stopped" else None
        return StackState(
            state="degraded" if self._phase == "running" and not whole else self._phase,
            version=product_version(),
            url=settings.url,
            smtp_port=settings.smtp_port,
            database_url=self._database_url if self._postgres is None or "postgres" in pids else None,
            temporal_address=self._temporal_address if self._temporal is None or "temporal" in pids else None,
            api_key_file=str(settings.api_key_path),
            home=str(self._home),
            pids=Pids(
                supervisor=own,
                api=[pids["api"]] if "api" in pids else [],
                worker=[pids["worker"]] if "worker" in pids else [],
                postgres=pids.get("postgres"),
                temporal=pids.get("temporal"),
            ),
        )


async def _unless(stop: asyncio.Event, work: Coroutine[object, object, None]) -> bool:
    """Do ``work``; give it up when ``stop`` is set. Whether it was done."""
    task, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        task.cancel()
        stopped.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)


def _with_port(settings: Settings) -> Settings:
    """With a port that is free now: the one that was set, or where 0 was set, one that stays the same for this home."""
    note: Path = settings.home / "run" / "api.port"
    if settings.port == 0:
        return settings.model_copy(update={"port": remembered_port(note, settings.host)})
    if not is_free(settings.host, settings.port):
        raise StackError(
            f"port {settings.port} on {settings.host} is taken: end the program that has it, "
            "or set MILLSTREAM_PORT to another (0 chooses a free one)"
        )
    return settings


def _with_mail_port(settings: Settings, report: Report) -> Settings:
    """With a port for mail that is free now. Where none was set, another may have the usual one: a second stack of the machine, mostly."""
    note: Path = settings.home / "run" / "smtp.port"
    host, port = settings.mail_host, settings.smtp_port
    if port != 0 and is_free(host, port):
        return settings
    if port != 0 and "smtp_port" in settings.model_fields_set:
        raise StackError(
            f"port {port} on {host} is taken: end the program that has it, "
            "or set MILLSTREAM_SMTP_PORT to another (0 chooses a free one)"
        )
    chosen = remembered_port(note, host)
    if port != 0:
        report(f"port {port} for mail is taken; mail is received on {chosen}")
    return settings.model_copy(update={"smtp_port": chosen})
