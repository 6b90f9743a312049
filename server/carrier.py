"""The process's tie to Temporal: connect, work, and connect again, while all else goes on.

Temporal may be away when the process starts, and go away later. Until it is there, every start and every signal raises `CarrierGone`, which the
dispatcher answers by keeping runs queued.

    connect (again and again, ever slower)  →  build worker and launcher  →  work until the worker fails  →  from the start
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from temporalio.client import Client
from temporalio.worker import Worker

from engine.dispatch.executions import CarrierGone, Executions, SignalKind, Start, State, TemporalExecutions
from engine.dispatch.launch import Launcher
from engine.dispatch.survey import OpenPage, Survey, TemporalSurvey
from server.settings import SettingsError
from server.worker import Work

_FIRST, _MOST = 0.2, 5.0

log = structlog.get_logger("millstream.carrier")


@dataclass(frozen=True, slots=True)
class Tie:
    """What one connection carries."""

    client: Client
    work: Work
    launcher: Launcher
    beside: Worker
    """The copilot's."""

    async def run(self) -> None:
        """Both workers, until cancelled or one fails."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.work.run())
            group.create_task(self.beside.run())


class Carrier:
    """Implements `Executions` and `Survey` over the connection that there is at the moment."""

    def __init__(self, connect: Callable[[], Awaitable[Tie]]) -> None:
        self._connect = connect
        self._client: Client | None = None
        self._there: Executions | None = None
        self._survey: Survey | None = None
        self._first = asyncio.Event()

    @property
    def is_there(self) -> bool:
        """Whether a worker polls."""
        return self._there is not None

    @property
    def client(self) -> Client | None:
        """The connection, None while there is none."""
        return self._client

    async def reached(self) -> None:
        """Returns when Temporal was reached for the first time."""
        await self._first.wait()

    async def run(self) -> None:
        """Until cancelled. Raises `SettingsError` for settings by which nothing can ever be reached."""
        pause = _FIRST
        while True:
            try:
                tie = await self._connect()
            except SettingsError:
                raise
            except RuntimeError as error:
                log.info("Temporal can't be reached", reason=str(error), next_try_s=pause)
                await asyncio.sleep(pause)
                pause = min(_MOST, pause * 2)
                continue
            pause = _FIRST
            self._client = tie.client
            self._there = TemporalExecutions(tie.client, tie.launcher)
            self._survey = TemporalSurvey(tie.client)
            self._first.set()
            try:
                await tie.run()
            except Exception as error:
                log.warning("the worker failed and is built again", reason=str(error))
                await asyncio.sleep(_FIRST)
            finally:
                self._there = self._survey = self._client = None

    def _now(self) -> Executions:
        if self._there is None:
            raise CarrierGone("there is no connection to Temporal")
        return self._there

    async def start(self, start: Start) -> bool:
        return await self._now().start(start)

    async def wake(self, run_id: str, kind: SignalKind, detail: str) -> bool:
        return await self._now().wake(run_id, kind, detail)

    async def state(self, run_id: str) -> State:
        return await self._now().state(run_id)

    async def open_page(self, more: bytes | None) -> OpenPage:
        return await self._looking().open_page(more)

    async def attempts(self, run_id: str) -> int:
        return await self._looking().attempts(run_id)

    async def end(self, run_id: str, why: str) -> bool:
        return await self._looking().end(run_id, why)

    def _looking(self) -> Survey:
        if self._survey is None:
            raise CarrierGone("there is no connection to Temporal")
        return self._survey
