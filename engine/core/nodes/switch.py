"""`core.switch`: goes on by the handle of the first case that matches, else by `default`.

Cases are looked at in order; those after the match aren't evaluated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import here, invalid
from engine.core.outcome import Outcome
from engine.core.sizes import first_reference
from engine.expressions.budget import Budget
from engine.expressions.errors import NeedsData
from engine.expressions.operators import equal
from engine.expressions.values import Value

if TYPE_CHECKING:
    from engine.core.activity import Activity


def _evaluate(at: Activity, inputs: Inputs) -> Outcome:
    cases = here(inputs.get("cases"))
    if not isinstance(cases, list):
        raise invalid("cases", "a list", cases)
    value = inputs.get("value")
    for position, case in enumerate(cases):
        if not isinstance(case, dict) or not isinstance(case.get("handle"), str):
            raise invalid(f"cases/{position}", "an object with a handle", case)
        when = at.plan.later.get(f"/cases/{position}/when")
        if when is not None:
            matched = bool(when.render(at.frame.scope(when.needs)))
        elif "equals" in case:
            matched = _same(value, case["equals"])
        else:
            matched = bool(case.get("when"))
        if matched:
            return Outcome(handles=(cast("str", case["handle"]),))
    return Outcome(handles=("default",))


def _same(one: Value, other: Value) -> bool:
    elsewhere = first_reference([one, other])
    if elsewhere is not None:
        raise NeedsData(elsewhere)
    return equal(one, other, Budget())


NODE = Node(evaluate=_evaluate)
