"""One step being carried out in one frame: from its first attempt to its end.

    remembered ── ended already, in what the run was taken up with: nothing is written again
    disabled ──── skipped, gives `out`
    attempt n ─── mock | node | call ──► succeeded
                       │ failed ──► retry at a time ──► attempt n+1
                       │       └──► ended failed: on_error decides what it gives
                       │ lost ────► attempt n+1 at once with the same key, not counted
                       └ cancelled

A throttled attempt first waits for its turn (`throttle.py`). Each attempt ends in exactly one terminal row. Rows of
module calls are the carrier's (`CallOutcome.journaled`); all others are written here. A step whose node takes no time
is settled by `settle_at_once`, without a task; what that can't finish (data kept by reference, a retry, a mock list)
goes the long way from the beginning, which is right because nothing was written yet.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.core.activity import Activity
from engine.core.calling import call_of, handles_of_failure
from engine.core.errors import Failed, StepError
from engine.core.frame import Frame
from engine.core.memo import input_of, is_new, progress_of, slot_of, state_from_memo
from engine.core.mocks import Stand, stand_in
from engine.core.node import Inputs
from engine.core.outcome import OUT, Flow, Outcome, StepState
from engine.core.records import Mocked, StepRecord, StepStatus
from engine.core.retry import RetryPolicy, decide, retryable
from engine.core.sizes import larger_than
from engine.core.throttle import take_turn
from engine.expressions.errors import ExpressionError, NeedsData
from modules.sdk.verdicts import ModuleError

if TYPE_CHECKING:
    from engine.core.interpreter import Run
    from engine.core.plan import EffectName, StepPlan

MAX_WHOLE = 20 * 2**20
"""The largest input or output of a step, in bytes of JSON, about."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one attempt gave: an outcome or an error. `journaled`: its row is written, and `retry_at` decided, by the carrier."""

    outcome: Outcome | None = None
    error: StepError | None = None
    journaled: bool = False
    lost: bool = False
    retry_at: float | None = None
    finished_at: float | None = None
    mocked: Mocked | None = None


def settle_at_once(at: Activity) -> bool:
    """Ends the step without waiting, if that can be: True. Raises as `perform` does."""
    run, frame, plan = at.run, at.frame, at.plan
    if run.memo and _remembered(at):
        return True
    if plan.step.disabled:
        skip(run, frame, plan, OUT)
        return True
    frame.live[plan.id] = at
    evaluate = plan.node.evaluate
    if evaluate is None or plan.throttle is not None or run.mocked or frame.renumbered or at.progress or at.attempt > 1:
        return False
    at.started_at = run.effects.now()
    try:
        inputs = at.rendered()
        outcome = evaluate(at, inputs)
    except NeedsData:
        return False
    except (ExpressionError, Failed, ModuleError) as error:
        if plan.step.retry.max_attempts is not None:
            return False
        _end_failed(at, Result(error=at.error_of(error)), {})
    else:
        if larger_than(outcome.output, MAX_WHOLE):
            _end_failed(at, Result(error=_too_large()), {})
        else:
            _end(at, Result(outcome), outcome, inputs)
    return True


def _remembered(at: Activity) -> bool:
    entry = at.run.recall(at.path)
    if entry is None:
        return False
    state = state_from_memo(entry)
    if state is not None and state.status is StepStatus.CANCELLED:
        at.attempt = state.attempt + 1
        return False
    if state is None:
        at.attempt, at.counted, at.retry_at, started, at.progress = progress_of(entry)
        at.slot, at.turn = slot_of(entry)
        if started is not None:
            at.started_at = started
            at.begun = at.resumed = True
        return False
    at.attempt = state.attempt
    at.resumed = True
    if is_new(entry):
        at.started_at = at.run.effects.now() if state.started_at is None else state.started_at
        at.write(state.status, input_of(entry), state=state, mocked="replay")
    if at.plan.slots:
        at.run.restore_inner(at)
    _settle(at, state)
    return True


