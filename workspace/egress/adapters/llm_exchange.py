"""One request to a model server and what comes back, in terms that need no library.

The bytes of an answer are given as they come: the package's own reading of a stream makes objects of each piece, which costs ten times what the
rest of a call does, and raises nothing where a stream ends too early.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, cast

import httpx2
from openai import APIConnectionError, APIStatusError, APITimeoutError, AsyncOpenAI, OpenAIError

from modules.sdk.json import JsonObject
from workspace.egress.adapters.llm import refusal_in

_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Coming:
    """An answer that began. `streams`: it comes as events; else it is one piece of JSON."""

    status: int
    streams: bool
    request_id: str | None
    pieces: AsyncIterator[bytes]


class ModelRefused(Exception):
    """The model server answered with an error. `code` and `param` are its own words, empty where it has none."""

    def __init__(
        self, status: int, message: str, code: str, param: str, retry_after: float | None, request_id: str | None
    ) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.request_id = request_id


class ModelUnreached(Exception):
    """No whole answer came. `why`: nothing was said in time, no connection could be made, or it broke."""

    def __init__(self, why: Literal["timeout", "connect", "broken"], message: str) -> None:
        super().__init__(message)
        self.why = why
        self.message = message


@asynccontextmanager
async def exchange(client: AsyncOpenAI, body: JsonObject) -> AsyncGenerator[Coming]:
    """Sends `body` to the endpoint's chat completions, while the block runs.

    Raises ModelRefused, ModelUnreached, and ModuleError of the guard, the credential and the limit; the pieces do so too.
    """
    began = False
    try:
        made = client.chat.completions.with_streaming_response.create(
            model="", messages=(), extra_body=cast("object", body)
        )
        async with made as response:
            began = True
            kind = response.headers.get("content-type", "")
            yield Coming(
                response.status_code,
                not kind.startswith("application/json"),
                response.headers.get("x-request-id"),
                response.iter_bytes(),
            )
    except APIStatusError as error:
        if (refusal := refusal_in(error)) is not None:
            raise refusal from None
        raise _refused(error) from None
    except (OpenAIError, httpx2.HTTPError, httpx2.StreamError) as error:
        if (refusal := refusal_in(error)) is not None:
            raise refusal from None
        raise _unreached(error, began=began) from None


def _refused(error: APIStatusError) -> ModelRefused:
    said = cast("object", error.body)
    inner = cast("dict[str, object]", said) if isinstance(said, dict) else {}
    message = inner.get("message") or inner.get("detail") or (said if isinstance(said, str) else "")
    headers = error.response.headers
    return ModelRefused(
        error.status_code,
        str(message)[:_LONGEST],
        str(inner.get("code") or inner.get("type") or ""),
        str(inner.get("param") or ""),
        seconds_of(headers.get("retry-after"), time.time()),
        headers.get("x-request-id"),
    )


def _unreached(error: Exception, *, began: bool) -> ModelUnreached:
    if isinstance(error, APITimeoutError | httpx2.TimeoutException):
        return ModelUnreached("timeout", "it said nothing in time")
    if isinstance(error, APIConnectionError) or not began:
        return ModelUnreached("connect", "it can't be reached")
    return ModelUnreached("broken", "the connection broke")


def seconds_of(retry_after: str | None, now: float) -> float | None:
    """What `Retry-After` asks for, in seconds or as a date; None where it says nothing that can be read."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    try:
        seconds = float(text)
    except ValueError:
        parsed = email.utils.parsedate_tz(text)
        if parsed is None:
            return None
        seconds = email.utils.mktime_tz(parsed) - now
    return max(0.0, seconds) if seconds < float("inf") else None
