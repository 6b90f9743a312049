"""The ledger: its process, and its client."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx

LIMIT_S = 150.0
"""For whatever is waited for: generous, as it only bounds failures."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. `key`: its Idempotency-Key."""

    method: str
    path: str
    key: str | None


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

    async def all(self, under: str = "/") -> list[Request]:
        """In the order in which they came."""
        found = cast("list[dict[str, str | None]]", (await self._http.get(f"{self.url}/-/requests")).json())
        requests = [Request(str(one["method"]), str(one["path"]), one["key"]) for one in found]
        return [request for request in requests if request.path.startswith(under)]

    async def counts(self, under: str) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(request.path for request in await self.all(under))

    async def _tell(self, verb: str, **told: object) -> None:
        (await self._http.post(f"{self.url}/-/{verb}", json=told)).raise_for_status()


@asynccontextmanager
async def open_ledger() -> AsyncGenerator[Ledger]:
    """A ledger that runs while the block does, in a process that no fault reaches."""
    program = Path(__file__).with_name("ledger_process.py")
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = await asyncio.to_thread(process.stdout.readline)
            async with httpx.AsyncClient(trust_env=False, timeout=120) as http:
                yield Ledger(url.strip(), http)
        finally:
            process.terminate()
