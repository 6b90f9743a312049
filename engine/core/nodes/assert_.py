"""`core.assert`: fails unless something holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.errors import Failed, StepError
from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import text
from engine.core.outcome import Outcome

if TYPE_CHECKING:
    from engine.core.activity import Activity


def _evaluate(_at: Activity, inputs: Inputs) -> Outcome:
    if inputs.get("condition"):
        return Outcome()
    raise Failed(StepError("assert.failed", text(inputs, "message", "the condition is false")))


NODE = Node(evaluate=_evaluate)
