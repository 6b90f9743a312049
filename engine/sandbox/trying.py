"""Trying a piece of code against sample input, as a step would run it."""

from __future__ import annotations

import time

from engine.expressions.values import Json
from engine.problems import Invalid
from engine.sandbox.sandbox import Sandbox
from modules.sdk.context import Language
from modules.sdk.json import JsonObject
from modules.sdk.schema import seconds
from modules.sdk.verdicts import ModuleError

TIMEOUT = 10.0
LONGEST = 60.0
MEMORY = 128
_MEMORIES = range(16, 1025)
_LONGEST_SOURCE = 64 * 2**10
_KEYS = frozenset({"language", "source", "input", "timeout", "memory_mb"})


async def try_code(sandbox: Sandbox, given: Json) -> JsonObject:
    """`{value, logs, duration_ms}`, or `{error: {code, message, details}, logs, duration_ms}`. Raises `Invalid` for a request that isn't
    one."""
    if not isinstance(given, dict):
        raise Invalid("request.invalid", "Give an object with `language` and `source`.")
    unknown = sorted(set(given) - _KEYS)
    if unknown:
        raise Invalid("request.invalid", f"{unknown[0]!r} is not known here.")
    source = given.get("source")
    if not isinstance(source, str) or not 0 < len(source) <= _LONGEST_SOURCE:
        raise Invalid("request.invalid", f"`source` must be text of 1 to {_LONGEST_SOURCE:,} characters.")
    language, timeout, memory = _language(given.get("language")), _timeout(given), _memory(given)
    began = time.monotonic()
    try:
        answer = await sandbox.run(language, source, given.get("input"), timeout=timeout, memory_mb=memory)
    except ModuleError as error:
        return {"error": _error(error), "logs": [], "duration_ms": _since(began)}
    logs: list[Json] = [{"level": line.level, "message": line.message} for line in answer.logs]
    if answer.error is not None:
        return {"error": _error(answer.error), "logs": logs, "duration_ms": _since(began)}
    return {"value": answer.value, "logs": logs, "duration_ms": _since(began)}


def _language(given: Json) -> Language:
    if given == "python":
        return "python"
    if given == "javascript":
        return "javascript"
    raise Invalid("request.invalid", "`language` must be `python` or `javascript`.")


def _timeout(given: JsonObject) -> float:
    timeout = given.get("timeout", TIMEOUT)
    try:
        limit = seconds(timeout)
    except (TypeError, ValueError, KeyError, IndexError):
        limit = 0.0
    if not 0 < limit <= LONGEST:
        raise Invalid("request.invalid", f"`timeout` must be a duration of at most {LONGEST:g} s.")
    return limit


def _memory(given: JsonObject) -> int:
    memory = given.get("memory_mb", MEMORY)
    if isinstance(memory, int) and not isinstance(memory, bool) and memory in _MEMORIES:
        return memory
    raise Invalid(
        "request.invalid", f"`memory_mb` must be a whole number from {_MEMORIES.start} to {_MEMORIES.stop - 1}."
    )


def _error(error: ModuleError) -> JsonObject:
    return {"code": error.code, "message": error.message, "details": error.details}


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)
