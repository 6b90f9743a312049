"""What the caller of a webhook gets: the run's id at once, or the run's own answer, or the problem that came of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from db.pool import Database
from db.run_rows import RunRow
from engine.expressions.values import Json
from engine.problems import Problem
from engine.runs.stored import whole_value
from modules.sdk.json_bytes import dumps

JsonObject = dict[str, Json]

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_OURS = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "trailer", "transfer-encoding", "upgrade"}
)
_BODILESS = frozenset({204, 205, 304})


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """`body` as bytes, with a `content-type` among `headers` (names in lower case) unless it is empty."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def accepted(run_id: str) -> HookAnswer:
    return HookAnswer(202, dumps({"run_id": run_id}), {"content-type": "application/json"})


async def answer_of(db: Database, run: RunRow, seconds: float) -> HookAnswer:
    """Of a run that was waited for. Raises `Problem` with the run's id where it has no answer; `DatabaseUnavailable`."""
    if isinstance(run.response, dict):
        return _responded(await whole_value(db, run, run.response))
    about: JsonObject = {"run_id": str(run.run_id)}
    match run.status:
        case "succeeded":
            output = await whole_value(db, run, run.output)
            return HookAnswer(200, dumps(output), {"content-type": "application/json", "x-run-id": str(run.run_id)})
        case "failed":
            code = run.error.get("code") if isinstance(run.error, dict) else None
            raise Problem(500, "run.failed", f"The run failed with {code}.", extra={**about, "error_code": code})
        case "cancelled":
            raise Problem(409, "run.cancelled", "The run was cancelled.", extra=about)
        case "timed_out":
            raise Problem(504, "run.timed_out", "The run took longer than its time limit and was ended.", extra=about)
        case "queued" | "running" | "waiting":
            raise Problem(
                504,
                "run.slow",
                f"The run has not answered within {seconds:g} s. It goes on; see it by its id.",
                extra=about,
            )


def _responded(response: Json) -> HookAnswer:
    """What `core.respond` gave: a text goes out as it stands, all else as JSON, null as no body."""
    given: JsonObject = response if isinstance(response, dict) else {}
    status = given.get("status")
    code = status if isinstance(status, int) and 200 <= status <= 599 else 200
    headers = _headers(given.get("headers"))
    body = given.get("body")
    if body is None or code in _BODILESS:
        headers.pop("content-type", None)
        return HookAnswer(code, b"", headers)
    if isinstance(body, str):
        headers.setdefault("content-type", "text/plain; charset=utf-8")
        return HookAnswer(code, body.encode("utf-8", "replace"), headers)
    headers.setdefault("content-type", "application/json")
    return HookAnswer(code, dumps(body), headers)


def _headers(given: Json) -> dict[str, str]:
    """Only what can be sent, and is the author's to say."""
    headers: dict[str, str] = {}
    for name, value in (given if isinstance(given, dict) else {}).items():
        low, text = name.lower(), value if isinstance(value, str) else dumps(value).decode()
        sendable = _NAME.fullmatch(name) and all(
            char == "\t" or (" " <= char <= "ÿ" and char != "\x7f") for char in text
        )
        if sendable and low not in _NOT_OURS:
            headers[low] = text.strip()
    return headers