async def perform(at: Activity) -> None:
    """Carries the step out to its end. Raises Failed where its `on_error` is `fail`, Flow where it leaves the scope, CancelledError."""
    try:
        while not await _attempt(at):
            pass
    except asyncio.CancelledError:
        if at.plan.id not in at.frame.states:
            _cancelled(at)
            at.frame.live.pop(at.plan.id, None)
            at.export()
        raise
    except Flow:
        if at.plan.id not in at.frame.states:  # else it left the scope by ending
            _cancelled(at)  # and stays live: why it is left stands in its inner steps
        raise


async def _attempt(at: Activity) -> bool:
    """One attempt, after the wait before it. False: there is another to make."""
    run = at.run
    if at.retry_at is not None:
        at.waiting = True
        await at.sleep_until(at.retry_at)
        at.waiting = False
        at.retry_at = None
    await at.gate()
    if not at.begun:
        if run.numbers:
            at.attempt = max(at.attempt, run.numbers.get(at.path, 0) + 1)
        at.started_at = run.effects.now()
        at.begun = True
    inputs: Inputs | None = {}
    policy = at.plan.policy(False, "write")
    try:
        at.effect, idempotent = await _effect(at)
        policy = at.plan.policy(idempotent, at.effect)
        at.many = policy.max_attempts > 1
        stand = stand_in(run.start.options, at) if run.mocked else None
        if stand is not None:
            inputs = _shown(at)
            result = _stood_in(at, stand)
        else:
            await take_turn(at)
            inputs, result = await _work(at, idempotent, policy)
    except (ExpressionError, Failed, ModuleError) as error:
        result = Result(error=at.error_of(error))
    if at.waiting and result.error is not None:
        inputs = None  # the row that says what it waited for has them
    if at.plan.slots:
        await at.gate()  # what follows from the inner steps follows again
    if at.frame.renumbered:
        run.numbers[at.path] = at.attempt
    return _settled(at, result, inputs, policy)


async def _work(at: Activity, idempotent: bool, policy: RetryPolicy) -> tuple[Inputs, Result]:
    node = at.plan.node
    if node.evaluate is not None:
        try:
            inputs = at.rendered()
            return inputs, Result(node.evaluate(at, inputs))
        except NeedsData:
            if node.elsewhere:
                return {}, await _call(at, idempotent, policy)
        inputs = await at.resolved(whole=True)
        return inputs, Result(node.evaluate(at, inputs))
    run = node.run
    if run is None:
        return {}, await _call(at, idempotent, policy)
    inputs = await at.resolved(whole=node.whole)
    if at.plan.slots:
        at.write_open(StepStatus.RUNNING, inputs)
    limit = at.plan.step.timeout
    if limit is None:
        return inputs, Result(await run(at, inputs))
    return inputs, Result(await at.within(lambda: run(at, inputs), at.started_at + limit, limit))


async def _call(at: Activity, idempotent: bool, policy: RetryPolicy) -> Result:
    call = call_of(at, idempotent, policy)
    with at.run.calling():
        found = await at.run.effects.call_module(call)
    outcome = Outcome(found.output, found.handles, found.logs)
    return Result(
        outcome if found.error is None else None,
        found.error,
        found.journaled,
        found.lost,
        found.retry_at,
        found.finished_at,
    )


def _stood_in(at: Activity, stand: Stand) -> Result:
    if stand.error is not None:
        return Result(error=stand.error, mocked=stand.source)
    handles = (stand.handle or _usual_handle(at),)
    return Result(Outcome(stand.output, handles), mocked=stand.source)


def _usual_handle(at: Activity) -> str:
    handles = at.plan.module.handles
    return handles[0] if handles and "out" not in handles else "out"


