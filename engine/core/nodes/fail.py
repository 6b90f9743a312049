"""`core.fail`: fails with the author's own error."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from engine.core.errors import Failed, StepError
from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import an_object, text
from engine.core.outcome import Outcome
from engine.core.sizes import first_reference
from engine.expressions.errors import NeedsData
from engine.expressions.values import Json

if TYPE_CHECKING:
    from engine.core.activity import Activity


def _evaluate(_at: Activity, inputs: Inputs) -> Outcome:
    details = an_object(inputs, "details")
    elsewhere = first_reference(details)
    if elsewhere is not None:
        raise NeedsData(elsewhere)
    raise Failed(
        StepError(
            text(inputs, "code", "run.failed"),
            text(inputs, "message", "the workflow fails here"),
            details=cast("dict[str, Json]", details),
        )
    )


NODE = Node(evaluate=_evaluate)
