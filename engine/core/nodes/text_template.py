"""`text.template`: a text with statements, rendered by the evaluator of expressions over `data` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import an_object, text
from engine.core.outcome import Outcome
from engine.expressions.budget import Budget
from engine.expressions.text_template import compile_text_template

if TYPE_CHECKING:
    from engine.core.activity import Activity


def _evaluate(_at: Activity, inputs: Inputs) -> Outcome:
    template = compile_text_template(text(inputs, "template"))
    return Outcome({"text": template.render(an_object(inputs, "data"), Budget())})


NODE = Node(evaluate=_evaluate)
