"""What a construct of the interpreter is: one `Node` per file in `nodes/`, listed in `nodes/registry.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from engine.expressions.values import Value

if TYPE_CHECKING:
    from engine.core.activity import Activity
    from engine.core.outcome import Outcome, StepState

Inputs: TypeAlias = "dict[str, Value]"
Evaluate: TypeAlias = "Callable[[Activity, Inputs], Outcome]"
Perform: TypeAlias = "Callable[[Activity, Inputs], Awaitable[Outcome]]"
After: TypeAlias = "Callable[[Activity, StepState], None]"


@dataclass(frozen=True, slots=True)
class Node:
    """Exactly one of `evaluate` and `run` is given; both get the inputs with all *now* parts resolved.

        `evaluate`: ends at once, in the workflow, without an event. May raise `Failed`, `ExpressionError`, and
    `NeedsData` (it is then called again
    with whole inputs).
    `run`: takes time or runs other steps. May also raise `Flow`.
    `after`: what an ended step changes around it, besides being ended: a loop's state, a way out. It is called again when a run is taken up
    with that step already ended, so it must be right to do twice.
    """

    evaluate: Evaluate | None = None
    run: Perform | None = None
    after: After | None = None
    outside: bool = False
    """It needs somebody outside: without a mock it fails where `unmocked` is `fail`."""
    elsewhere: bool = False
    """`evaluate` looks into all of its inputs: where some are kept by reference, it is called as a module in an activity instead."""
    whole: bool = False
    """`run` looks into all of its inputs: they are brought inline."""
    exports: bool = False
    """Steps after it may read its inner steps."""
