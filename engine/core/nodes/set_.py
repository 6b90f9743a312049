"""`core.set`: its values are its output, also those that are kept by reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.node import Inputs, Node
from engine.core.outcome import Outcome

if TYPE_CHECKING:
    from engine.core.activity import Activity


def _evaluate(_at: Activity, inputs: Inputs) -> Outcome:
    return Outcome(inputs.get("values"))


NODE = Node(evaluate=_evaluate, elsewhere=True)
