"""`core.race`: the first last step of the slot that succeeds wins; everything else in it is cancelled.

A failure ends its own branch only. With no winner the race fails with the error of the last failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.errors import Failed, StepError
from engine.core.node import Inputs, Node
from engine.core.outcome import Outcome, Won
from engine.core.scope import run_scope

if TYPE_CHECKING:
    from engine.core.activity import Activity


async def _run(at: Activity, _inputs: Inputs) -> Outcome:
    frame = at.open("body", f"{at.path}.")
    frame.lenient = True
    try:
        await run_scope(at.run, frame)
    except Won as won:
        return Outcome({"winner": won.step, "output": frame.states[won.step].output})
    if frame.failures:
        raise Failed(frame.failures[-1])
    raise Failed(StepError("race.no_winner", "no last step of the race was reached"))


NODE = Node(run=_run)
