"""`core.log`: a line in the step's own log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import choice, text
from engine.core.outcome import Outcome
from engine.core.records import LogLine
from engine.expressions.values import to_json

if TYPE_CHECKING:
    from engine.core.activity import Activity


def _evaluate(at: Activity, inputs: Inputs) -> Outcome:
    level = choice(inputs, "level", "info", ("debug", "info", "warning", "error"))
    data = to_json(inputs.get("data"))
    return Outcome(logs=(LogLine(at.started_at, level, text(inputs, "message"), data),))


NODE = Node(evaluate=_evaluate)
