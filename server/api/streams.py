"""Events as `text/event-stream`. Data is one line of JSON; while nothing happens a comment is sent, so that proxies keep the line.

When the caller goes away the server cancels the answer again and again until it has ended, so that a transaction could not even be rolled
back. So events are made in a task of their own, which is cancelled once and then waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from anyio import CancelScope
from fastapi.responses import StreamingResponse

from engine.runs.events import Event
from modules.sdk.json_bytes import dumps

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def event_stream(events: AsyncGenerator[Event]) -> StreamingResponse:
    """The first event is awaited here, so that a run that isn't there is a problem and not a broken stream."""
    first = await anext(events, None)
    return StreamingResponse(_lines(first, events), media_type="text/event-stream", headers=HEADERS)


async def _lines(first: Event | None, events: AsyncGenerator[Event]) -> AsyncIterator[bytes]:
    event = first
    coming: asyncio.Task[Event | None] | None = None
    try:
        while event is not None:
            yield _encoded(event)
            coming = asyncio.create_task(_next(events))
            event = await asyncio.shield(coming)
    finally:
        with CancelScope(shield=True):
            if coming is not None:
                coming.cancel()
                await asyncio.wait([coming])
            await events.aclose()


async def _next(events: AsyncGenerator[Event]) -> Event | None:
    return await anext(events, None)


def _encoded(event: Event) -> bytes:
    if event.kind is None:
        return b": alive\n\n"
    name = b"" if event.id is None else b"id: " + event.id.encode() + b"\n"
    kind = b"event: " + event.kind.encode() + b"\n" if event.kind else b""
    return name + kind + b"data: " + dumps(event.data) + b"\n\n"
