"""What is known of endpoints' models: in the database for all processes, in memory for a while, and tried where nothing is known."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import cast

from db import llm_settings
from db.ids import WorkspaceId
from db.llm_settings import JsonMode, TokenLimit
from db.pool import Database
from modules.sdk.json import JsonObject
from modules.sdk.parse_error import ParseError
from workspace.llm.abilities import (
    PROBE_JSON_QUESTION,
    PROBE_MOST_TOKENS,
    PROBE_SCHEMA,
    PROBE_SYSTEM,
    PROBE_TOOLS,
    PROBE_TOOLS_QUESTION,
    STALE_S,
    Abilities,
    fits_probe,
)
from workspace.llm.asking import Ask, ModelProblem, Said
from workspace.llm.endpoint import Endpoint
from workspace.llm.request import json_in

_FRESH_S = 60.0
_MOST = 10_000

Key = tuple[int, str, str]
Tried = Callable[[Ask, str], Awaitable[Said | ModelProblem | None]]
"""Sends a small request with that subject; None: the server refuses what is tried, a problem: it says nothing about that."""


@dataclass(slots=True)
class _Found:
    abilities: Abilities
    until: float
    tried: bool


class KnownAbilities:
    """One per process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._found: OrderedDict[Key, _Found] = OrderedDict()
        self._asking: dict[Key, asyncio.Lock] = {}

    async def of(self, workspace_id: WorkspaceId, endpoint: Endpoint, model: str, tried: Tried | None) -> Abilities:
        """With `tried`, what nobody knows yet, or not any more, is found out; without, it is supposed."""
        key = (int(workspace_id), endpoint.key, model)
        found = self._found.get(key)
        if found is not None and time.monotonic() < found.until and (found.tried or tried is None):
            return found.abilities
        lock = self._asking.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                found = self._found.get(key)
                if found is not None and time.monotonic() < found.until and (found.tried or tried is None):
                    return found.abilities
                return await self._looked_up(workspace_id, endpoint, model, key, tried)
        finally:
            if not lock.locked():
                self._asking.pop(key, None)

    async def put(self, workspace_id: WorkspaceId, endpoint: Endpoint, model: str, abilities: Abilities) -> None:
        """As a refusal showed them."""
        async with self._db.single() as connection:
            await llm_settings.put_abilities(
                connection,
                workspace_id,
                endpoint.key,
                model,
                llm_settings.Abilities(
                    abilities.tools,
                    abilities.parallel_tools,
                    abilities.json_mode,
                    abilities.streams,
                    abilities.stream_usage,
                    abilities.token_limit,
                    abilities.temperature,
                    0.0,
                ),
            )
        self._remember((int(workspace_id), endpoint.key, model), abilities, tried=True)

    async def _looked_up(
        self, workspace_id: WorkspaceId, endpoint: Endpoint, model: str, key: Key, tried: Tried | None
    ) -> Abilities:
        async with self._db.single() as connection:
            row = await llm_settings.abilities(connection, workspace_id, endpoint.key, model)
        known = Abilities() if row is None else _abilities(row)
        if row is not None and row.age_s < STALE_S:
            self._remember(key, known, tried=True)
            return known
        if tried is None:
            self._remember(key, known, tried=False)
            return known
        found = await _found_out(known, tried)
        if found is None:
            # It couldn't be tried: the request itself will say why.
            return known
        await self.put(workspace_id, endpoint, model, found)
        return found

    def _remember(self, key: Key, abilities: Abilities, *, tried: bool) -> None:
        self._found[key] = _Found(abilities, time.monotonic() + _FRESH_S, tried)
        self._found.move_to_end(key)
        while len(self._found) > _MOST:
            self._found.popitem(last=False)


async def _found_out(known: Abilities, tried: Tried) -> Abilities | None:
    """None: the server couldn't be asked."""
    tools, json = await asyncio.gather(
        tried(Ask(_messages(PROBE_TOOLS_QUESTION), PROBE_TOOLS, max_tokens=PROBE_MOST_TOKENS), "tools"),
        tried(Ask(_messages(PROBE_JSON_QUESTION), json_schema=PROBE_SCHEMA, max_tokens=PROBE_MOST_TOKENS), "json"),
    )
    if isinstance(tools, ModelProblem) or isinstance(json, ModelProblem):
        return None
    calls = 0 if tools is None else len(tools.tool_calls)
    told = tools is not None and tools.usage.source == "endpoint"
    return replace(
        known,
        tools=calls > 0,
        parallel_tools=calls > 1,
        json_mode="json_schema" if json is not None and _fits(json) else "json_object",
        stream_usage=told or tools is None,
    )


def _messages(question: str) -> list[JsonObject]:
    return [{"role": "system", "content": PROBE_SYSTEM}, {"role": "user", "content": question}]


def _fits(said: Said) -> bool:
    try:
        return fits_probe(json_in(said.text))
    except ParseError:
        return False


def _abilities(row: llm_settings.Abilities) -> Abilities:
    return Abilities(
        row.tools,
        row.parallel_tools,
        cast("JsonMode", row.json_mode),
        row.streams,
        row.stream_usage,
        cast("TokenLimit | None", row.token_limit),
        row.temperature,
    )
