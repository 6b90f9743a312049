"""One step being carried out in one frame: from its first attempt to its end.

    remembered ── ended already, in what the run was taken up with: nothing is written again
    disabled ──── skipped, gives `out`
    attempt n ─── mock | node | call ──► succeeded
                       │ failed ──► retry at a time ──► attempt n+1
                       │       └──► ended failed: on_error decides what it gives
                       │ lost ────► attempt n+1 at once with the same key, not counted
                       └ cancelled

Each attempt ends in exactly one terminal row. Rows of module calls are the carrier's (`CallOutcome.journaled`); all others are written here. A step whose
node takes no time is settled by `settle_at_once`, without a task; what that can't finish (data kept by reference, a retry, a mock list)
goes the long way from the beginning, which is right because nothing was written yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, cast

from engine.core.crew import Crew
from engine.core.effects import ModuleCall
from engine.core.errors import Failed, StepError
from engine.core.frame import Frame
from engine.core.memo import input_of, is_new, progress_of, state_from_memo
from engine.core.mocks import Stand, stand_in
from engine.core.needs import pruned
from engine.core.node import Inputs
from engine.core.outcome import OUT, Flow, Outcome, StepState
from engine.core.records import Mocked, StepRecord, StepStatus, WaitKind
from engine.core.retry import RetryPolicy, decide, retryable
from engine.core.sizes import holds_reference, larger_than
from engine.core.source import Source
from engine.core.times import rfc3339
from engine.expressions.errors import ExpressionError, NeedsData
from engine.expressions.values import Json, Value
from modules.sdk.verdicts import ModuleError

if TYPE_CHECKING:
    from engine.core.interpreter import Run
    from engine.core.plan import EffectName, StepPlan

T = TypeVar("T")

MAX_WHOLE = 20 * 2**20
"""The largest input or output of a step, in bytes of JSON, about."""


@dataclass(frozen=True, slots=True)
class _Result:
    """What one attempt gave: an outcome or an error. `journaled`: its row is written, and `retry_at` decided, by the carrier."""

    outcome: Outcome | None = None
    error: StepError | None = None
    journaled: bool = False
    lost: bool = False
    retry_at: float | None = None
    finished_at: float | None = None
    mocked: Mocked | None = None


class Activity:
    """See the module's text. Nodes get it as their view of the run."""

    __slots__ = (
        "attempt",
        "begun",
        "counted",
        "effect",
        "frame",
        "inner",
        "keep",
        "many",
        "path",
        "plan",
        "progress",
        "retry_at",
        "run",
        "started_at",
        "waiting",
    )

    def __init__(self, run: Run, frame: Frame, plan: StepPlan) -> None:
        self.run = run
        self.frame = frame
        self.plan = plan
        self.path = frame.prefix + plan.id
        self.attempt = 1
        self.counted = 1
        """Attempts that count, the present one included."""
        self.started_at = 0.0
        self.effect: EffectName = "none"
        self.many = False
        """Whether it may be tried again, so that what is inside of it must be numbered on."""
        self.begun = False
        self.waiting = False
        self.retry_at: float | None = None
        self.progress: dict[str, Value] = {}
        """What the node must know again to go on in a continued history."""
        self.keep: Callable[[], dict[str, Value]] | None = None
        """Gives `progress` when it is asked for, where to keep it up to date would cost in each iteration."""
        self.inner: list[Frame] = []
        """A container's frames: those in work, and those whose ended steps are still read."""

    # --- what expressions see -----------------------------------------------------------------------------------

    def view(self) -> dict[str, Value]:
        """What `steps.<id>` shows while it hasn't ended."""
        status = "pending" if not self.begun else "waiting" if self.waiting else "running"
        started = rfc3339(self.started_at) if self.begun else None
        return {"status": status, "error": None, "started_at": started, "finished_at": None}

    # --- the short way -------------------------------------------------------------------------------------------

    def settle_at_once(self) -> bool:
        """Ends the step without waiting, if that can be: True. Raises as `perform` does."""
        run, frame, plan = self.run, self.frame, self.plan
        if run.memo and self._remembered():
            return True
        if plan.step.disabled:
            skip(run, frame, plan, OUT)
            return True
        frame.live[plan.id] = self
        evaluate = plan.node.evaluate
        if evaluate is None or run.mocked or frame.renumbered or self.progress or self.attempt > 1:
            return False
        self.started_at = run.effects.now()
        try:
            inputs = self.rendered()
            outcome = evaluate(self, inputs)
        except NeedsData:
            return False
        except (ExpressionError, Failed, ModuleError) as error:
            if plan.step.retry.max_attempts is not None:
                return False
            self._end_failed(_Result(error=self.error_of(error)), {})
        else:
            if larger_than(outcome.output, MAX_WHOLE):
                self._end_failed(_Result(error=_too_large()), {})
            else:
                self._end(_Result(outcome), outcome, inputs)
        return True

    def _remembered(self) -> bool:
        entry = self.run.recall(self.path)
        if entry is None:
            return False
        state = state_from_memo(entry)
        if state is None:
            self.attempt, self.counted, self.retry_at, started, self.progress = progress_of(entry)
            if started is not None:
                self.started_at = started
                self.begun = True
            return False
        self.attempt = state.attempt
        if is_new(entry):
            self.started_at = self.run.effects.now() if state.started_at is None else state.started_at
            self._write(state.status, state=state, input_=input_of(entry))
        if self.plan.slots:
            self.run.restore_inner(self)
        self._settle(state)
        return True

    # --- the long way --------------------------------------------------------------------------------------------

    async def perform(self) -> None:
        """Carries the step out to its end. Raises Failed where its `on_error` is `fail`, Flow where it leaves the scope, CancelledError."""
        try:
            while not await self._attempt():
                pass
        except (asyncio.CancelledError, Flow):
            if self.plan.id not in self.frame.states:  # else it left the scope by ending
                self._cancelled()
            raise

    async def _attempt(self) -> bool:
        """One attempt, after the wait before it. False: there is another to make."""
        run = self.run
        if self.retry_at is not None:
            self.waiting = True
            await self.sleep_until(self.retry_at)
            self.waiting = False
            self.retry_at = None
        await self.gate()
        if not self.begun:
            if self.frame.renumbered:
                self.attempt = max(self.attempt, run.numbers.get(self.path, 0) + 1)
            self.started_at = run.effects.now()
            self.begun = True
        inputs: Inputs = {}
        policy = self.plan.policy(False, "write")
        try:
            self.effect, idempotent = await self._effect()
            policy = self.plan.policy(idempotent, self.effect)
            self.many = policy.max_attempts > 1
            stand = stand_in(run.start.options, self) if run.mocked else None
            if stand is not None:
                inputs = self._shown()
                result = self._stood_in(stand)
            else:
                inputs, result = await self._work(idempotent, policy)
        except (ExpressionError, Failed, ModuleError) as error:
            result = _Result(error=self.error_of(error))
        if self.plan.slots:
            await self.gate()  # what follows from the inner steps follows again
        if self.frame.renumbered:
            run.numbers[self.path] = self.attempt
        return self._settled(result, inputs, policy)

    async def _work(self, idempotent: bool, policy: RetryPolicy) -> tuple[Inputs, _Result]:
        node, effects = self.plan.node, self.run.effects
        if node.evaluate is not None:
            try:
                inputs = self.rendered()
                return inputs, _Result(node.evaluate(self, inputs))
            except NeedsData:
                if node.elsewhere:
                    return {}, await self._call(idempotent, policy)
            inputs = await self.resolved(whole=True)
            return inputs, _Result(node.evaluate(self, inputs))
        run = node.run
        if run is None:
            return {}, await self._call(idempotent, policy)
        inputs = await self.resolved(whole=node.whole)
        if self.plan.slots:
            effects.emit(self._record(StepStatus.RUNNING, inputs))
        limit = self.plan.step.timeout
        if limit is None:
            return inputs, _Result(await run(self, inputs))
        return inputs, _Result(await self.within(lambda: run(self, inputs), self.started_at + limit, limit))

    async def _call(self, idempotent: bool, policy: RetryPolicy) -> _Result:
        plan, frame = self.plan, self.frame
        call = ModuleCall(
            path=self.path,
            step=plan.id,
            module=plan.module.name,
            version=plan.module.version,
            attempt=self.attempt,
            iteration=frame.iteration,
            inputs=cast("dict[str, Json]", plan.inputs.value),
            scope=pruned(frame.scope(plan.call_needs), plan.call_needs),
            idempotency_key=self.key,
            timeout=plan.module.timeout if plan.step.timeout is None else plan.step.timeout,
            effect=self.effect,
            idempotent=idempotent,
            on_lost=policy.on_lost,
            long=plan.module.long,
            started_at=self.started_at,
            retry={**policy.to_json(), "counted": self.counted},
        )
        with self.run.calling():
            found = await self.run.effects.call_module(call)
        outcome = Outcome(found.output, found.handles, found.logs)
        return _Result(
            outcome if found.error is None else None,
            found.error,
            found.journaled,
            found.lost,
            found.retry_at,
            found.finished_at,
        )

    def _stood_in(self, stand: Stand) -> _Result:
        if stand.error is not None:
            return _Result(error=stand.error, mocked=stand.source)
        handles = (stand.handle or self._usual_handle(),)
        return _Result(Outcome(stand.output, handles), mocked=stand.source)

    def _usual_handle(self) -> str:
        handles = self.plan.module.handles
        return handles[0] if handles and "out" not in handles else "out"

    def _settled(self, result: _Result, inputs: Inputs, policy: RetryPolicy) -> bool:
        """Takes what an attempt gave; True when the step has ended with it."""
        effects = self.run.effects
        error = result.error
        if result.outcome is not None:
            if result.journaled or not larger_than(result.outcome.output, MAX_WHOLE):
                self._end(result, result.outcome, inputs)
                return True
            error = _too_large()
        assert error is not None
        error = error.at(self.path)
        if not result.journaled:
            error = replace(error, retryable=retryable(error.code, policy, error.retryable or None))
        again: float | None
        if result.lost:
            again = effects.now() if policy.on_lost == "retry" else None
        elif result.journaled:
            again = result.retry_at
        else:
            delay = decide(error, self.counted, policy, effects.random())
            again = None if delay is None else effects.now() + delay
        result = replace(result, error=error)
        if again is None:
            self._end_failed(result, inputs)
            return True
        if not result.journaled:
            self._write(StepStatus.FAILED, inputs, result=result, retry_at=again)
        self.attempt += 1
        if not result.lost:
            self.counted += 1
            self.retry_at = again
        self.begun = False
        self.progress = {}
        self.keep = None
        self.inner = []
        self.run.forget(self.path)
        return False

    # --- how it ends ---------------------------------------------------------------------------------------------

    def _end(self, result: _Result, outcome: Outcome, inputs: Inputs) -> None:
        state = StepState(
            StepStatus.SUCCEEDED,
            attempt=self.attempt,
            output=outcome.output,
            handles=outcome.handles,
            started_at=self.started_at,
            finished_at=self.run.effects.now() if result.finished_at is None else result.finished_at,
            mocked=result.mocked,
            kept=outcome.kept,
        )
        if not result.journaled:
            self._write(state.status, inputs, state=state, result=result)
        self._settle(state)

    def _end_failed(self, result: _Result, inputs: Inputs) -> None:
        assert result.error is not None
        on_error = self.plan.step.on_error
        state = StepState(
            StepStatus.FAILED,
            attempt=self.attempt,
            handles=OUT if on_error == "continue" else ("error",) if on_error == "branch" else (),
            error=result.error.at(self.path),
            started_at=self.started_at,
            finished_at=self.run.effects.now() if result.finished_at is None else result.finished_at,
            mocked=result.mocked,
        )
        if not result.journaled:
            self._write(state.status, inputs, state=state, result=result)
        self._settle(state)

    def _cancelled(self) -> None:
        now = self.run.effects.now()
        if not self.begun and self.attempt == 1:
            self.frame.live.pop(self.plan.id, None)
            return
        state = StepState(StepStatus.CANCELLED, attempt=self.attempt, started_at=self.started_at, finished_at=now)
        if self.begun:  # between two attempts nothing is in flight, and the failed one has its row
            self._write(state.status, state=state)
            if self.frame.renumbered:
                self.run.numbers[self.path] = self.attempt
        self.frame.live.pop(self.plan.id, None)
        self.frame.states[self.plan.id] = state
        self.export()

    def _settle(self, state: StepState) -> None:
        plan, frame = self.plan, self.frame
        frame.live.pop(plan.id, None)
        frame.states[plan.id] = state
        self.export()
        if state.status is StepStatus.FAILED:
            if plan.step.on_error == "fail" and state.error is not None:
                raise Failed(state.error)
        elif plan.node.after is not None and state.status is StepStatus.SUCCEEDED:
            plan.node.after(self, state)

    def export(self) -> None:
        if self.plan.node.exports and self.inner:
            self.frame.exports[self.plan.id] = tuple(self.inner)
        self.inner = []

    # --- what nodes use ------------------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """The idempotency key: the same in each attempt."""
        return f"{self.run.start.origin or self.run.start.run_id}:{self.path}"

    def rendered(self) -> Inputs:
        """The inputs with their *now* parts resolved. Raises ExpressionError, NeedsData."""
        plan = self.plan
        return cast("Inputs", plan.inputs.render(self.frame.scope(plan.inputs.needs)))

    async def resolved(self, *, whole: bool) -> Inputs:
        """The same, also over data kept by reference; `whole` brings such data inline."""
        try:
            inputs = self.rendered()
        except NeedsData:
            return cast("Inputs", await self.run.evaluate(self.plan.inputs, self.frame, whole=whole))
        if whole and holds_reference(inputs):
            return cast("Inputs", await self.run.evaluate(self.plan.inputs, self.frame, whole=True))
        return inputs

    async def value_of(self, source: Source, frame: Frame) -> Value:
        """A *later* part over `frame`."""
        try:
            return source.render(frame.scope(source.needs))
        except NeedsData:
            return await self.run.evaluate(source, frame, whole=False)

    def open(
        self, slot: str, prefix: str, variables: dict[str, Value] | None = None, iteration: int | None = None
    ) -> Frame:
        """A frame for one of its slots. `close` it, or it is kept for those who may read its steps later."""
        frame = Frame(
            self.plan.slots[slot], prefix, self.frame, self.frame.around, variables=variables, iteration=iteration
        )
        if self.many:
            frame.renumbered = True
        self.inner.append(frame)
        return frame

    def beside(self, frame: Frame, plan: StepPlan) -> Activity:
        """One of its inner steps."""
        return Activity(self.run, frame, plan)

    def close(self, frame: Frame) -> None:
        """Nobody reads its steps any more."""
        self.inner.remove(frame)

    async def gate(self) -> None:
        """Held here while the run is about to move to a new history."""
        if self.run.draining and not self.frame.urgent:
            await self.run.hold()

    async def sleep_until(self, when: float) -> None:
        """Lets time pass."""
        await self.idle(lambda: self.run.effects.sleep_until(when))
        await self.gate()

    async def idle(self, wait: Callable[[], Awaitable[T]]) -> T:
        """Awaits something during which the step does nothing."""
        self.run.tally.add(-1)
        try:
            return await wait()
        finally:
            self.run.tally.add(1)

    async def within(
        self, work: Callable[[], Awaitable[T]], deadline: float, limit: float, *, urgent: bool = False
    ) -> T:
        """What `work` gives if that is before `deadline`; else it is cancelled, waited for, and Failed `step.timeout` raised.

        `urgent`: the limit also strikes while the run is about to move.
        """
        crew: Crew[str] = Crew(self.run.tally)
        found: list[T] = []

        async def keep() -> None:
            found.append(await work())

        crew.spawn("work", keep())
        crew.spawn("timer", self._alarm(deadline, urgent))
        try:
            await crew.next()
        finally:
            with self.run.tearing():
                await crew.dismiss()
        if not found:
            raise Failed(StepError("step.timeout", f"the step {self.plan.id!r} took longer than {limit:g} s"))
        return found[0]

    async def _alarm(self, deadline: float, urgent: bool) -> None:
        await self.idle(lambda: self.run.effects.sleep_until(deadline))
        if not urgent:
            await self.gate()

    def wait_row(
        self,
        inputs: Inputs,
        kind: WaitKind,
        *,
        until: float | None = None,
        reason: str | None = None,
        resume_url: str | None = None,
        child_run_id: str | None = None,
    ) -> None:
        """Says in the step's row what it waits for."""
        self.waiting = True
        self.run.effects.emit(
            replace(
                self._record(StepStatus.WAITING, inputs),
                wait=kind,
                wait_until=until,
                wait_reason=reason,
                resume_url=resume_url,
                child_run_id=child_run_id,
            )
        )

    # --- rows ----------------------------------------------------------------------------------------------------

    def _write(
        self,
        status: StepStatus,
        input_: Value = None,
        *,
        state: StepState | None = None,
        result: _Result | None = None,
        retry_at: float | None = None,
    ) -> None:
        outcome = None if result is None else result.outcome
        error = state.error if state is not None else None if result is None else result.error
        self.run.effects.emit(
            StepRecord(
                path=self.path,
                step=self.plan.id,
                module=self.plan.module.name,
                attempt=self.attempt,
                status=status,
                started_at=self.started_at,
                finished_at=self.run.effects.now() if state is None else state.finished_at,
                iteration=self.frame.iteration,
                input=input_,
                output=None if state is None else state.output,
                error=error,
                handle=None if state is None or not state.handles else ",".join(state.handles),
                logs=() if outcome is None else outcome.logs,
                child_run_id=None if outcome is None else outcome.child_run_id,
                mocked=None if result is None else result.mocked,
                idempotency_key=self.key if self.effect == "write" else None,
                retry_at=retry_at,
            )
        )

    def _record(self, status: StepStatus, input_: Value) -> StepRecord:
        return StepRecord(
            path=self.path,
            step=self.plan.id,
            module=self.plan.module.name,
            attempt=self.attempt,
            status=status,
            started_at=self.started_at,
            iteration=self.frame.iteration,
            input=input_,
            idempotency_key=self.key if self.effect == "write" else None,
        )

    def _shown(self) -> Inputs:
        """The inputs for the row of a step that something stands in for; empty where they would have to be fetched."""
        try:
            return self.rendered()
        except NeedsData:
            return {}

    async def _effect(self) -> tuple[EffectName, bool]:
        plan = self.plan.effect
        if plan.fixed is not None:
            return plan.fixed
        assert plan.source is not None
        return plan.of(await self.value_of(plan.source, self.frame))

    def error_of(self, error: ExpressionError | Failed | ModuleError) -> StepError:
        """As the step's own error."""
        if isinstance(error, Failed):
            return error.error.at(self.path)
        if isinstance(error, ModuleError):
            return StepError(
                error.code,
                error.message,
                self.path,
                error.retryable is True,
                dict(error.details),
                error.retry_after,
            )
        return StepError(error.code, error.message, self.path, False, error.details)


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
