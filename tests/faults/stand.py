"""Where faults are made: a whole stack of real processes in a home of its own, and the ledger beside it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

import chaos.stand
from chaos.ledger import LIMIT_S

Document = dict[str, Any]


class Stand(chaos.stand.Stand):
    """One stack, and what tests do with it."""

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


@asynccontextmanager
async def open_stand(home: Path) -> AsyncIterator[Stand]:
    async with chaos.stand.open_stand(home) as opened:
        yield Stand(opened.home, opened.state, opened.ledger, opened.http)


def repeated(rows: Iterable[tuple[str, int, str]]) -> list[tuple[str, int]]:
    """Attempts that stand more than once in a log."""
    counted = Counter((path, attempt) for path, attempt, _ in rows)
    return [which for which, count in counted.items() if count > 1]
