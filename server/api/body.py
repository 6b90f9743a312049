"""Request bodies: read within a limit, as strict JSON, checked by a model.

Too long is 413 before more than the limit is read; malformed is 400; well-formed but wrong is 422 with a finding for each mistake.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import ClientDisconnect

from engine.expressions.values import Json
from engine.problems import Problem
from modules.sdk.parse_error import ParseError
from modules.sdk.strict_json import parse_json
from server.api.problems import invalid_request

MAX_BODY = 20 * 2**20
Model = TypeVar("Model", bound=BaseModel)


class Body(BaseModel):
    """What a route takes. Unknown members are mistakes; nothing is coerced from another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: between two pieces of a body, and for all of it."""

    idle_s: float
    whole_s: float


async def read_body(request: Request, limit: int = MAX_BODY, patience: Patience | None = None) -> bytes:
    """The whole body, kept for a second reader. Raises `Problem` 413 as soon as it is known to be too long, 408 where it doesn't come."""
    kept = getattr(request.state, "body", None)
    if isinstance(kept, bytes):
        return kept
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    parts: list[bytes] = []
    size = 0
    try:
        async for part in _pieces(request, patience):
            size += len(part)
            if size > limit:
                raise too_large(limit)
            parts.append(part)
    except ClientDisconnect:
        raise Problem(400, "request.aborted", "The connection ended before the body did.") from None
    body = b"".join(parts)
    request.state.body = body
    return body


async def _pieces(request: Request, patience: Patience | None) -> AsyncGenerator[bytes]:
    stream = request.stream()
    if patience is None:
        async for part in stream:
            yield part
        return
    end = time.monotonic() + patience.whole_s
    while True:
        wait = min(patience.idle_s, end - time.monotonic())
        try:
            async with asyncio.timeout(wait):
                part = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Problem(408, "request.slow", f"Nothing more of the body came for {max(wait, 0):.0f} s.") from None
        yield part


def too_large(limit: int) -> Problem:
    return Problem(413, "payload.too_large", f"The body is longer than {limit // 2**20} MB.")


def parse_body(body: bytes) -> Json:
    """Raises `Problem` 400 `json.malformed`, which says where."""
    try:
        return parse_json(body)
    except ParseError as error:
        raise Problem(400, "json.malformed", f"The body is not JSON that can be taken: {error}.") from None


def json_body(model: type[Model], *, optional: bool = False) -> Callable[[Request], Awaitable[Model]]:
    """A dependency that gives the checked body. With `optional`, no body means an empty object."""

    async def dependency(request: Request) -> Model:
        body = await read_body(request)
        value = {} if optional and not body.strip() else parse_body(body)
        try:
            return model.model_validate(value)
        except ValidationError as error:
            raise invalid_request(error.errors(include_url=False, include_input=False, include_context=False)) from None

    return dependency


async def any_body(request: Request) -> Json:
    """A dependency that gives the body as it is, for routes whose engine reads it itself. No body is an empty object."""
    body = await read_body(request)
    return parse_body(body) if body.strip() else {}
