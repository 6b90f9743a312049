"""What the interpreter writes down: one row per attempt of each step, and the run's end.

A row is keyed by `(path, attempt)`; writing it again changes nothing once it is terminal. `attempt` counts from 1; a
skipped step has one row with attempt 0. Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from engine.core.errors import StepError
from engine.expressions.values import Json, Value


class StepStatus(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


Mocked: TypeAlias = Literal["mock", "last_output", "example", "schema", "replay"]
"""Where an output came from that no module produced in this run."""

WaitKind: TypeAlias = Literal["event", "timer", "child", "retry", "throttle"]


@dataclass(frozen=True, slots=True)
class LogLine:
    at: float
    level: str
    message: str
    data: Json = None


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One attempt of one step, as it stands now."""

    path: str
    step: str
    module: str
    attempt: int
    status: StepStatus
    started_at: float
    finished_at: float | None = None
    iteration: int | None = None
    """Index of the innermost loop iteration that the step stands in."""
    input: Value = None
    output: Value = None
    error: StepError | None = None
    handle: str | None = None
    """The handle that was given; several are joined by a comma; None where none was."""
    logs: tuple[LogLine, ...] = ()
    wait: WaitKind | None = None
    wait_reason: str | None = None
    wait_until: float | None = None
    resume_url: str | None = None
    child_run_id: str | None = None
    mocked: Mocked | None = None
    idempotency_key: str | None = None
    retry_at: float | None = None


@dataclass(frozen=True, slots=True)
class RunEnd:
    """A run's terminal state. `output` is None unless it succeeded."""

    status: RunStatus
    output: Value = None
    error: StepError | None = None
    warnings: tuple[LogLine, ...] = field(default=())
