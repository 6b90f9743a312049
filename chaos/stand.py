"""A whole stack of real processes in a home of its own, and the ways to hurt it.

`kill`, `without` and `frozen` need a living supervisor, which starts again what dies. It gives up a part that dies nine times in a
row, as it should; `heal` then starts the stack anew, as an operator or systemd would.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx

from chaos.ledger import LIMIT_S, Ledger, open_ledger
from chaos.processes import family, gone, pid_of, processes_of
from server.embedded.control import find_running, start_in_background, stop_running
from server.embedded.errors import StackError
from server.embedded.state import StackState, read_state
from server.settings import load_settings
from server.version import product_version

CHANGES = {
    "MILLSTREAM_PORT": "0",
    "MILLSTREAM_SMTP_PORT": "0",
    "MILLSTREAM_EGRESS_ALLOW": "127.0.0.1",
    **{
        f"MILLSTREAM_{name}": ""
        for name in ("DATABASE_URL", "TEMPORAL_ADDRESS", "PUBLIC_URL", "MASTER_KEY", "INLINE", "ENV", "FAILPOINT")
    },
}
"""What our own environment says of a stack doesn't reach this one."""


class Stand:
    """One stack, and the doors to it."""

    def __init__(
        self, home: Path, state: StackState, ledger: Ledger, http: httpx.AsyncClient, *, failpoint: str = "file"
    ) -> None:
        """`failpoint`: how its processes read the file of failpoints, `file` (the first takes it) or `shared`."""
        assert state.url is not None
        self._failpoint = failpoint
        self.home = home
        self.url = state.url
        self.ledger = ledger
        self.http = http
        self.away: str | None = None
        """The part that is kept away just now."""

    @property
    def state(self) -> StackState:
        return read_state(self.home, product_version())

    @property
    def failpoint_file(self) -> Path:
        return self.home / "run" / "failpoint"

    def strike(self, *parts: str, by: signal.Signals = signal.SIGKILL) -> list[str]:
        """Send these parts a signal at the same moment; gives those that ran."""
        state = self.state
        struck: list[str] = []
        for part in parts:
            pid = (state.pids.supervisor or 0) if part == "supervisor" else pid_of(state, part)
            if not pid:
                continue
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, by)
                struck.append(part)
        return struck

    def hurry(self) -> None:
        """What died is started again at once, however often it died before."""
        supervisor = self.state.pids.supervisor
        if supervisor:
            with contextlib.suppress(ProcessLookupError):
                os.kill(supervisor, signal.SIGUSR1)

    async def kill(self, *parts: str, by: signal.Signals = signal.SIGKILL) -> None:
        """End these parts at the same moment; returns when others stand in their place."""
        before = self.state
        for part in parts:
            os.kill(pid_of(before, part), by)
        await self.back(before, *parts)

    @asynccontextmanager
    async def without(self, part: str, *, wait: bool = True) -> AsyncGenerator[None]:
        """That part is killed, and nobody starts it again while the block runs: the supervisor is held still. `wait`: until it is back."""
        before = self.state
        assert before.pids.supervisor is not None
        os.kill(before.pids.supervisor, signal.SIGSTOP)
        try:
            os.kill(pid_of(before, part), signal.SIGKILL)
            self.away = part
            yield
        finally:
            self.away = None
            os.kill(before.pids.supervisor, signal.SIGCONT)
        if wait:
            await self.back(before, part)

    @contextmanager
    def frozen(self, *parts: str) -> Generator[None]:
        """All processes of these parts stand still while the block runs: they neither answer nor refuse."""
        state = self.state
        pids = [pid for part in parts for pid in family(pid_of(state, part))]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    async def back(self, before: StackState, *parts: str) -> StackState:
        """Returns when all runs and the parts are others than before."""
        return await self.until(
            lambda state: (
                state.state == "running" and all(pid_of(state, part) not in {0, pid_of(before, part)} for part in parts)
            )
        )

    async def until(self, holds: Callable[[StackState], bool]) -> StackState:
        async with asyncio.timeout(LIMIT_S):
            while not holds(state := self.state):
                await asyncio.sleep(0.02)
            return state

    async def heal(self) -> bool:
        """Returns when the whole stack runs; True when it had to be started anew."""
        running = None
        # A supervisor that gives up is found only when it is gone.
        with contextlib.suppress(StackError):
            running = await find_running(self.home, product_version())
        if running is not None:
            return False
        await up(self.home, FAILPOINT=f"{self._failpoint}:{self.failpoint_file}")
        return True

    async def restart(self, between: Callable[[], None] = lambda: None, **changes: str) -> None:
        """Down and up again."""
        await stop_running(self.home)
        between()
        await up(self.home, **changes)


async def up(home: Path, **changes: str) -> StackState:
    """A stack in the background."""
    settings = load_settings({"MILLSTREAM_HOME": str(home)})
    given = CHANGES | {f"MILLSTREAM_{name}": value for name, value in changes.items()}
    return await start_in_background(settings, product_version(), report=lambda _: None, changes=given)


@asynccontextmanager
async def doors(home: Path, state: StackState) -> AsyncGenerator[httpx.AsyncClient]:
    """A client with the first key of the stack."""
    key = (home / "api-key").read_text(encoding="ascii").strip()
    headers = {"Authorization": f"Bearer {key}"}
    limits = httpx.Limits(max_connections=160, max_keepalive_connections=64)
    async with httpx.AsyncClient(
        base_url=f"{state.url}/api/v1", headers=headers, timeout=60, limits=limits, trust_env=False
    ) as http:
        yield http


@asynccontextmanager
async def open_stand(home: Path, **changes: str) -> AsyncGenerator[Stand]:
    """A stack in that home and a ledger; when the block ends both are gone, and so is the home."""
    seen = []
    async with open_ledger() as ledger:
        try:
            state = await up(home, **changes)
            async with doors(home, state) as http:
                yield Stand(home, state, ledger, http)
                with contextlib.suppress(StackError):
                    running = await find_running(home, product_version())
                    seen = processes_of(running) if running is not None else []
        finally:
            await stop_running(home)
            await gone(seen)
            shutil.rmtree(home, ignore_errors=True)
