"""`core.while`: its slot as long as a condition holds. Only the state goes from one iteration to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from engine.core.errors import Failed, StepError
from engine.core.frame import Frame, Loop, LoopState
from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import an_object, whole_number
from engine.core.outcome import Break, Continue, Outcome
from engine.core.scope import run_scope

if TYPE_CHECKING:
    from engine.core.activity import Activity
    from engine.expressions.values import Value

MAX_ITERATIONS = 1_000_000


async def _run(at: Activity, inputs: Inputs) -> Outcome:
    most = whole_number(inputs, "max_iterations", 1000, 1, MAX_ITERATIONS)
    condition = at.plan.later.get("/condition")
    fixed = bool(inputs.get("condition"))
    index, begun, state = _taken_up(at, inputs)
    while True:
        frame = _frame(at, index, state)
        if not begun:
            at.keep = _keeper(index, state, begun=False)
            holds = fixed if condition is None else bool(await at.value_of(condition, frame))
            if not holds:
                break
            if index >= most:
                raise Failed(
                    StepError(
                        "while.limit", f"{at.plan.id!r} still goes on after {most} iterations: raise 'max_iterations'?"
                    )
                )
        begun = False
        at.keep = _keeper(index, state, begun=True)
        try:
            await run_scope(at.run, frame)
        except Continue:
            pass
        except Break:
            break
        at.close(frame)  # not where it was left in another way: what follows from its steps may have to follow again
        index += 1
    return Outcome({"iterations": index, "state": state.values})


def _taken_up(at: Activity, inputs: Inputs) -> tuple[int, bool, LoopState]:
    if "index" not in at.progress:
        return 0, False, LoopState(an_object(inputs, "state"))
    index = cast("int", at.progress["index"])
    begun = at.progress["begun"] is True
    state = cast("dict[str, Value]", at.progress["state"])
    return index, begun, LoopState(state, settled=index if begun else -1)


def _keeper(index: int, state: LoopState, *, begun: bool) -> Callable[[], dict[str, Value]]:
    return lambda: {"index": index, "state": state.values, "begun": begun}


def _frame(at: Activity, index: int, state: LoopState) -> Frame:
    frame = at.open("body", f"{at.path}[{index}].", {"index": index}, index)
    frame.loop = Loop(index, None, state)
    return frame


NODE = Node(run=_run)
