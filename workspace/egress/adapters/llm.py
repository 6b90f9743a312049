"""The `openai` package over the guard: a transport for the HTTP client that it is given.

The package knows no key: the credential is attached here, for its own hosts only, and of the headers that the package makes (some from the
environment) only those on a list go out. Redirects aren't followed, answers come uncompressed and end at a limit.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, AsyncIterator
from typing import cast

import httpcore
import httpx2
from openai import AsyncOpenAI

from modules.sdk.verdicts import ModuleError, Rejected
from workspace.egress.attached import Attached
from workspace.egress.backend import GuardedBackend
from workspace.egress.client import trusted
from workspace.egress.decoding import too_large
from workspace.egress.guard import Guard
from workspace.egress.requests import Request, make_request
from workspace.egress.target import parse_target

LIMIT = 20 * 2**20
_ERROR_LIMIT = 2**20
"""Of an answer that says why there is none: it is read whole."""
_KEEP = 4.0
"""As of the client for everything else: a server that closes what is idle is hardly ever met in doing so."""
_PASSED = frozenset(("accept", "content-type", "idempotency-key"))


def open_client(
    guard: Guard,
    base_url: str,
    credential: Attached | None,
    *,
    timeout: float,
    limit: int = LIMIT,
    connections: int = 100,
    tls: ssl.SSLContext | None = None,
) -> AsyncOpenAI:
    """A client of one endpoint; close it, or use it as `async with`. `timeout` is for connecting and for each piece of an answer.

    Raises Rejected `input.invalid` for an address that is none. Calls raise what the package raises; where the guard, the
    credential or the limit refused, `refusal_in` finds that again.
    """
    base_url = str(parse_target(base_url))
    transport = GuardedTransport(guard, credential, limit=limit, connections=connections, tls=tls)
    http = httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False, timeout=timeout)
    return AsyncOpenAI(
        api_key="attached-by-the-transport",
        base_url=base_url,
        websocket_base_url=base_url,
        timeout=timeout,
        max_retries=0,
        http_client=http,
    )


def refusal_in(error: BaseException) -> ModuleError | None:
    """What the transport raised, inside of what the package made of it."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ModuleError):
            return found
        found = found.__cause__ or found.__context__
    return None


class GuardedTransport(httpx2.AsyncBaseTransport):
    """One request is one guarded request; it has connections of its own, since answers that stream hold theirs for long."""

    def __init__(
        self,
        guard: Guard,
        credential: Attached | None,
        *,
        limit: int = LIMIT,
        connections: int = 100,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._credential = credential
        self._limit = limit
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or trusted(),
            max_connections=connections,
            keepalive_expiry=_KEEP,
            network_backend=GuardedBackend(guard),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = {name: value for name, value in request.headers.items() if name in _PASSED}
        made = make_request(request.method, str(request.url), headers, await request.aread() or None, self._credential)
        extensions: dict[str, object] = {"timeout": request.extensions.get("timeout", {})}
        try:
            answer = await self._pool.handle_async_request(_on_the_wire(made, extensions))
        except httpcore.TimeoutException as error:
            raise httpx2.ReadTimeout(f"{made.target.authority!r} gave no answer in time", request=request) from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise httpx2.ConnectError(f"{made.target.authority!r} can't be reached", request=request) from error
        encoding = next((value for name, value in answer.headers if name.lower() == b"content-encoding"), b"identity")
        if encoding.strip().lower() not in (b"", b"identity"):
            await answer.aclose()
            raise Rejected("http.body", "the answer is compressed, which was not asked for")
        limit = self._limit if answer.status < 400 else min(self._limit, _ERROR_LIMIT)
        return httpx2.Response(answer.status, headers=answer.headers, stream=_Limited(answer, limit))

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Limited(httpx2.AsyncByteStream):
    """The body piece by piece, up to the limit."""

    def __init__(self, answer: httpcore.Response, limit: int) -> None:
        self._answer = answer
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for piece in cast("AsyncIterable[bytes]", self._answer.stream):
                size += len(piece)
                if size > self._limit:
                    raise too_large(self._limit)
                yield piece
        except httpcore.TimeoutException as error:
            raise httpx2.ReadTimeout("the answer stopped in the middle") from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise httpx2.ReadError("the connection broke before the answer was complete") from error

    async def aclose(self) -> None:
        await self._answer.aclose()


def _on_the_wire(made: Request, extensions: dict[str, object]) -> httpcore.Request:
    head = [(name, b"identity" if name == b"accept-encoding" else value) for name, value in made.head(made.body)]
    return httpcore.Request(made.method, made.url, headers=head, content=made.body, extensions=extensions)
