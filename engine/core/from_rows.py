"""From the rows of a run's log to the memo that a run is taken up with.

        recovery   the run's own rows, after its history was lost: all that ended stays ended, open waits go on with
    their times, and an open call is made
               again under its number, so that whoever makes it finds the row that was left
        replay     another run's rows and a step: what isn't downstream of the step is taken over and written again as
    rows of the new run; what had
               failed there is tried again, unless the failure had been dealt with inside of what is taken over

*Downstream* of a step are its successors by edges, everything after the containers that it stands in, the later iterations of a
`core.while` around it, the `catch` and `finally` of a `core.try` whose body it stands in, and all other branches of a
`core.race`. Iterations
of a `core.for_each` don't depend on each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from engine.core.memo import Memo, error_from_memo, outcome_entry
from engine.core.outcome import StepState
from engine.core.records import StepStatus, WaitKind
from engine.expressions.values import Json, Ref, Value

if TYPE_CHECKING:
    from engine.core.plan import Plan, ScopePlan, StepPlan

_SEGMENT = re.compile(r"(?P<id>[a-z][a-z0-9_]*)(?:\[(?P<index>\d+)\])?")

Segments: TypeAlias = "tuple[tuple[str, int | None], ...]"


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row of the log, as far as a memo needs it. Times are seconds; `handle` as the row has it."""

    path: str
    attempt: int
    status: StepStatus
    started_at: float
    finished_at: float | None = None
    input: Value = None
    output: Value = None
    error: Mapping[str, Json] | None = None
    handle: str | None = None
    retry_at: float | None = None
    wait: WaitKind | None = None
    wait_until: float | None = None
    child_run_id: str | None = None


class UnknownStep(LookupError):
    """The path names no step of the document."""


def from_rows(rows: Iterable[LogRow], plan: Plan, from_step: str | None = None) -> Memo:
    """The memo. With `from_step` a replay from there, which raises UnknownStep; without, a recovery."""
    known: dict[str, list[LogRow]] = {}
    for row in rows:
        if _step_at(plan, segments_of(row.path)) is not None:
            known.setdefault(row.path, []).append(row)
    for attempts in known.values():
        attempts.sort(key=lambda row: row.attempt)
    return _recovered(known, plan) if from_step is None else _replayed(known, plan, from_step)


def segments_of(path: str) -> Segments:
    """`each[3].line` as `(("each", 3), ("line", None))`; empty where it is no path."""
    found: list[tuple[str, int | None]] = []
    for part in path.split("."):
        match = _SEGMENT.fullmatch(part)
        if match is None:
            return ()
        found.append((match["id"], None if match["index"] is None else int(match["index"])))
    return tuple(found)


# recovery


def _recovered(known: dict[str, list[LogRow]], plan: Plan) -> Memo:
    memo: Memo = {}
    numbers: dict[str, Value] = {}
    responded = False
    again = {
        path: max(row.finished_at or row.started_at for row in tried)
        for path, attempts in known.items()
        if (tried := [row for row in attempts if row.retry_at is not None])
    }
    for path, attempts in known.items():
        last = attempts[-1]
        step = _step_at(plan, segments_of(path))
        assert step is not None
        began = max((again[above] for above in _containers(path) if above in again), default=None)
        if (began is not None and last.started_at < began) or last.status is StepStatus.CANCELLED:
            numbers[path] = last.attempt
        elif last.status is StepStatus.RUNNING or last.status is StepStatus.WAITING or last.retry_at is not None:
            memo[path] = _open_entry(attempts)
        elif _lost(last) and not step.slots and step.step.retry.on_lost == "retry":
            # Whoever found the lost attempt wrote its end; that it is made again was only in the history that is gone.
            memo[path] = _next_entry(attempts, None)
        elif not _made_again(step, last):
            memo[path] = outcome_entry(_state(last))
        responded = responded or (step.module.name == "core.respond" and last.status is StepStatus.SUCCEEDED)
    if numbers or responded:
        memo[""] = {"numbers": numbers, "responded": responded}
    return memo


def _open_entry(attempts: list[LogRow]) -> dict[str, Value]:
    last = attempts[-1]
    counted = sum(1 for row in attempts if not _lost(row))
    if last.retry_at is not None:
        return _next_entry(attempts, last.retry_at)
    if last.status is StepStatus.WAITING and last.wait == "throttle":
        return {"p": {"a": last.attempt, "c": counted, "at": None, "s": last.started_at, "n": {}, "t": last.wait_until}}
    progress: dict[str, Value] = {}
    if last.status is StepStatus.WAITING:
        if last.wait == "child":
            progress["child"] = last.child_run_id
        elif last.wait is not None:
            progress["until"] = last.wait_until
    return {"p": {"a": last.attempt, "c": counted, "at": None, "s": last.started_at, "n": progress}}


def _next_entry(attempts: list[LogRow], at: float | None) -> dict[str, Value]:
    """The attempt after the last one, at that time. Lost ones aren't counted."""
    counted = sum(1 for row in attempts if not _lost(row))
    return {"p": {"a": attempts[-1].attempt + 1, "c": counted + 1, "at": at, "s": None, "n": {}}}


def _lost(row: LogRow) -> bool:
    return row.error is not None and row.error.get("code") == "worker.lost"


