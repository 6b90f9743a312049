"""A process killed at any border of a turn: what was said is answered, no stored answer is asked for again, each call has its row."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from server.embedded.child import Child
from server.embedded.ports import free_port
from server.embedded.program import Program
from tests.fixtures.api import program_spec, register_namespace
from tests.fixtures.database import fresh_database
from tests.fixtures.model_server import Asked, ModelServer, calls, model_server_running, says

ANSWER = "It is http.request."
PLACES = ["mid:copilot.put_step", "after:copilot.put_tool_call", "before:activity.copilot_finish"]


class Mortal:
    """One API, started again as often as it dies."""

    def __init__(self, home: Path, database: str, temporal: str, namespace: str, models: ModelServer) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.models = models
        self._failpoint = home / "failpoint"
        told = {**models.environment, "MILLSTREAM_FAILPOINT": f"file:{self._failpoint}"}
        self._home = home
        self._program = Program(program_spec(home, database, temporal, namespace, self.url, free_port(), told))
        self._child: Child | None = None

    async def start(self, failpoint: str = "") -> None:
        self._failpoint.write_text(failpoint)
        self._child = await self._program.start()

    async def died(self) -> None:
        assert self._child is not None
        async with asyncio.timeout(60):
            await self._child.wait()

    @property
    def client(self) -> httpx.AsyncClient:
        key = (self._home / "api-key").read_text().strip()
        return httpx.AsyncClient(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False
        )

    async def stop(self) -> None:
        if self._child is not None:
            await self._program.stop(self._child)


@pytest.fixture(scope="module")
async def mortal(
    postgres_url: str, template_database: str, temporal_address: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mortal]:
    namespace = f"crash-{uuid4().hex[:12]}"
    await register_namespace(temporal_address, namespace)
    async for url in fresh_database(postgres_url, template_database):
        home = tmp_path_factory.mktemp("mortal")
        async with model_server_running(home / "models.jsonl") as models:
            one = Mortal(home, url, temporal_address, namespace, models)
            await one.start()
            await models.script(
                calls(
                    ("modules", {"action": "search", "query": "http"}),
                    text="I look.",
                    when={"user": "which", "results": 0},
                    times=0,
                ),
                says(ANSWER, when={"user": "which", "results": 1}, times=0),
            )
            try:
                yield one
            finally:
                await one.stop()


async def killed_at(mortal: Mortal, place: str) -> None:
    await mortal.stop()
    before = len(await asked(mortal))
    await mortal.start(f"{place}:kill")
    async with mortal.client as client:
        made = await client.post("/copilot/conversations", json={})
        talk = made.json()["conversation_id"]
        key = {"Idempotency-Key": uuid4().hex}
        path = f"/copilot/conversations/{talk}/messages"
        with contextlib.suppress(httpx.HTTPError):
            await client.post(path, json={"content": "which module?"}, headers=key)
        await mortal.died()
        await mortal.start()
        # Whoever heard nothing asks again, as programs do; whoever heard 202 need not.
        said = await client.post(path, json={"content": "which module?"}, headers=key)
        assert said.status_code in (202, 409), said.text
        answer = await answered(client, talk)
        assert (answer["status"], answer["content"]) == ("completed", f"I look.\n\n{ANSWER}")
        told = await facts(client, talk)
        assert Counter(told)["RUN_STARTED"] == 1
        assert (told[0], told[-1]) == ("RUN_STARTED", "RUN_FINISHED")
        assert Counter(told)["TOOL_CALL_RESULT"] == 1
        rows = await settled_calls(client, answer["turn_id"])
    made_of = Counter((row["step"], row["status"]) for row in rows)
    assert made_of[1, "ok"] == made_of[2, "ok"] == 1, rows
    assert sum(made_of.values()) <= 3, rows
    assert {status for _, status in made_of} <= {"ok", "interrupted"}, rows
    assert len(await asked(mortal)) - before <= len(rows)


async def asked(mortal: Mortal) -> list[Asked]:
    return [one for one in await mortal.models.journal() if not one.probe]


async def answered(client: httpx.AsyncClient, talk: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            found = (await client.get(f"/copilot/conversations/{talk}/messages")).json()["items"]
            if found and found[-1]["role"] == "assistant" and found[-1]["status"] != "in_progress":
                assert [one["role"] for one in found] == ["user", "assistant"]
                return dict(found[-1])
            await asyncio.sleep(0.05)


async def facts(client: httpx.AsyncClient, talk: str) -> list[str]:
    kinds: list[str] = []
    async with client.stream("GET", f"/copilot/conversations/{talk}/events") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                kinds.append(httpx.Response(200, content=line[6:]).json()["type"])
                if kinds[-1] == "RUN_FINISHED":
                    break
    return kinds


async def settled_calls(client: httpx.AsyncClient, turn: str) -> list[dict[str, Any]]:
    """Once none of them is open: the sweep sees soon that its process died."""
    async with asyncio.timeout(90):
        while True:
            rows = (await client.get("/copilot/llm-calls", params={"turn": turn})).json()["items"]
            if all(row["status"] != "started" for row in rows):
                return list(rows)
            await asyncio.sleep(0.2)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("place", PLACES)
async def test_a_turn_goes_on_where_its_process_was_killed(mortal: Mortal, place: str) -> None:
    await killed_at(mortal, place)
