"""An API whose copilot talks to a scripted model server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import httpx
import pytest

from tests.fixtures.api import Api, open_api
from tests.fixtures.database import fresh_database
from tests.fixtures.model_server import ModelServer, model_server_running


@dataclass(frozen=True)
class Told:
    """One event of a conversation."""

    id: str | None
    data: dict[str, Any]


@dataclass(frozen=True)
class Talk:
    """A conversation, as a client sees it."""

    api: Api
    models: ModelServer
    client: httpx.AsyncClient
    id: str

    async def say(self, content: str, **more: object) -> dict[str, Any]:
        """`{turn_id, after_seq}` of the turn that was begun."""
        answer = await self.client.post(f"/copilot/conversations/{self.id}/messages", json={"content": content, **more})
        assert answer.status_code == 202, answer.text
        return cast("dict[str, Any]", answer.json())

    async def ask(self, content: str) -> dict[str, Any]:
        """Says it, and gives the answer as a message, once it is whole."""
        return await self.answer(await self.say(content))

    async def answer(self, turn: dict[str, Any]) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while True:
                for message in await self.messages():
                    mine = message["turn_id"] == turn["turn_id"] and message["role"] == "assistant"
                    if mine and message["status"] != "in_progress":
                        return message
                await asyncio.sleep(0.02)

    async def messages(self) -> list[dict[str, Any]]:
        answer = await self.client.get(f"/copilot/conversations/{self.id}/messages", params={"limit": 500})
        return cast("list[dict[str, Any]]", answer.json()["items"])

    async def events(self, after: int = 0, *, last: str | None = None) -> AsyncIterator[Told]:
        """Those after a number, until the end of the first turn that ends."""
        headers = {} if last is None else {"Last-Event-ID": last}
        path = f"/copilot/conversations/{self.id}/events"
        async with self.client.stream("GET", path, params={"after": after}, headers=headers) as stream:
            assert stream.status_code == 200
            name: str | None = None
            async for line in stream.aiter_lines():
                if line.startswith("id: "):
                    name = line[4:]
                elif line.startswith("data: "):
                    data = cast("dict[str, Any]", httpx.Response(200, content=line[6:]).json())
                    yield Told(name, data)
                    name = None
                    if data["type"] in ("RUN_FINISHED", "RUN_ERROR"):
                        return


@pytest.fixture(scope="session")
async def copilot_stack(
    postgres_url: str, template_database: str, temporal_address: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Api, ModelServer]]:
    async for url in fresh_database(postgres_url, template_database):
        folder = tmp_path_factory.mktemp("copilot")
        async with (
            model_server_running(folder / "models.jsonl") as models,
            open_api(url, temporal_address, folder, **models.environment) as api,
        ):
            yield api, models


@pytest.fixture
async def talk(copilot_stack: tuple[Api, ModelServer]) -> Talk:
    """A new conversation of an owner, about nothing yet, with a model that has nothing to say yet."""
    api, models = copilot_stack
    await models.forget()
    made = await api.owner.post("/copilot/conversations", json={})
    assert made.status_code == 201, made.text
    return Talk(api, models, api.owner, made.json()["conversation_id"])
