"""The one client by which workflows reach the outside. One per process, opened once, closed at its end.

Every request passes the guard in `backend.py` at the moment of connecting; redirects are followed here, one guarded request
each. No proxy, certificate or credential is taken from the environment.

Rejected: an httpx client on top of the same pool. It would follow redirects by rules of its own and unfold a compressed
body before its size can be judged; what is left of it is what stands here.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType

import certifi
import httpcore

from modules.sdk.context import HttpResponse, HttpStream, Sending
from modules.sdk.verdicts import ModuleError, Rejected
from workspace.egress.attached import Attached
from workspace.egress.backend import GuardedBackend
from workspace.egress.decoding import Body, too_large
from workspace.egress.failures import joined, told
from workspace.egress.guard import Guard
from workspace.egress.policy import Policy
from workspace.egress.requests import MOST_REDIRECTS, REDIRECTS, Request, make_request, redirected
from workspace.egress.resolver import Resolver
from workspace.egress.streaming import streamed

# Servers close idle connections after 5 s and more as a rule: below that, a kept one is hardly ever closing while a request is sent on it.
_KEEP = 4.0


class Egress:
    """Implements `modules.sdk.context.Http`. Use as `async with`, or call `close`.

    `guard` is for the adapters of other client libraries, so that a process has one.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
        connections: int = 200,
    ) -> None:
        self.guard = Guard(policy, resolver)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or trusted(),
            max_connections=connections,
            max_keepalive_connections=50,
            keepalive_expiry=_KEEP,
            network_backend=GuardedBackend(self.guard),
        )

    async def close(self) -> None:
        await self._pool.aclose()
        self.guard.close()

    async def __aenter__(self) -> Egress:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

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
    ) -> HttpResponse:
        """Sends one request and reads the whole answer. `timeout` covers everything, redirects included. See `Http` for errors.

        `credential` goes along where its hosts allow it, asked again at each redirect; beside `Http`'s errors there is then
        `connection.host`, when the address that is asked for isn't one of them.
        """
        request = make_request(method, url, headers, content, credential)
        try:
            async with asyncio.timeout(timeout):
                for _ in range(MOST_REDIRECTS + 1):
                    response = await self._once(request, timeout, limit)
                    location = response.headers.get("location")
                    if not follow_redirects or response.status not in REDIRECTS or location is None:
                        return response
                    request = redirected(request, response.status, location)
        except TimeoutError:
            raise ModuleError(
                "http.timeout", f"{request.target.authority!r} gave no complete answer within {timeout:g} s"
            ) from None
        raise Rejected("http.redirect", f"the answer redirects more than {MOST_REDIRECTS} times")

    async def _once(self, request: Request, timeout: float, limit: int) -> HttpResponse:
        with told(request.target):
            async with self._pool.stream(
                request.method,
                request.url,
                headers=request.head(request.body),
                content=request.body,
                extensions={"timeout": {"connect": timeout, "read": None, "write": None, "pool": None}},
            ) as answer:
                headers = joined(answer.headers)
                body = Body("" if request.method == "HEAD" else headers.get("content-encoding", ""), limit)
                length = headers.get("content-length", "")
                if request.method != "HEAD" and length.isdecimal() and int(length[:20]) > limit:
                    raise too_large(limit)
                async for piece in answer.aiter_stream():
                    body.feed(piece)
                return HttpResponse(answer.status, headers, body.finish(), str(request.target))

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
    ) -> AbstractAsyncContextManager[HttpStream]:
        """The same for bodies that are too long to be held: see `Http.stream`."""
        request = make_request(method, url, headers, None, credential)
        return streamed(self._pool, request, sending, timeout=timeout, follow_redirects=follow_redirects, limit=limit)


def trusted() -> ssl.SSLContext:
    """The certificates of the system, where an operator adds a private authority, and the public ones that come with the product."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
