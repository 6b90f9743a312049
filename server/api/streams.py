"""Events as `text/event-stream`. Data is one line of JSON; while nothing happens a comment is sent, so that proxies keep the line."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse

from engine.json_bytes import dumps
from engine.runs.events import Event

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def event_stream(events: AsyncIterator[Event]) -> StreamingResponse:
    """The first event is awaited here, so that a run that isn't there is a problem and not a broken stream."""
    first = await anext(events, None)
    return StreamingResponse(_lines(first, events), media_type="text/event-stream", headers=HEADERS)


async def _lines(first: Event | None, events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    if first is not None:
        yield _encoded(first)
    async for event in events:
        yield _encoded(event)


def _encoded(event: Event) -> bytes:
    if event.kind is None:
        return b": alive\n\n"
    name = b"" if event.id is None else b"id: " + event.id.encode() + b"\n"
    return name + b"event: " + event.kind.encode() + b"\ndata: " + dumps(event.data) + b"\n\n"
