"""`core.try`: `body`, then `catch` if a step of it failed, and `finally` in every case.

An error in `catch` replaces the first, one in `finally` replaces both. When the run is cancelled, stopped, or a limit
strikes from outside, `catch`
doesn't run and `finally` does; under a cancellation it has the time that the settings give, and what goes wrong in it then changes
nothing any more.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from engine.core.errors import Failed, StepError
from engine.core.node import Inputs, Node
from engine.core.outcome import Flow, Outcome, shown_error
from engine.core.records import StepStatus
from engine.core.scope import run_scope

if TYPE_CHECKING:
    from engine.core.activity import Activity
    from engine.core.frame import Frame
    from engine.expressions.values import Value


async def _run(at: Activity, _inputs: Inputs) -> Outcome:
    slots = at.plan.slots
    body = at.open("body", f"{at.path}.")
    error: StepError | None = None
    ended, status = body, "succeeded"
    try:
        try:
            await run_scope(at.run, body)
        except Failed as failure:
            error = failure.error
            if not slots["catch"].steps:
                raise
            status = "caught"
            ended = at.open("catch", f"{at.path}.", {"error": shown_error(error)})
            ended.peers = (body,)
            try:
                await run_scope(at.run, ended)
            except Failed as replaced:
                error = replaced.error
                raise
    except asyncio.CancelledError:
        await _finally_cancelled(at, body, error)
        raise
    except Flow:
        with suppress(Failed):  # the way out that was taken goes on
            await _finally(at, body, error)
        raise
    except Failed:
        await _finally(at, body, error)
        raise
    await _finally(at, body, error)
    shown = None if error is None else shown_error(error)
    return Outcome({"status": status, "error": shown, "output": sink_output(ended)})


async def _finally(at: Activity, body: Frame, error: StepError | None, *, urgent: bool = False) -> None:
    if not at.plan.slots["finally"].steps:
        return
    frame = at.open("finally", f"{at.path}.", {"error": None if error is None else shown_error(error)})
    frame.peers = (body,)
    frame.urgent = frame.urgent or urgent
    await run_scope(at.run, frame)


async def _finally_cancelled(at: Activity, body: Frame, error: StepError | None) -> None:
    if not at.plan.slots["finally"].steps:
        return
    limit = at.run.plan.document.settings.finally_timeout

    async def work() -> None:
        await _finally(at, body, error, urgent=True)

    with at.run.tearing(), suppress(Failed, Flow):
        await at.within(work, at.run.effects.now() + limit, limit, urgent=True)


def sink_output(frame: Frame) -> Value:
    """What a slot gives: the output of its only last step; null where it has none or several, or where that one didn't run."""
    sink = frame.plan.sink
    state = None if sink is None else frame.states.get(sink.id)
    return state.output if state is not None and state.status is StepStatus.SUCCEEDED else None


NODE = Node(run=_run, exports=True)
