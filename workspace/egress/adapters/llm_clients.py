"""Clients of model servers, kept while they are used: a handshake with a server far away costs more than the rest of a call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from openai import AsyncOpenAI

from modules.sdk.json import JsonObject
from workspace.egress.adapters.llm import open_client
from workspace.egress.adapters.llm_exchange import Coming, exchange
from workspace.egress.attached import Attached
from workspace.egress.guard import Guard

SILENCE_S = 120.0
"""Without a single byte: a model that thinks long says nothing meanwhile."""
_LIMIT = 512 * 2**20
"""Bytes of one answer on the wire, where each token comes in an envelope; what is said in it has a limit of its own."""
_CONNECTIONS = 1_000
_MOST = 100


@dataclass(slots=True)
class _Kept:
    client: AsyncOpenAI
    busy: int = 0


class ModelClients:
    """One per process; close it at its end."""

    def __init__(self, silence_s: float = SILENCE_S) -> None:
        self._silence_s = silence_s
        self._kept: OrderedDict[tuple[int, str, str], _Kept] = OrderedDict()

    @asynccontextmanager
    async def exchange(
        self, guard: Guard, base_url: str, credential: Attached | None, version: str, body: JsonObject
    ) -> AsyncGenerator[Coming]:
        """See `llm_exchange.exchange`. `version` changes with the credential."""
        key = (id(guard), base_url, version)
        kept = self._kept.get(key)
        if kept is None:
            client = open_client(
                guard, base_url, credential, timeout=self._silence_s, limit=_LIMIT, connections=_CONNECTIONS
            )
            kept = self._kept[key] = _Kept(client)
        self._kept.move_to_end(key)
        kept.busy += 1
        try:
            await self._trim()
            async with exchange(kept.client, body) as coming:
                yield coming
        finally:
            kept.busy -= 1

    async def close(self) -> None:
        while self._kept:
            _, kept = self._kept.popitem()
            await kept.client.close()

    async def _trim(self) -> None:
        """Those that were used longest ago, and aren't at this moment, are let go."""
        if len(self._kept) <= _MOST:
            return
        for key in [key for key, kept in self._kept.items() if kept.busy == 0][: len(self._kept) - _MOST]:
            await self._kept.pop(key).client.close()
