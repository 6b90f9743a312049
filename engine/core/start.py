"""What a run begins with. It never changes while the run goes on, also over continued histories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.core.effects import RunOptions
from engine.expressions.values import Value


@dataclass(frozen=True, slots=True)
class WorkflowInfo:
    """What `workflow.*` shows."""

    id: str
    name: str
    version: int | str
    """`draft` for a test run of one."""


@dataclass(frozen=True, slots=True)
class ResumeBase:
    """What resume addresses are made of: `{base_url}/resume/{token}`; `secret` is the run's own."""

    base_url: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class RunStart:
    """`trigger` is the whole object that `trigger.*` shows (`type id body …`); its values may be references.

    `trigger_id` is the trigger whose edges the run begins with. `origin` begins each idempotency key. `memo` is what a `snapshot`
    gave, or `engine/core/memo.py` made of rows. `deadline` is absolute; the interpreter keeps it. `depth` counts the parents.
    """

    run_id: str
    workflow: WorkflowInfo
    started_at: float
    trigger: Mapping[str, Value]
    trigger_id: str | None = None
    vars: Mapping[str, Value] = field(default_factory=dict[str, "Value"])
    limited: frozenset[str] = frozenset()
    """The connections of the document that have a rate limit."""
    origin: str = ""
    options: RunOptions = field(default_factory=RunOptions)
    memo: Mapping[str, Value] | None = None
    resume: ResumeBase | None = None
    reply: bool = False
    """Whether somebody waits for `core.respond`; False gives `{delivered: false}` without asking the carrier."""
    depth: int = 0
    deadline: float | None = None
