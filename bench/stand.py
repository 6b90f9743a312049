"""Where the rows are measured: a stack of its own in an empty home, and a worker for the hand-written side on the same Temporal server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import sys
import tempfile
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from bench.by_hand import Activities, Answering, LocalActivities, bench_step
from bench.documents import chain, expected
from bench.measure import Work
from bench.rows import Comparison, Door, Hand
from server.embedded.control import start_in_background, stop_running
from server.settings import load_settings
from server.version import product_version

QUEUE = "bench-by-hand"


class WrongOutcome(Exception):
    """A run that was counted did not end as it should."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Both sides, ready to work. `route`: where the hand-written route answers."""

    http: httpx.AsyncClient
    temporal: Client
    route: str

    async def sides(self, of: Comparison) -> tuple[Work, Work]:
        """Ours and theirs; ours is deployed by this."""
        return await self._ours(of.steps, of.door), self._theirs(of.steps, of.hand)

    async def _ours(self, steps: int, door: Door) -> Work:
        document = chain(steps, hook=door == "hook")
        name = str(document["name"])
        if (await self.http.get(f"/workflows/{name}")).status_code == 404:
            (await self.http.post("/workflows", json={"document": document})).raise_for_status()
        (await self.http.post(f"/workflows/{name}/deploy", json={"note": "bench"})).raise_for_status()
        hook = str(self.http.base_url.join(f"/hooks/main/{name}/hook"))

        async def work(number: int) -> None:
            if door == "hook":
                answer = await self.http.post(hook, json={"amount": number})
                output = answer.json()
            else:
                answer = await self.http.post(f"/workflows/{name}/runs", json={"input": {"amount": number}, "wait": 60})
                output = answer.json()["output"]
            if answer.status_code != 200 or output != expected(steps, number):
                raise WrongOutcome(f"{name} answered {answer.status_code} for {number}: {answer.text[:300]}")

        return work

    def _theirs(self, steps: int, hand: Hand) -> Work:
        async def by_route(number: int) -> None:
            answer = await self.http.post(self.route, json={"amount": number, "steps": steps})
            if answer.status_code != 200 or answer.json() != number + steps:
                raise WrongOutcome(f"the hand-written route answered {answer.status_code}: {answer.text[:300]}")

        flow, eager = (Activities.run, False) if hand == "activities" else (LocalActivities.run, True)

        async def by_start(number: int) -> None:
            handle = await self.temporal.start_workflow(
                flow, args=[number, steps], id=f"by-hand-{uuid.uuid4()}", task_queue=QUEUE, request_eager_start=eager
            )
            if await handle.result() != number + steps:
                raise WrongOutcome(f"the hand-written workflow gave a wrong result for {number}")

        return by_route if hand == "route" else by_start


@asynccontextmanager
async def stand() -> AsyncGenerator[Stand]:
    """A stack in a folder that is gone afterwards, on ports of its own."""
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as folder:
        home = Path(folder) / "home"
        settings = load_settings().model_copy(
            update={"home": home, "port": 0, "database_url": None, "temporal_address": None, "public_url": None}
        )
        changes = {
            "MILLSTREAM_PORT": "0",
            "MILLSTREAM_SMTP_PORT": "0",
            "MILLSTREAM_DATABASE_URL": "",
            "MILLSTREAM_TEMPORAL_ADDRESS": "",
        }
        state = await start_in_background(
            settings, product_version(), report=lambda _: None, changes={**changes, "MILLSTREAM_PUBLIC_URL": ""}
        )
        try:
            assert state.url is not None
            assert state.temporal_address is not None
            key = (home / "api-key").read_text(encoding="ascii").strip()
            temporal = await Client.connect(state.temporal_address)
            scaling = PollerBehaviorAutoscaling()
            worker = Worker(
                temporal,
                task_queue=QUEUE,
                workflows=[Activities, LocalActivities, Answering],
                activities=[bench_step],
                workflow_task_poller_behavior=scaling,
                activity_task_poller_behavior=scaling,
            )
            headers = {"Authorization": f"Bearer {key}"}
            limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
            async with (
                worker,
                _route(state.temporal_address) as route,
                httpx.AsyncClient(
                    base_url=f"{state.url}/api/v1", headers=headers, timeout=90, limits=limits, trust_env=False
                ) as http,
            ):
                yield Stand(http, temporal, route)
        finally:
            await stop_running(home)


@asynccontextmanager
async def _route(temporal: str) -> AsyncGenerator[str]:
    """The hand-written route in a process of its own, as ours is."""
    command = (sys.executable, "-m", "bench.hook_by_hand", temporal, QUEUE)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        port = (await process.stdout.readline()).decode().strip()
        if not port:
            raise WrongOutcome("the hand-written route did not come up; what it said is above")
        yield f"http://127.0.0.1:{port}/hook"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def machine() -> dict[str, object]:
    """Which machine the figures are of."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "millstream": product_version(),
    }
