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
from types import TracebackType

import certifi
import httpcore

from modules.sdk.context import HttpResponse
from modules.sdk.verdicts import ModuleError, Rejected
from workspace.egress.attached import Attached
from workspace.egress.backend import GuardedBackend
from workspace.egress.decoding import Body, too_large
from workspace.egress.guard import Guard
from workspace.egress.policy import Policy
from workspace.egress.requests import MOST_REDIRECTS, REDIRECTS, Request, make_request, redirected
from workspace.egress.resolver import Resolver
from workspace.egress.target import Target

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
        target = request.target
        try:
            async with self._pool.stream(
                request.method,
                request.url,
                headers=request.head(request.body),
                content=request.body,
                extensions={"timeout": {"connect": timeout, "read": None, "write": None, "pool": None}},
            ) as answer:
                headers = _joined(answer.headers)
                body = Body("" if request.method == "HEAD" else headers.get("content-encoding", ""), limit)
                length = headers.get("content-length", "")
                if request.method != "HEAD" and length.isdecimal() and int(length[:20]) > limit:
                    raise too_large(limit)
                async for piece in answer.aiter_stream():
                    body.feed(piece)
                return HttpResponse(answer.status, headers, body.finish(), str(target))
        except httpcore.ConnectTimeout:
            raise ModuleError("http.timeout", f"{target.authority!r} could not be reached in time") from None
        except httpcore.ConnectError as error:
            raise _unreachable(target, error) from None
        except httpcore.RemoteProtocolError as error:
            if "disconnected" in str(error) or "closed connection" in str(error):
                raise _broken(target) from None
            raise ModuleError(
                "http.protocol", f"{target.authority!r} gave an answer that is not HTTP", retryable=False
            ) from None
        except httpcore.NetworkError:
            raise _broken(target) from None


def trusted() -> ssl.SSLContext:
    """The certificates of the system, where an operator adds a private authority, and the public ones that come with the product."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _joined(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """By name in lower case; repeated ones with a comma between, as HTTP means them."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _unreachable(target: Target, error: httpcore.ConnectError) -> ModuleError:
    # The cause's cause is the socket's or OpenSSL's own error; its text may name addresses, so only its kind is told.
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ModuleError(
                "http.connect",
                f"the certificate of {target.authority!r} is not trusted: {cause.verify_message}",
                retryable=False,
            )
        if isinstance(cause, ssl.SSLError):
            return ModuleError("http.connect", f"no secure connection to {target.authority!r} could be agreed on")
        if isinstance(cause, ConnectionRefusedError):
            return ModuleError("http.connect", f"{target.authority!r} refuses connections")
        cause = cause.__cause__ or cause.__context__
    return ModuleError("http.connect", f"{target.authority!r} can't be reached")


def _broken(target: Target) -> ModuleError:
    return ModuleError("http.connect", f"the connection to {target.authority!r} broke before the answer was complete")
