"""What a run is taken up with: how steps ended, and how far open ones are, by path.

One flat dict serves three uses:

    continued history   `Run.snapshot` of the run before
    recovery            the rows of the same run, after Temporal's store was lost
    replay from a step  the rows of another run without what is downstream of the step; written again as rows of the new one

    path  → {"o": [status, attempt, handles, output, error, started_at, finished_at], "k": kept, "new": true, "i": input}     ended
          → {"p": {"a": attempt, "c": counted, "at": retry_at, "s": started_at, "n": progress of its node}}                      open
                 and "t": its time, while its throttle holds it up, "u": if that is not the first one
    ""    → {"numbers": {path: attempt}, "responded": bool}                                                                       the run

Values may hold references; whoever stores a memo must keep them apart from data that looks like one. A step is looked
up when it starts and its entry taken
out, so that a second attempt of a container doesn't meet the first one's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from engine.core.errors import StepError
from engine.core.outcome import StepState
from engine.core.records import StepStatus
from engine.expressions.values import Json, Value, as_value

if TYPE_CHECKING:
    from engine.core.activity import Activity
    from engine.core.frame import Frame

Memo: TypeAlias = "dict[str, Value]"


def outcome_entry(state: StepState) -> dict[str, Value]:
    """The entry of an ended step."""
    entry: dict[str, Value] = {
        "o": [
            state.status.value,
            state.attempt,
            [*state.handles],
            state.output,
            None if state.error is None else as_value(error_to_memo(state.error)),
            state.started_at,
            state.finished_at,
        ]
    }
    if state.kept is not None:
        entry["k"] = state.kept
    return entry


def progress_entry(activity: Activity) -> dict[str, Value]:
    """The entry of an open step."""
    progress: dict[str, Value] = {
        "a": activity.attempt,
        "c": activity.counted,
        "at": activity.retry_at,
        "s": activity.started_at if activity.begun else None,
        "n": activity.progress if activity.keep is None else activity.keep(),
    }
    if activity.slot is not None:
        progress["t"] = activity.slot
    if activity.turn:
        progress["u"] = activity.turn
    return {"p": progress}


def is_open(entry: Value) -> bool:
    """Whether the step had begun and not ended."""
    return isinstance(entry, dict) and "p" in entry


def is_outcome(entry: Value) -> bool:
    """Whether the step has ended, otherwise than by being cancelled."""
    return isinstance(entry, dict) and "o" in entry and not is_cancelled(entry)


def is_cancelled(entry: Value) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("o"), list) and _list(entry["o"])[0] == "cancelled"


def is_new(entry: Value) -> bool:
    """Whether it must be written as a row of this run."""
    return isinstance(entry, dict) and entry.get("new") is True


def input_of(entry: Value) -> Value:
    """The input that the row showed."""
    return entry.get("i") if isinstance(entry, dict) else None


def state_from_memo(entry: Value) -> StepState | None:
    """An ended step; None of an open one."""
    if not isinstance(entry, dict) or "o" not in entry:
        return None
    status, attempt, handles, output, error, started_at, finished_at = _list(entry["o"])
    return StepState(
        StepStatus(cast("str", status)),
        attempt=cast("int", attempt),
        output=output,
        handles=tuple(cast("list[str]", handles)),
        error=None if error is None else error_from_memo(cast("dict[str, Json]", error)),
        started_at=cast("float | None", started_at),
        finished_at=cast("float | None", finished_at),
        mocked="replay" if is_new(entry) else None,
        kept=entry.get("k"),
    )


def progress_of(entry: Value) -> tuple[int, int, float | None, float | None, dict[str, Value]]:
    """Of an open step: attempt, attempts that count, time of the retry, start of the attempt, its node's progress."""
    data = cast("dict[str, Value]", cast("dict[str, Value]", entry)["p"])
    return (
        cast("int", data["a"]),
        cast("int", data["c"]),
        cast("float | None", data["at"]),
        cast("float | None", data["s"]),
        dict(cast("dict[str, Value]", data["n"])),
    )


def slot_of(entry: Value) -> tuple[float | None, int]:
    """Of an open step that its throttle holds up: the time that is kept for it, and which of its turns that is."""
    data = cast("dict[str, Value]", cast("dict[str, Value]", entry)["p"])
    return cast("float | None", data.get("t")), cast("int", data.get("u", 0))


def error_to_memo(error: StepError) -> dict[str, Json]:
    return {**error.to_json(), "retry_after": error.retry_after}


def error_from_memo(data: dict[str, Json]) -> StepError:
    """Of an error as `error_to_memo` or `StepError.to_json` gave it."""
    return StepError(
        code=cast("str", data["code"]),
        message=cast("str", data.get("message") or ""),
        step=cast("str | None", data.get("step")),
        retryable=data.get("retryable") is True,
        details=cast("dict[str, Json]", data.get("details") or {}),
        retry_after=cast("float | None", data.get("retry_after")),
    )


def numbers_of(memo: Memo) -> dict[str, int]:
    """The last attempts that the memo knows of."""
    run = memo.get("")
    return dict(cast("dict[str, int]", run["numbers"])) if isinstance(run, dict) and "numbers" in run else {}


def responded_in(memo: Memo) -> bool:
    """Whether the run has answered its caller."""
    run = memo.get("")
    return isinstance(run, dict) and run.get("responded") is True


def collect(frame: Frame, memo: Memo) -> None:
    """Adds what an open frame, and the ended ones that it still reads, know."""
    for id_, state in frame.states.items():
        memo[frame.prefix + id_] = outcome_entry(state)
    for inner in frame.exports.values():
        for ended in inner:
            collect(ended, memo)
    for id_, activity in frame.live.items():
        memo[frame.prefix + id_] = progress_entry(activity)
        for opened in activity.inner:
            collect(opened, memo)


def restore_inner(activity: Activity, memo: Memo) -> None:
    """Opens the frames of an ended `core.try` again, with the inner steps that the memo has."""
    if not activity.plan.node.exports:
        return
    for slot in activity.plan.slots:
        frame = activity.open(slot, f"{activity.path}.")
        for step in frame.plan.steps:
            entry = memo.pop(frame.prefix + step.id, None)
            state = None if entry is None else state_from_memo(entry)
            if state is not None:
                inner = activity.beside(frame, step)
                if step.slots:
                    restore_inner(inner, memo)
                    inner.export()
                frame.states[step.id] = state


def _list(value: Value) -> list[Value]:
    assert isinstance(value, list)
    return value
