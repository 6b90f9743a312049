"""Whether a connection works: it is really used, once and for nothing else. What HTTP isn't goes by a small handshake of its own."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from modules.sdk.verdicts import ModuleError
from workspace.connections.http import AttachingHttp
from workspace.connections.kinds.kind import Probe
from workspace.connections.kinds.registry import kind_named
from workspace.connections.opening import Opened

TIMEOUT_S = 15.0
_LIMIT = 2**20

Handshake: TypeAlias = Callable[[Opened, float], Awaitable[str]]
"""Signs in within so many seconds and says with whom it spoke, as `PostgreSQL 18.1`. Raises ModuleError."""


@dataclass(frozen=True, slots=True)
class Trial:
    """`status` is the answer's, of HTTP. `detail` is for people and holds nothing that the target said."""

    ok: bool
    detail: str
    status: int | None
    duration_ms: float


class Trials:
    """`handshakes` by probe; `http` needs none."""

    def __init__(self, http: AttachingHttp, handshakes: Mapping[Probe, Handshake]) -> None:
        self._http = http
        self._handshakes = handshakes

    async def try_(self, opened: Opened) -> Trial:
        began = time.monotonic()
        status: int | None = None
        try:
            kind = kind_named(opened.about.kind)
            assert kind is not None
            if kind.probe == "http":
                status = await self._ask(opened, kind.test_url)
                ok, detail = _meaning(status)
            else:
                ok, detail = True, await self._handshakes[kind.probe](opened, TIMEOUT_S)
        except ModuleError as error:
            ok, detail = False, error.message
        return Trial(ok, detail, status, round((time.monotonic() - began) * 1000, 1))

    async def _ask(self, opened: Opened, test_url: str) -> int:
        url = below(opened.about.base_url, str(opened.about.config.get("test_url", test_url)))
        if url is None:
            raise ModuleError("input.invalid", "there is nothing to ask: give `test_url` or `base_url` in the config")
        response = await self._http.request("GET", url, timeout=TIMEOUT_S, limit=_LIMIT, credential=opened.attached)
        return response.status


def below(base: str | None, url: str) -> str | None:
    """An absolute address as it is; any other below `base`, whose path is kept. None where there is no base."""
    if url.lower().startswith(("http://", "https://")):
        return url
    if base is None:
        return None
    return f"{base.rstrip('/')}/{url.lstrip('/')}" if url else base


def _meaning(status: int) -> tuple[bool, str]:
    if status in (401, 403):
        return False, f"the target refused the credential ({status})"
    if status == 404:
        return (
            True,
            "the target answered (404): it has nothing at that address, so whether it takes the credential isn't known",
        )
    if status >= 400:
        return False, f"the target answered {status}"
    return True, f"the target answered {status}"
