"""How steps end: what a node gives, what a frame remembers of an ended step, and the ways out of a scope besides failure.

Flow            leaves scopes until somebody takes it
├── Stop        core.stop: taken by the run
├── Break       core.break: taken by the nearest loop
├── Continue    core.continue: taken by the nearest iteration
└── Won         the first success in a race: taken by the race
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.core.errors import StepError
from engine.core.records import LogLine, Mocked, StepStatus
from engine.core.times import rfc3339
from engine.expressions.values import Value, as_value

OUT = ("out",)


class Flow(Exception):
    """A way out of a scope that is no failure."""


class Stop(Flow):
    """Ends the run from any depth."""

    def __init__(self, status: Literal["succeeded", "cancelled"], output: Value, has_output: bool) -> None:
        super().__init__(status)
        self.status: Literal["succeeded", "cancelled"] = status
        self.output = output
        self.has_output = has_output


class Break(Flow):
    """Ends the nearest loop."""


class Continue(Flow):
    """Ends the nearest iteration."""


class Won(Flow):
    """Ends the race: the sink step `step` succeeded."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a construct gave. `child_run_id` is shown in its row; `kept` isn't: it is what `Node.after` needs again after a restart."""

    output: Value = None
    handles: tuple[str, ...] = OUT
    logs: tuple[LogLine, ...] = ()
    child_run_id: str | None = None
    kept: Value = None


class StepState:
    """An ended step, as later steps see it."""

    __slots__ = (
        "_view",
        "attempt",
        "error",
        "finished_at",
        "handles",
        "kept",
        "mocked",
        "output",
        "started_at",
        "status",
    )

    def __init__(
        self,
        status: StepStatus,
        *,
        attempt: int = 1,
        output: Value = None,
        handles: tuple[str, ...] = (),
        error: StepError | None = None,
        started_at: float | None = None,
        finished_at: float | None = None,
        mocked: Mocked | None = None,
        kept: Value = None,
    ) -> None:
        self.status = status
        self.attempt = attempt
        self.output = output
        self.handles = handles
        self.error = error
        self.started_at = started_at
        self.finished_at = finished_at
        self.mocked: Mocked | None = mocked
        self.kept = kept
        self._view: dict[str, Value] | None = None

    @property
    def has_output(self) -> bool:
        """`.output` of what was skipped or cancelled is undefined; of what failed it is null."""
        return self.status is StepStatus.SUCCEEDED or self.status is StepStatus.FAILED

    def view(self) -> dict[str, Value]:
        """What `steps.<id>` shows."""
        if self._view is None:
            view: dict[str, Value] = {
                "status": self.status.value,
                "error": None if self.error is None else shown_error(self.error),
                "started_at": None if self.started_at is None else rfc3339(self.started_at),
                "finished_at": None if self.finished_at is None else rfc3339(self.finished_at),
            }
            if self.has_output:
                view["output"] = self.output
            self._view = view
        return self._view


def shown_error(error: StepError) -> Value:
    """What `error` and `steps.<id>.error` show."""
    return as_value(error.to_json())
