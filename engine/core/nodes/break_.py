"""`core.break`: ends the nearest loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.node import Inputs, Node
from engine.core.outcome import Break, Outcome, StepState

if TYPE_CHECKING:
    from engine.core.activity import Activity


def _evaluate(_at: Activity, _inputs: Inputs) -> Outcome:
    return Outcome(handles=())


def _after(_at: Activity, _state: StepState) -> None:
    raise Break


NODE = Node(evaluate=_evaluate, after=_after)