def _containers(path: str) -> list[str]:
    """The paths of the steps around it: `a`, `a.b` and `a.b[2]` without the index, for `a.b[2].c`."""
    found: list[str] = []
    position = path.find(".")
    while position >= 0:
        found.append(re.sub(r"\[\d+\]$", "", path[:position]))
        position = path.find(".", position + 1)
    return found


# replay


def _replayed(known: dict[str, list[LogRow]], plan: Plan, from_step: str) -> Memo:
    chain = segments_of(from_step)
    if _step_at(plan, chain) is None:
        raise UnknownStep(f"the document has no step at {from_step!r}")
    cut = _Cut(plan, chain)
    kept: Memo = {}
    for path in sorted(known, key=lambda path: (path.count("."), path)):
        row = known[path][-1]
        segments = segments_of(path)
        step = _step_at(plan, segments)
        assert step is not None
        if cut.drops(path, segments) or _made_again(step, row) or not _taken_over(row, step, plan, segments, kept):
            continue
        state = _state(row)
        state.attempt = 1
        kept[path] = {**outcome_entry(state), "new": True, "i": row.input}
    return kept


def _taken_over(row: LogRow, step: StepPlan, plan: Plan, segments: Segments, kept: Memo) -> bool:
    if row.status is StepStatus.SUCCEEDED:
        return True
    if row.status is not StepStatus.FAILED or row.retry_at is not None:
        return False
    if step.step.on_error != "fail" or any(above in kept for above in _containers(row.path)):
        return True
    return _in_forgiving_loop(plan, segments)


def _in_forgiving_loop(plan: Plan, segments: Segments) -> bool:
    for end in range(len(segments) - 1, 0, -1):
        if segments[end - 1][1] is not None:
            loop = _step_at(plan, segments[:end])
            return loop is not None and loop.step.inputs.get("on_item_error") == "continue"
    return False


class _Cut:
    """What a replay from a step makes anew."""

    def __init__(self, plan: Plan, chain: Segments) -> None:
        self._exact: set[str] = set()
        self._below: list[str] = []
        self._later: list[tuple[str, int]] = []
        scope, prefix = plan.root, ""
        for position, (id_, index) in enumerate(chain):
            step = scope.by_id[id_]
            last = position + 1 == len(chain)
            self._drop(prefix, _successors(step))
            if last:
                self._drop(prefix, [step])
                return
            self._exact.add(prefix + id_)
            inside = f"{prefix}{id_}." if index is None else f"{prefix}{id_}[{index}]."
            if index is not None and step.module.name == "core.while":
                self._later.append((f"{prefix}{id_}[", index))
            child = chain[position + 1][0]
            scope = _slot_of(step, child)
            if step.module.name == "core.race":
                upstream = _upstream(scope, scope.by_id[child])
                self._drop(inside, [each for each in scope.steps if each.id not in upstream and each.id != child])
            elif step.module.name == "core.try":
                for slot in _slots_after(step, scope):
                    self._drop(inside, slot.steps)
            prefix = inside

    def drops(self, path: str, segments: Segments) -> bool:
        if path in self._exact:
            return True
        if any(path == below or path.startswith((f"{below}.", f"{below}[")) for below in self._below):
            return True
        return any(
            path.startswith(prefix) and int(path[len(prefix) : path.index("]", len(prefix))]) > index
            for prefix, index in self._later
        )

    def _drop(self, prefix: str, steps: Iterable[StepPlan]) -> None:
        self._below += [prefix + step.id for step in steps]


def _successors(step: StepPlan) -> list[StepPlan]:
    found: dict[str, StepPlan] = {}
    waiting = list(step.targets)
    while waiting:
        target = waiting.pop()
        if target.id not in found:
            found[target.id] = target
            waiting.extend(target.targets)
    return list(found.values())


def _upstream(scope: ScopePlan, step: StepPlan) -> dict[str, StepPlan]:
    return {each.id: each for each in scope.steps if any(after.id == step.id for after in _successors(each))}


def _slots_after(step: StepPlan, scope: ScopePlan) -> list[ScopePlan]:
    """Of a try: the slots that are carried out after the given one."""
    order = ("body", "catch", "finally")
    position = next(place for place, name in enumerate(order) if step.slots[name] is scope)
    return [step.slots[name] for name in order[position + 1 :]]


def _slot_of(step: StepPlan, child: str) -> ScopePlan:
    return next(scope for scope in step.slots.values() if child in scope.by_id)


# both


def _step_at(plan: Plan, segments: Segments) -> StepPlan | None:
    scopes: list[ScopePlan] = [plan.root]
    step: StepPlan | None = None
    for id_, _ in segments:
        step = next((scope.by_id[id_] for scope in scopes if id_ in scope.by_id), None)
        if step is None:
            return None
        scopes = list(step.slots.values())
    return step


def _made_again(step: StepPlan, row: LogRow) -> bool:
    """Whether it is simply evaluated again: its row doesn't say all that it did, and it costs nothing."""
    return step.inline and (step.module.name == "core.stop" or isinstance(row.output, Ref))


def _state(row: LogRow) -> StepState:
    return StepState(
        row.status,
        attempt=row.attempt,
        output=row.output,
        handles=tuple(row.handle.split(",")) if row.handle else (),
        error=None if row.error is None else error_from_memo(dict(row.error)),
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
