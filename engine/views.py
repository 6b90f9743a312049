"""Runs and steps as the API shows them. Times are RFC 3339 in UTC; what is absent is null, never left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_never

from db.ids import uuid7_time
from db.run_rows import QueuedFor, RunRow
from db.steps import StepRow, WaitingStep
from engine.expressions.values import Json

JsonObject = dict[str, Json]

_OPEN = ("queued", "running", "waiting")

_STEPS: dict[str, str] = {
    "event": "Waits for somebody to post to its address.",
    "timer": "Waits for a time.",
    "child": "Waits for the run that it started.",
    "throttle": "As many steps with this key have started as its throttle allows.",
}


def moment(value: datetime | None) -> str | None:
    """Microseconds and `Z`, so that texts sort as times do."""
    return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def version_shown(version: int) -> int | str:
    return version if version > 0 else "draft"


def run_view(run: RunRow, waiting: Sequence[WaitingStep] = (), *, away: bool = False) -> JsonObject:
    """A run. `waiting` are its own steps that wait; of an ended run nothing waits. `away`: Temporal can't be reached from here."""
    trigger = run.trigger if isinstance(run.trigger, dict) else {}
    return {
        **run_head(run),
        "trigger": run.trigger,
        "input": trigger.get("body"),
        "output": run.output,
        "error": run.error,
        "pinned": None
        if run.pinned_at is None
        else {"at": moment(run.pinned_at), "by": run.pinned_by, "reason": run.pinned_reason},
        "warnings": run.warnings if run.warnings is not None else [],
        "waiting_for": waiting_for(run, waiting, away),
    }


def run_head(run: RunRow) -> JsonObject:
    """A run without its data: what a stream tells."""
    return {
        "run_id": str(run.run_id),
        "workflow_id": str(run.workflow_id),
        "workflow": run.workflow,
        "version": version_shown(run.version),
        "status": run.status,
        "carrier": run.carrier,
        "trigger_type": run.trigger_type,
        "trigger_id": run.trigger_id,
        "test": run.test,
        "replay_of": _id(run.replay_of),
        "parent_run_id": _id(run.parent_run_id),
        "parent_path": run.parent_path,
        "queued_at": moment(uuid7_time(run.run_id)),  # by which runs are ordered and filtered
        "started_at": moment(run.started_at),
        "finished_at": moment(run.finished_at),
        "cancel_requested_at": moment(run.cancel_requested_at),
    }


def waiting_for(run: RunRow, waiting: Sequence[WaitingStep], away: bool = False) -> list[Json]:
    """Why the run isn't further than it is. `away`: Temporal can't be reached from here."""
    if run.status not in _OPEN:
        return []
    reasons: list[Json] = []
    if run.queued_for is not None:
        reasons.append(_reason(None, run.queued_for, _queued(run, run.queued_for, away), None, None))
    if run.trouble is not None:
        reasons.append(_reason(None, "retry", run.trouble, None, None))
    reasons.extend(
        _reason(one.path, one.kind, _told(one), one.until, one.resume_url)
        for one in waiting
        if one.run_id == run.run_id
    )
    return reasons


def step_view(row: StepRow) -> JsonObject:
    """One attempt of one step."""
    return {**step_head(row), "input": row.input, "output": row.output}


def step_head(row: StepRow) -> JsonObject:
    """One attempt without its data: what a stream tells."""
    return {
        "path": row.path,
        "step": row.step,
        "module": row.module,
        "iteration": row.iteration,
        "attempt": row.attempt,
        "status": row.status,
        "started_at": moment(row.started_at),
        "finished_at": moment(row.finished_at),
        "duration_ms": _duration(row),
        "error": row.error,
        "handle": row.handle,
        "logs": row.logs if row.logs is not None else [],
        "resume_url": row.resume_url,
        "child_run_id": _id(row.child_run_id),
        "mocked": row.mocked,
        "idempotency_key": row.idempotency_key,
        "retry_at": moment(row.retry_at),
        "waiting_for": None
        if row.wait_kind is None or row.status != "waiting"
        else {"kind": row.wait_kind, "reason": row.wait_reason, "until": moment(row.wait_until)},
    }


def _queued(run: RunRow, kind: QueuedFor, away: bool) -> str:
    match kind:
        case "key":
            return f"The run {run.queued_behind} with the same concurrency key {run.concurrency_key!r} has not ended."
        case "cap":
            return f"{run.open_runs} runs of the workflow {run.workflow!r} are open, and its max_concurrent_runs allows {run.cap}."
        case "start":
            if away:
                return "Temporal can't be reached at the moment; the run starts when it is back."
            if (run.start_attempts or 0) > 1:
                return f"Its start was tried {run.start_attempts} times and is tried again by itself."
            return "It is about to start."
        case _:
            assert_never(kind)


def _told(one: WaitingStep) -> str:
    if one.kind == "retry":
        failed = f" with {one.reason}" if one.reason else ""
        return (
            f"Attempt {one.attempt} failed{failed}; attempt {one.attempt + 1} waits for its time, {moment(one.until)}."
        )
    general = _STEPS[one.kind]
    if one.kind in ("event", "timer") and one.until is not None:
        general = f"{general.removesuffix('.')}, until {moment(one.until)}."
    return f"{general} ({one.reason})" if one.reason else general


def _reason(path: str | None, kind: str, reason: str, until: datetime | None, resume_url: str | None) -> Json:
    return {"path": path, "kind": kind, "reason": reason, "until": moment(until), "resume_url": resume_url}


def _duration(row: StepRow) -> Json:
    """Milliseconds; null while it goes on. Clocks of two hosts may differ, time never runs backwards here."""
    if row.finished_at is None:
        return None
    return max(0.0, round((row.finished_at - row.started_at).total_seconds() * 1000, 3))


def _id(value: object) -> str | None:
    return None if value is None else str(value)
