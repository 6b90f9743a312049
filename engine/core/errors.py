"""Why a step, a scope or a run failed, and the list of what is tried again.

    StepError       a value: recorded, seen by `catch`, by `steps.x.error` and by the run's header
    Failed          an exception which carries it upwards inside the interpreter

Codes are dotted and stable. Messages are for the person who runs the workflow; neither they nor `details` hold a secret, a stack trace or a
path of the server.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from engine.expressions.values import Json


@dataclass(frozen=True, slots=True)
class StepError:
    """`step` is the path of the step that failed first. `retry_after` is seconds that the target asked for; it is not shown."""

    code: str
    message: str
    step: str | None = None
    retryable: bool = False
    details: dict[str, Json] = field(default_factory=dict[str, "Json"])
    retry_after: float | None = None

    def to_json(self) -> dict[str, Json]:
        return {
            "code": self.code,
            "message": self.message,
            "step": self.step,
            "retryable": self.retryable,
            "details": self.details,
        }

    def at(self, path: str) -> StepError:
        """The same error, said to come from `path` unless it already names a step."""
        return self if self.step is not None else replace(self, step=path)


class Failed(Exception):
    """A step or scope ended in `error`."""

    def __init__(self, error: StepError) -> None:
        super().__init__(f"{error.code}: {error.message}")
        self.error = error
