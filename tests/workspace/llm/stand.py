"""A workspace whose calls go to the tests' model server, as a process has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from db import copilot_llm_calls, variables, workspaces
from db.copilot_llm_calls import Call, Filter
from db.ids import WorkspaceId, new_uuid7
from db.pool import Database
from engine.input_check import check
from modules.sdk.json import Json, JsonObject
from tests.fixtures.model_server import ModelServer
from workspace.egress.guard import Guard
from workspace.egress.policy import make_policy
from workspace.key_store import DatabaseKeys
from workspace.keys import LocalKey, Vault
from workspace.llm.asking import Ask, Delta, ModelProblem, Purpose, Said
from workspace.llm.budget import Limits
from workspace.llm.chat import Models
from workspace.llm.endpoint import Endpoint, operator_endpoint
from workspace.secrets.variables import SecretVariables

MASTER = LocalKey(b"a master key that only tests use")


@dataclass
class Stand:
    db: Database
    workspace_id: WorkspaceId
    secrets: SecretVariables
    endpoint: Endpoint
    models: Models
    heard: list[Delta] = field(default_factory=list[Delta])

    async def say(self, text: str = "hi", *, purpose: dict[str, Any] | None = None, **ask: Any) -> Said:
        messages: list[JsonObject] = ask.pop("messages", [{"role": "user", "content": text}])
        meant = Purpose(**{"purpose": "chat", "workspace_id": self.workspace_id, **(purpose or {})})
        return await self.models.say(meant, Ask(messages, **ask), self.heard.append)

    async def problem(self, text: str = "hi", **more: Any) -> ModelProblem:
        try:
            said = await self.say(text, **more)
        except ModelProblem as problem:
            return problem
        raise AssertionError(said)

    async def calls(self, **wanted: Any) -> list[Call]:
        """Oldest first."""
        async with self.db.engine(self.workspace_id) as connection:
            found = await copilot_llm_calls.page(connection, self.workspace_id, Filter(**wanted), None, 1000)
            return [await copilot_llm_calls.opened(connection, one) for one in reversed(found)]

    async def bodies(self, call: Call) -> tuple[Json, Json]:
        async with self.db.engine(self.workspace_id) as connection:
            request = await copilot_llm_calls.body(connection, self.workspace_id, call.request_hash)
            response = None
            if call.response_hash is not None:
                response = await copilot_llm_calls.body(connection, self.workspace_id, call.response_hash)
            return request, response

    async def secret(self, name: str, value: str) -> None:
        closed = await self.secrets.close(self.workspace_id, value)
        async with self.db.engine(self.workspace_id) as connection:
            made = await variables.create(
                connection,
                self.workspace_id,
                name,
                closed.shape,
                variable_id=closed.variable_id,
                closed=closed.closed,
            )
        assert made is not None


async def workspace_of(db: Database, slug: str = "acme") -> WorkspaceId:
    async with db.engine() as connection:
        found = await workspaces.by_slug(connection, slug) or await workspaces.create(connection, slug, slug)
    assert found is not None
    return found.workspace_id


@asynccontextmanager
async def stand_on(
    db: Database,
    server: ModelServer,
    *,
    allow: tuple[str, ...] = ("127.0.0.1",),
    limits: Limits | None = None,
    key: str | None = None,
    url: str | None = None,
    silence_s: float = 60.0,
) -> AsyncIterator[Stand]:
    vault = Vault(MASTER, DatabaseKeys(db))
    secrets = SecretVariables(db, vault)
    guard = Guard(make_policy(allow))
    endpoint = operator_endpoint(url or server.url, key or server.key, server.model, guard)

    async def checked(schema: JsonObject, value: Json, size: int) -> list[Json]:
        return await check(schema, value, size=size)

    models = Models(db, secrets, checked, endpoint, limits=limits, silence_s=silence_s)
    try:
        yield Stand(db, await workspace_of(db), secrets, endpoint, models)
    finally:
        await models.close()
        guard.close()


def turn(step: int = 0, attempt: int = 1, turn_id: UUID | None = None) -> dict[str, Any]:
    return {"turn_id": turn_id or new_uuid7(), "step": step, "attempt": attempt}
