"""Requests whose body, or whose answer's body, is too long to be held: the same guard, redirects and limits as for all others.

A body to send can be opened again, since a redirect (307, 308) wants it a second time. The time limit covers everything up to the end of the
block that reads the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpcore

from modules.sdk.context import HttpStream, Sending
from modules.sdk.verdicts import ModuleError, Rejected
from workspace.egress.decoding import Unfolding, too_large
from workspace.egress.failures import joined, told
from workspace.egress.requests import MOST_REDIRECTS, REDIRECTS, Request, redirected


@asynccontextmanager
async def streamed(
    pool: httpcore.AsyncConnectionPool,
    request: Request,
    sending: Sending | None,
    *,
    timeout: float,
    follow_redirects: bool,
    limit: int,
) -> AsyncGenerator[HttpStream]:
    """See `modules.sdk.context.Http.stream`. `sending` takes the place of the request's own content."""
    timer = asyncio.timeout(timeout)
    try:
        async with timer:
            for _ in range(MOST_REDIRECTS + 1):
                async with _exchange(pool, request, sending, timeout) as answer:
                    headers = joined(answer.headers)
                    location = headers.get("location")
                    if not follow_redirects or answer.status not in REDIRECTS or location is None:
                        body = _body(request, answer, headers, limit)
                        yield HttpStream(answer.status, headers, body, str(request.target))
                        return
                following = redirected(request, answer.status, location)
                if following.method != request.method:
                    sending = None  # it has become a GET
                request = following
    except TimeoutError:
        if not timer.expired():
            raise
        raise ModuleError(
            "http.timeout", f"{request.target.authority!r} gave no complete answer within {timeout:g} s"
        ) from None
    raise Rejected("http.redirect", f"the answer redirects more than {MOST_REDIRECTS} times")


@asynccontextmanager
async def _exchange(
    pool: httpcore.AsyncConnectionPool, request: Request, sending: Sending | None, timeout: float
) -> AsyncGenerator[httpcore.Response]:
    if sending is None:
        head, content = request.head(request.body), request.body
    else:
        head = [*request.head(None), (b"content-length", str(sending.size).encode())]
        content = sending.open()
    with told(request.target):
        async with pool.stream(
            request.method,
            request.url,
            headers=head,
            content=content,
            extensions={"timeout": {"connect": timeout, "read": None, "write": None, "pool": None}},
        ) as answer:
            yield answer


async def _body(
    request: Request, answer: httpcore.Response, headers: dict[str, str], limit: int
) -> AsyncIterator[bytes]:
    if request.method == "HEAD":
        return
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limit:
        raise too_large(limit)
    unfolding = Unfolding(headers.get("content-encoding", ""), limit)
    async for piece in answer.aiter_stream():
        for unfolded in unfolding.feed(piece):
            yield unfolded
    unfolding.finish()
