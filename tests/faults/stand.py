"""Where faults are made: a whole stack of real processes in a home of its own, and the ledger beside it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from server.embedded.control import find_running, start_in_background, stop_running
from server.embedded.state import StackState, read_state
from server.settings import load_settings
from server.version import product_version
from tests.faults.processes import family, gone, pid_of, processes_of

LIMIT_S = 150.0
"""For whatever is waited for: generous, as it only bounds failures."""
CHANGES = {
    "MILLSTREAM_PORT": "0",
    "MILLSTREAM_EGRESS_ALLOW": "127.0.0.1",
    **{f"MILLSTREAM_{name}": "" for name in ("DATABASE_URL", "TEMPORAL_ADDRESS", "PUBLIC_URL", "MASTER_KEY", "INLINE")},
}

Document = dict[str, Any]


class Ledger:
    """The client of `ledger_process.py`."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url = url
        self._http = http

    async def hold(self, *paths: str) -> None:
        for path in paths:
            await self._tell("hold", path=path)

    async def release(self, *paths: str) -> None:
        for path in paths:
            await self._tell("release", path=path)

    async def statuses(self, path: str, *statuses: int) -> None:
        await self._tell("statuses", path=path, statuses=list(statuses))

    async def arrived(self, path: str, count: int = 1) -> None:
        """Returns when that many requests to the path have come."""
        query = {"path": path, "count": str(count)}
        (await self._http.get(f"{self.url}/-/arrived", params=query, timeout=LIMIT_S)).raise_for_status()

    async def requests(self, under: str = "/") -> list[dict[str, str | None]]:
        found = (await self._http.get(f"{self.url}/-/requests")).json()
        return [request for request in found if request["path"].startswith(under)]

    async def counts(self, under: str) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(str(request["path"]) for request in await self.requests(under))

    async def _tell(self, verb: str, **told: object) -> None:
        (await self._http.post(f"{self.url}/-/{verb}", json=told)).raise_for_status()


class Stand:
    """One stack, and the doors to it."""

    def __init__(self, home: Path, state: StackState, ledger: Ledger, http: httpx.AsyncClient) -> None:
        assert state.url is not None
        self.home = home
        self.url = state.url
        self.ledger = ledger
        self.http = http

    @property
    def state(self) -> StackState:
        return read_state(self.home, product_version())

    # -- faults

    async def kill(self, *parts: str, by: signal.Signals = signal.SIGKILL) -> None:
        """End these parts at the same moment; returns when others stand in their place."""
        before = self.state
        for part in parts:
            os.kill(pid_of(before, part), by)
        await self.back(before, *parts)

    @asynccontextmanager
    async def without(self, part: str) -> AsyncIterator[None]:
        """That part is killed, and nobody starts it again while the block runs: the supervisor is held still."""
        before = self.state
        assert before.pids.supervisor is not None
        os.kill(before.pids.supervisor, signal.SIGSTOP)
        try:
            os.kill(pid_of(before, part), signal.SIGKILL)
            yield
        finally:
            os.kill(before.pids.supervisor, signal.SIGCONT)
        await self.back(before, part)

    @contextmanager
    def frozen(self, part: str) -> Iterator[None]:
        """All processes of that part stand still while the block runs: it neither answers nor refuses."""
        pids = family(pid_of(self.state, part))
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(pids):
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

    async def restart(self, between: Callable[[], None] = lambda: None, **changes: str) -> None:
        """Down and up again."""
        await stop_running(self.home)
        between()
        await up(self.home, **changes)

    # -- the product

    async def deploy(self, document: Document) -> str:
        """Its name."""
        name = str(document["name"])
        made = await self.http.post("/workflows", json={"document": document})
        assert made.status_code == 201, made.text
        deployed = await self.http.post(f"/workflows/{name}/deploy", json={"note": "for a fault"})
        assert deployed.status_code == 201, deployed.text
        return name

    async def start(self, name: str, given: object = None) -> str:
        answer = await self.http.post(f"/workflows/{name}/runs", json={"input": given})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])

    async def run(self, run_id: str) -> Document:
        return dict((await self.http.get(f"/runs/{run_id}")).raise_for_status().json())

    async def steps(self, run_id: str) -> list[Document]:
        """The whole log."""
        found: list[Document] = []
        cursor: str | None = None
        while True:
            query = {"limit": "500", **({"cursor": cursor} if cursor else {})}
            page = (await self.http.get(f"/runs/{run_id}/steps", params=query)).raise_for_status().json()
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    async def attempts(self, run_id: str) -> list[tuple[str, int, str]]:
        """Path, number and status of every row of the log."""
        return [(row["path"], row["attempt"], row["status"]) for row in await self.steps(run_id)]

    async def ended(self, run_id: str) -> Document:
        """The run as soon as it has ended; the API may be away meanwhile."""
        return await self.when(run_id, lambda run: run["finished_at"] is not None)

    async def when(self, run_id: str, holds: Callable[[Document], bool]) -> Document:
        async with asyncio.timeout(LIMIT_S):
            while True:
                try:
                    answer = await self.http.get(f"/runs/{run_id}")
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code == 200 and holds(run := answer.json()):
                    return dict(run)
                await asyncio.sleep(0.05)

    async def logged(self, run_id: str, path: str, status: str) -> None:
        """Returns when the log has a row of that step with that status."""
        async with asyncio.timeout(LIMIT_S):
            while (path, status) not in [(row[0], row[2]) for row in await self.attempts(run_id)]:
                await asyncio.sleep(0.05)


async def up(home: Path, **changes: str) -> StackState:
    """A stack in the background; what MILLSTREAM_* variables of the test's own environment say doesn't reach it."""
    settings = load_settings({"MILLSTREAM_HOME": str(home)})
    given = CHANGES | {f"MILLSTREAM_{name}": value for name, value in changes.items()}
    return await start_in_background(settings, product_version(), report=lambda _: None, changes=given)


@asynccontextmanager
async def open_stand(home: Path) -> AsyncIterator[Stand]:
    program = Path(__file__).with_name("ledger_process.py")
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = []
        try:
            state = await up(home)
            key = (home / "api-key").read_text(encoding="ascii").strip()
            async with (
                httpx.AsyncClient(
                    base_url=f"{state.url}/api/v1",
                    headers={"Authorization": f"Bearer {key}"},
                    timeout=60,
                    trust_env=False,
                ) as http,
                httpx.AsyncClient(trust_env=False, timeout=60) as plain,
            ):
                yield Stand(home, state, Ledger(process.stdout.readline().strip(), plain), http)
                running = await find_running(home, product_version())
                assert running is not None
                seen = processes_of(running)
        finally:
            await stop_running(home)
            await gone(seen)
            process.terminate()
            shutil.rmtree(home, ignore_errors=True)


def repeated(rows: Iterable[tuple[str, int, str]]) -> list[tuple[str, int]]:
    """Attempts that stand more than once in a log."""
    counted = Counter((path, attempt) for path, attempt, _ in rows)
    return [which for which, count in counted.items() if count > 1]
