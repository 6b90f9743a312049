"""How long a single run waits beside another's backlog, through a whole stack: from the request to its first call outside."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

import httpx

from chaos.checker import Line
from chaos.play import Report, Say, Table
from chaos.scale.backlog import queue_up
from chaos.scale.figures import p50, p95
from chaos.scene import call, flow, step
from chaos.stand import Stand, open_stand
from db import api_keys, workspaces
from db.ids import WorkflowId, WorkspaceId
from db.pool import Database

_SINGLES = 30
_BAR = 3.0


async def fairness(seed: int, scale: float, say: Say, keep: Path | None) -> Report:
    """One tenant has many runs queued; another tenant, and another workflow of the same one, ask for a run now and then."""
    del keep
    queued = max(1_000, round(100_000 * scale))
    about = f"a single run beside {queued:,} queued ones of another tenant, and of another workflow"
    say(f"fairness: {about}")
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="millstream-fairness-"))
        stand = await stack.enter_async_context(open_stand(Path(folder) / "home"))
        workspace, busy = await _other_tenant(stand, stack)
        await _deploy(
            stand.http, flow("single", None, call_out=call(f"{stand.ledger.url}/main", "{{ input.n }}", "PUT"))
        )
        await _deploy(busy, flow("single", None, call_out=call(f"{stand.ledger.url}/busy", "{{ input.n }}", "PUT")))
        flood = await _deploy(busy, flow("flood", None, nothing=step("core.set", values={"n": 1})))
        await _singles(stand, stand.http, "main", 0, 5)
        alone = {
            "another tenant": await _singles(stand, stand.http, "main", 100),
            "another workflow": await _singles(stand, busy, "busy", 100),
        }
        assert stand.state.database_url is not None
        await queue_up(stand.state.database_url, workspace, flood, queued)
        say(f"{queued:,} runs are queued")
        await _singles(stand, stand.http, "main", 200, 5)
        beside = {
            "another tenant": await _singles(stand, stand.http, "main", 300),
            "another workflow": await _singles(stand, busy, "busy", 300),
        }
    rows = [(who, alone[who], beside[who]) for who in alone]
    return Report(
        section="fairness",
        about=about,
        seed=seed,
        seconds=round(time.monotonic() - began, 1),
        lines=[
            Line(
                f"{who}: delayed above {_BAR:g} times (median)",
                int(p50(full) > _BAR * p50(empty)),
                0,
                (f"{p50(full) / p50(empty):.2f} times",),
            )
            for who, empty, full in rows
        ],
        tables=[
            Table(
                "fairness: milliseconds from the request to the first call",
                ("single run of", "alone p50", "alone p95", "beside p50", "beside p95", "p50 ratio", "p95 ratio"),
                [_row(*row) for row in rows],
            )
        ],
    )


def _row(who: str, empty: Sequence[float], full: Sequence[float]) -> list[object]:
    times = [p50(empty), p95(empty), p50(full), p95(full)]
    return [who, *(round(one * 1e3, 1) for one in times), round(times[2] / times[0], 2), round(times[3] / times[1], 2)]


async def _other_tenant(stand: Stand, stack: AsyncExitStack) -> tuple[WorkspaceId, httpx.AsyncClient]:
    """A second workspace, and a client with a key of its own."""
    state = stand.state
    assert state.database_url is not None
    db = await Database.open(state.database_url, max_size=1, application="chaos")
    try:
        async with db.engine() as connection:
            made = await workspaces.create(connection, "busy", "Busy")
        assert made is not None
        async with db.tenant(made.workspace_id) as connection:
            _, key = await api_keys.create(connection, made.workspace_id, name="chaos", role="owner")
    finally:
        await db.close()
    client = httpx.AsyncClient(
        base_url=f"{state.url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False
    )
    return made.workspace_id, await stack.enter_async_context(client)


async def _deploy(http: httpx.AsyncClient, document: object) -> WorkflowId:
    made = (await http.post("/workflows", json={"document": document})).raise_for_status()
    name = cast("dict[str, str]", document)["name"]
    (await http.post(f"/workflows/{name}/deploy", json={})).raise_for_status()
    return cast("WorkflowId", made.json()["workflow_id"])


async def _singles(stand: Stand, http: httpx.AsyncClient, who: str, first: int, count: int = _SINGLES) -> list[float]:
    """Seconds, sorted; one after the other, with a pause."""
    took: list[float] = []
    for number in range(first, first + count):
        await asyncio.sleep(0.2)
        start = time.perf_counter()
        (await http.post("/workflows/single/runs", json={"input": {"n": number}})).raise_for_status()
        await stand.ledger.arrived(f"/{who}/{number}")
        took.append(time.perf_counter() - start)
    return sorted(took)
