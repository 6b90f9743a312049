"""`core.stop`: ends the run from any depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import choice
from engine.core.outcome import Outcome, StepState, Stop

if TYPE_CHECKING:
    from engine.core.activity import Activity


def _evaluate(_at: Activity, inputs: Inputs) -> Outcome:
    status = choice(inputs, "status", "succeeded", ("succeeded", "cancelled"))
    return Outcome(handles=(), kept={"status": status, "given": "output" in inputs, "output": inputs.get("output")})


def _after(_at: Activity, state: StepState) -> None:
    kept = state.kept if isinstance(state.kept, dict) else {}
    raise Stop(
        "cancelled" if kept.get("status") == "cancelled" else "succeeded",
        kept.get("output"),
        kept.get("given") is True,
    )


NODE = Node(evaluate=_evaluate, after=_after)
