"""The shapes that workflow, activities and log exchange, as JSON: what stands in histories, so a shape only ever grows.

A reader takes what an older writer wrote: each key that was added later has a default. Keys that hold their default are left out, which
is most of a row. A value kept by reference is `{"$ref", "size", "type"}`. User data may have that very shape; such data is then taken for a
reference to something that the run doesn't have, and `engine/activities/stored.py` gives it back as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast

from engine.core.effects import CallOutcome, ModuleCall
from engine.core.errors import StepError
from engine.core.records import LogLine, Mocked, RunEnd, RunStatus, StepRecord, StepStatus, WaitKind
from engine.expressions.values import Json, Value, from_json, to_json

JsonObject = dict[str, Json]


def dump_error(error: StepError | None) -> Json:
    if error is None:
        return None
    data = error.to_json()
    if error.retry_after is not None:
        data["retry_after"] = error.retry_after
    return data


def load_error(data: Json) -> StepError | None:
    if not isinstance(data, dict):
        return None
    details = data.get("details")
    return StepError(
        code=str(data["code"]),
        message=str(data["message"]),
        step=_text(data.get("step")),
        retryable=bool(data.get("retryable")),
        details=details if isinstance(details, dict) else {},
        retry_after=number(data.get("retry_after")),
    )


def dump_lines(lines: Sequence[LogLine]) -> Json:
    return [
        {"at": line.at, "level": line.level, "message": line.message, "data": line.data}
        if line.data is not None
        else {"at": line.at, "level": line.level, "message": line.message}
        for line in lines
    ]


def load_lines(data: Json) -> tuple[LogLine, ...]:
    lines = (line for line in data if isinstance(line, dict)) if isinstance(data, list) else ()
    return tuple(
        LogLine(number(line.get("at")) or 0.0, str(line.get("level")), str(line.get("message")), line.get("data"))
        for line in lines
    )


def dump_call(call: ModuleCall) -> JsonObject:
    return {
        "path": call.path,
        "step": call.step,
        "module": call.module,
        "version": call.version,
        "attempt": call.attempt,
        "iteration": call.iteration,
        "inputs": call.inputs,
        "scope": to_json(cast("Value", call.scope)),
        "key": call.idempotency_key,
        "timeout": call.timeout,
        "effect": call.effect,
        "idempotent": call.idempotent,
        "on_lost": call.on_lost,
        "long": call.long,
        "started_at": call.started_at,
        "retry": dict(call.retry),
        "failed_handle": call.failed_handle,
        **({"throttled": True} if call.throttled else {}),
        **({"bare": True} if call.bare else {}),
        **({"connection": call.connection} if call.connection is not None else {}),
    }


def load_call(data: JsonObject) -> ModuleCall:
    return ModuleCall(
        path=str(data["path"]),
        step=str(data["step"]),
        module=str(data["module"]),
        version=whole(data["version"]),
        attempt=whole(data["attempt"]),
        iteration=_whole_or_none(data.get("iteration")),
        inputs=obj(data["inputs"]),
        scope=cast("dict[str, Value]", from_json(data["scope"])),
        idempotency_key=str(data["key"]),
        timeout=number(data["timeout"]) or 0.0,
        effect=cast("Literal['none', 'read', 'write']", data["effect"]),
        idempotent=bool(data["idempotent"]),
        on_lost=cast("Literal['retry', 'fail']", data["on_lost"]),
        long=bool(data["long"]),
        started_at=number(data["started_at"]) or 0.0,
        retry=obj(data["retry"]),
        failed_handle=cast("str | None", data.get("failed_handle")),
        throttled=data.get("throttled") is True,
        bare=data.get("bare") is True,
        connection=cast("str | None", data.get("connection")),
    )


def dump_outcome(outcome: CallOutcome) -> JsonObject:
    data: JsonObject = {"output": to_json(outcome.output)}
    if outcome.handles != ("out",):
        data["handles"] = list(outcome.handles)
    if outcome.error is not None:
        data["error"] = dump_error(outcome.error)
    if outcome.retry_at is not None:
        data["retry_at"] = outcome.retry_at
    if outcome.lost:
        data["lost"] = True
    if not outcome.journaled:
        data["journaled"] = False
        data["input"] = to_json(outcome.input)
        data["logs"] = dump_lines(outcome.logs)
    if outcome.started_at is not None:
        data["started_at"] = outcome.started_at
    if outcome.finished_at is not None:
        data["finished_at"] = outcome.finished_at
    return data


def load_outcome(data: JsonObject) -> CallOutcome:
    handles = data.get("handles")
    return CallOutcome(
        output=from_json(data.get("output")),
        handles=tuple(str(handle) for handle in handles) if isinstance(handles, list) else ("out",),
        error=load_error(data.get("error")),
        retry_at=number(data.get("retry_at")),
        lost=bool(data.get("lost")),
        journaled=data.get("journaled") is not False,
        input=from_json(data.get("input")),
        logs=load_lines(data.get("logs")),
        started_at=number(data.get("started_at")),
        finished_at=number(data.get("finished_at")),
    )


_OPTIONAL = (
    "finished_at",
    "iteration",
    "handle",
    "wait",
    "wait_reason",
    "wait_until",
    "resume_url",
    "child_run_id",
    "mocked",
    "idempotency_key",
    "retry_at",
)


def dump_record(record: StepRecord) -> JsonObject:
    data: JsonObject = {
        "path": record.path,
        "step": record.step,
        "module": record.module,
        "attempt": record.attempt,
        "status": record.status.value,
        "started_at": record.started_at,
    }
    for name in _OPTIONAL:
        value = cast("Json", getattr(record, name))
        if value is not None:
            data[name] = value
    if record.input is not None:
        data["input"] = to_json(record.input)
    if record.output is not None:
        data["output"] = to_json(record.output)
    if record.error is not None:
        data["error"] = dump_error(record.error)
    if record.logs:
        data["logs"] = dump_lines(record.logs)
    return data


def load_record(data: JsonObject) -> StepRecord:
    return StepRecord(
        path=str(data["path"]),
        step=str(data["step"]),
        module=str(data["module"]),
        attempt=whole(data["attempt"]),
        status=StepStatus(str(data["status"])),
        started_at=number(data["started_at"]) or 0.0,
        finished_at=number(data.get("finished_at")),
        iteration=_whole_or_none(data.get("iteration")),
        input=from_json(data.get("input")),
        output=from_json(data.get("output")),
        error=load_error(data.get("error")),
        handle=_text(data.get("handle")),
        logs=load_lines(data.get("logs")),
        wait=cast("WaitKind | None", data.get("wait")),
        wait_reason=_text(data.get("wait_reason")),
        wait_until=number(data.get("wait_until")),
        resume_url=_text(data.get("resume_url")),
        child_run_id=_text(data.get("child_run_id")),
        mocked=cast("Mocked | None", data.get("mocked")),
        idempotency_key=_text(data.get("idempotency_key")),
        retry_at=number(data.get("retry_at")),
    )


def dump_end(end: RunEnd) -> JsonObject:
    return {
        "status": end.status.value,
        "output": to_json(end.output),
        "error": dump_error(end.error),
        "warnings": dump_lines(end.warnings),
    }


def load_end(data: JsonObject) -> RunEnd:
    return RunEnd(
        status=RunStatus(str(data["status"])),
        output=from_json(data.get("output")),
        error=load_error(data.get("error")),
        warnings=load_lines(data.get("warnings")),
    )


def obj(data: Json) -> JsonObject:
    """An object; raises `TypeError` for anything else."""
    if not isinstance(data, dict):
        raise TypeError(f"an object was expected, not {type(data).__name__}")
    return data


def number(data: Json) -> float | None:
    return float(data) if isinstance(data, int | float) else None


def whole(data: Json) -> int:
    if not isinstance(data, int):
        raise TypeError(f"an integer was expected, not {type(data).__name__}")
    return data


def _whole_or_none(data: Json) -> int | None:
    return data if isinstance(data, int) else None


def _text(data: Json) -> str | None:
    return data if isinstance(data, str) else None


def mapping(data: Json) -> Mapping[str, Json]:
    return data if isinstance(data, dict) else {}
