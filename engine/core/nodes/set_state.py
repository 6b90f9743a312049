"""`core.set_state`: merges into the state of the nearest `core.while`.

The change is made when the step has ended, so of two steps at once the last to finish wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.errors import Failed, StepError
from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import an_object
from engine.core.outcome import Outcome, StepState

if TYPE_CHECKING:
    from engine.core.activity import Activity
    from engine.core.frame import Frame, Loop


def _evaluate(at: Activity, inputs: Inputs) -> Outcome:
    loop = _while(at.frame)
    if loop is None or loop.state is None:
        raise Failed(StepError("input.invalid", "'core.set_state' works only inside of a 'core.while'"))
    return Outcome({**loop.state.values, **an_object(inputs, "state")})


def _after(at: Activity, state: StepState) -> None:
    loop = _while(at.frame)
    if loop is None or loop.state is None or (at.resumed and loop.state.settled == loop.index):
        return  # remembered, and so is the state that it led to
    if isinstance(state.output, dict):
        loop.state.values = {**loop.state.values, **state.output}


def _while(frame: Frame) -> Loop | None:
    here: Frame | None = frame
    while here is not None:
        if here.loop is not None and here.loop.state is not None:
            return here.loop
        here = here.parent
    return None


NODE = Node(evaluate=_evaluate, after=_after)
