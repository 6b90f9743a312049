"""`context.http` of a step with a connection: each request carries the connection's credential where it belongs.

The egress client asks for each single request, redirects included, whether the credential may go along. Here is what lies before it: an
access token that its target refuses (401) is renewed once and the request sent again, since a refused request did nothing; and requests
of one attempt after the first count towards the connection's rate limit, each waiting for its turn within the step's time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from modules.sdk.context import HttpResponse, HttpStream, Sending
from workspace.connections.opening import Learned, Opened, Opener
from workspace.egress.attached import Attached

_YOUNG_S = 60.0
"""A token that is refused so soon after it was given isn't renewed: the target then means something else by 401."""

TakeStart = Callable[[Opened], Awaitable[float]]
"""Reserves the connection's next start; gives the seconds until then."""


class AttachingHttp(Protocol):
    """The guarded client."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float,
        follow_redirects: bool = True,
        limit: int = 20 * 2**20,
        credential: Attached | None = None,
    ) -> HttpResponse: ...

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        sending: Sending | None = None,
        timeout: float,
        follow_redirects: bool = True,
        limit: int,
        credential: Attached | None = None,
    ) -> AbstractAsyncContextManager[HttpStream]: ...


class ConnectedHttp:
    """Implements `Http` for one attempt of one step."""

    def __init__(
        self, http: AttachingHttp, opener: Opener, opened: Opened, learned: Learned, take_start: TakeStart
    ) -> None:
        self._http = http
        self._opener = opener
        self._opened = opened
        self._learned = learned
        self._take_start = take_start
        self._begun = False

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float,
        follow_redirects: bool = True,
        limit: int = 20 * 2**20,
    ) -> HttpResponse:
        """See `Http`; also raises `connection.host`, and what renewing a token raises."""
        until = time.monotonic() + timeout
        await self._turn()

        async def send() -> HttpResponse:
            return await self._http.request(
                method,
                url,
                headers=headers,
                content=content,
                timeout=max(until - time.monotonic(), 0.001),
                follow_redirects=follow_redirects,
                limit=limit,
                credential=self._opened.attached,
            )

        response = await send()
        if response.status != 401 or not self._may_renew():
            return response
        renewed = await self._opener.renewed(self._opened, self._learned)
        if renewed is None:
            return response
        self._opened = renewed
        return await send()

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        sending: Sending | None = None,
        timeout: float,
        follow_redirects: bool = True,
        limit: int,
    ) -> AsyncGenerator[HttpStream]:
        """See `Http`; beside its errors those of `request`. A body that was refused with its token is opened and sent a second time."""
        until = time.monotonic() + timeout
        await self._turn()

        def send() -> AbstractAsyncContextManager[HttpStream]:
            return self._http.stream(
                method,
                url,
                headers=headers,
                sending=sending,
                timeout=max(until - time.monotonic(), 0.001),
                follow_redirects=follow_redirects,
                limit=limit,
                credential=self._opened.attached,
            )

        async with send() as answer:
            renewed = None
            if answer.status == 401 and self._may_renew():
                renewed = await self._opener.renewed(self._opened, self._learned)
            if renewed is None:
                yield answer
                return
        self._opened = renewed
        async with send() as answer:
            yield answer

    async def _turn(self) -> None:
        """A request after the attempt's first, whose start the engine has counted, waits for its own."""
        if self._begun and self._opened.rate is not None:
            await asyncio.sleep(await self._take_start(self._opened))
        self._begun = True

    def _may_renew(self) -> bool:
        tokens = self._opened.tokens
        return tokens is not None and time.time() - tokens.issued_at > _YOUNG_S
