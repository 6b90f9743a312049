"""`core.if`: goes on by `true` or by `false`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.node import Inputs, Node
from engine.core.outcome import Outcome

if TYPE_CHECKING:
    from engine.core.activity import Activity


def _evaluate(_at: Activity, inputs: Inputs) -> Outcome:
    return Outcome(handles=("true",) if inputs.get("condition") else ("false",))


NODE = Node(evaluate=_evaluate)
