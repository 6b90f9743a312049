"""A model server that no fault reaches. It speaks enough of OpenAI's protocol for the tour: streams, with usage, words or JSON; it takes no JSON
Schema, so that it has to be asked another way.

The server that tests script (aimock) needs Node, which a stack that is hurt on a machine of an operator doesn't have.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import cast

_WORDS = ("It ", "is ", "all ", "well.")


@asynccontextmanager
async def model_server() -> AsyncGenerator[str]:
    """Its `base_url`."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError, ValueError):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next((line.partition(":")[2] for line in head.split("\r\n") if line.startswith("content-length")), "0")
        body = cast("dict[str, object]", json.loads(await reader.readexactly(int(length)) or b"{}"))
        wanted = cast("dict[str, object]", body.get("response_format", {})).get("type")
        if wanted == "json_schema":
            said = json.dumps({"error": {"message": "'response_format' json_schema is not supported", "code": "no"}})
            await _say(writer, "400 Bad Request", "application/json", said)
        else:
            await _say(writer, "200 OK", "text/event-stream", _stream(('{"n": 1}',) if wanted else _WORDS))
    writer.close()


def _stream(words: tuple[str, ...]) -> str:
    pieces: list[dict[str, object]] = [
        *({"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]} for word in words),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": len(words)}},
    ]
    return (
        "".join(f"data: {json.dumps({'id': 'tour', 'model': 'tour', **piece})}\n\n" for piece in pieces)
        + "data: [DONE]\n\n"
    )


async def _say(writer: asyncio.StreamWriter, status: str, kind: str, text: str) -> None:
    data = text.encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\nconnection: close\r\n\r\n"
    writer.write(head.encode() + data)
    await writer.drain()
