"""A module whose function runs inside the workflow: no activity, no event. Over data kept by reference it is called like any other module."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from engine.core.errors import Failed, StepError
from engine.core.node import Inputs, Node
from engine.core.outcome import Outcome
from engine.core.sizes import first_reference
from engine.expressions.errors import ExpressionError, NeedsData
from engine.expressions.values import as_value
from modules.sdk.json import JsonObject
from modules.sdk.verdicts import ModuleError

if TYPE_CHECKING:
    from engine.core.activity import Activity


def _evaluate(at: Activity, inputs: Inputs) -> Outcome:
    function = at.run.pure.get(at.plan.module.key)
    if function is None:
        raise Failed(
            StepError(
                "module.unknown",
                f"this installation has no module {at.plan.module.key!r}: install it, or use another version",
            )
        )
    elsewhere = first_reference(inputs)
    if elsewhere is not None:
        raise NeedsData(elsewhere)
    try:
        result = function(cast("JsonObject", inputs))
    except (ModuleError, ExpressionError):
        raise
    except Exception as error:
        raise Failed(
            StepError("module.failed", f"the module {at.plan.module.name!r} failed on these inputs")
        ) from error
    return Outcome(as_value(result.output), result.handles)


NODE = Node(evaluate=_evaluate, elsewhere=True)
