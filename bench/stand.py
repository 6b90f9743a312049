"""Where the rows are measured: a stack of its own in an empty home, and a worker for the hand-written side on the same Temporal server."""

from __future__ import annotations

import os
import platform
import tempfile
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from bench.by_hand import Activities, LocalActivities, bench_step
from bench.documents import chain, expected
from bench.measure import Work
from bench.rows import Hand
from server.embedded.control import start_in_background, stop_running
from server.settings import load_settings
from server.version import product_version

QUEUE = "bench-by-hand"


class WrongOutcome(Exception):
    """A run that was counted did not end as it should."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Both sides, ready to work."""

    http: httpx.AsyncClient
    temporal: Client

    async def ours(self, steps: int) -> Work:
        """Deploys the chain and gives the work: one run by the API, waited for, from the request to the recorded end."""
        name = f"bench-{steps}"
        (await self.http.post("/workflows", json={"document": chain(steps)})).raise_for_status()
        (await self.http.post(f"/workflows/{name}/deploy", json={"note": "bench"})).raise_for_status()

        async def work(number: int) -> None:
            answer = await self.http.post(f"/workflows/{name}/runs", json={"input": {"amount": number}, "wait": 60})
            run = answer.json()
            if answer.status_code != 200 or run["output"] != expected(steps, number):
                raise WrongOutcome(f"{name} answered {answer.status_code} for {number}: {answer.text[:300]}")

        return work

    def theirs(self, steps: int, hand: Hand) -> Work:
        flow, eager = (Activities.run, False) if hand == "activities" else (LocalActivities.run, True)

        async def work(number: int) -> None:
            handle = await self.temporal.start_workflow(
                flow, args=[number, steps], id=f"by-hand-{uuid.uuid4()}", task_queue=QUEUE, request_eager_start=eager
            )
            if await handle.result() != number + steps:
                raise WrongOutcome(f"the hand-written workflow gave a wrong result for {number}")

        return work


@asynccontextmanager
async def stand() -> AsyncGenerator[Stand]:
    """A stack in a folder that is gone afterwards, on ports of its own."""
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as folder:
        home = Path(folder) / "home"
        settings = load_settings().model_copy(
            update={"home": home, "port": 0, "database_url": None, "temporal_address": None, "public_url": None}
        )
        changes = {"MILLSTREAM_PORT": "0", "MILLSTREAM_DATABASE_URL": "", "MILLSTREAM_TEMPORAL_ADDRESS": ""}
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
                workflows=[Activities, LocalActivities],
                activities=[bench_step],
                workflow_task_poller_behavior=scaling,
                activity_task_poller_behavior=scaling,
            )
            headers = {"Authorization": f"Bearer {key}"}
            limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
            async with (
                worker,
                httpx.AsyncClient(
                    base_url=f"{state.url}/api/v1", headers=headers, timeout=90, limits=limits, trust_env=False
                ) as http,
            ):
                yield Stand(http, temporal)
        finally:
            await stop_running(home)


def machine() -> dict[str, object]:
    """Which machine the figures are of."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "millstream": product_version(),
    }