def _settled(at: Activity, result: Result, inputs: Inputs | None, policy: RetryPolicy) -> bool:
    """Takes what an attempt gave; True when the step has ended with it."""
    effects = at.run.effects
    error = result.error
    if result.outcome is not None:
        if result.journaled or not larger_than(result.outcome.output, MAX_WHOLE):
            _end(at, result, result.outcome, inputs)
            return True
        error = _too_large()
    assert error is not None
    error = error.at(at.path)
    if not result.journaled:
        error = replace(error, retryable=retryable(error.code, policy, error.retryable or None))
    again: float | None
    if result.lost:
        again = effects.now() if policy.on_lost == "retry" else None
    elif result.journaled:
        again = result.retry_at
    else:
        delay = decide(error, at.counted, policy, effects.random())
        again = None if delay is None else effects.now() + delay
    result = replace(result, error=error)
    if again is None:
        _end_failed(at, result, inputs)
        return True
    if not result.journaled:
        at.write(StepStatus.FAILED, inputs, error=error, mocked=result.mocked, retry_at=again)
    at.attempt += 1
    if not result.lost:
        at.counted += 1
        at.retry_at = again
    at.begun = at.resumed = at.waiting = False
    at.slot = None
    at.turn = 0
    at.progress = {}
    at.keep = None
    at.inner = []
    at.run.forget(at.path)
    return False


def _end(at: Activity, result: Result, outcome: Outcome, inputs: Inputs | None) -> None:
    state = StepState(
        StepStatus.SUCCEEDED,
        attempt=at.attempt,
        output=outcome.output,
        handles=outcome.handles,
        started_at=at.started_at,
        finished_at=at.run.effects.now() if result.finished_at is None else result.finished_at,
        mocked=result.mocked,
        kept=outcome.kept,
    )
    if not result.journaled:
        at.write(
            state.status,
            inputs,
            state=state,
            logs=outcome.logs,
            child_run_id=outcome.child_run_id,
            mocked=result.mocked,
        )
    _settle(at, state)


def _end_failed(at: Activity, result: Result, inputs: Inputs | None) -> None:
    assert result.error is not None
    state = StepState(
        StepStatus.FAILED,
        attempt=at.attempt,
        handles=handles_of_failure(at.plan),
        error=result.error.at(at.path),
        started_at=at.started_at,
        finished_at=at.run.effects.now() if result.finished_at is None else result.finished_at,
        mocked=result.mocked,
    )
    if not result.journaled:
        at.write(state.status, inputs, state=state, mocked=result.mocked)
    _settle(at, state)


def _cancelled(at: Activity) -> None:
    now = at.run.effects.now()
    if not at.begun and at.attempt == 1:
        return
    state = StepState(StepStatus.CANCELLED, attempt=at.attempt, started_at=at.started_at, finished_at=now)
    if at.begun:  # between two attempts nothing is in flight, and the failed one has its row
        at.write(state.status, state=state)
        if at.frame.renumbered:
            at.run.numbers[at.path] = at.attempt
    at.frame.states[at.plan.id] = state


def _settle(at: Activity, state: StepState) -> None:
    plan, frame = at.plan, at.frame
    frame.live.pop(plan.id, None)
    frame.states[plan.id] = state
    at.export()
    if state.status is StepStatus.FAILED:
        if plan.step.on_error == "fail" and state.error is not None:
            raise Failed(state.error)
    elif plan.node.after is not None and state.status is StepStatus.SUCCEEDED:
        plan.node.after(at, state)


def _shown(at: Activity) -> Inputs:
    """The inputs for the row of a step that something stands in for; empty where they would have to be fetched."""
    try:
        return at.rendered()
    except NeedsData:
        return {}


async def _effect(at: Activity) -> tuple[EffectName, bool]:
    plan = at.plan.effect
    if plan.fixed is not None:
        return plan.fixed
    assert plan.source is not None
    return plan.of(await at.value_of(plan.source, at.frame))


def skip(run: Run, frame: Frame, plan: StepPlan, handles: tuple[str, ...] = ()) -> None:
    """Ends a step that isn't carried out; a disabled one gives `out`."""
    path = frame.prefix + plan.id
    frame.states[plan.id] = StepState(StepStatus.SKIPPED, attempt=0, handles=handles)
    if run.memo and run.recall(path) is not None:
        return
    now = run.effects.now()
    run.effects.emit(
        StepRecord(
            path=path,
            step=plan.id,
            module=plan.module.name,
            attempt=0,
            status=StepStatus.SKIPPED,
            started_at=now,
            finished_at=now,
            iteration=frame.iteration,
            handle=",".join(handles) or None,
        )
    )


def _too_large() -> StepError:
    return StepError("payload.too_large", "the step's output is larger than 20 MB: pass on less, or write it to a file")
