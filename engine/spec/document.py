"""A workflow document as typed, frozen data: what the interpreter, the diff and the API work on.

Built by `load` (in `engine/spec/load.py`) from JSON that the validator found without errors. Durations are seconds. Dicts keep
the author's order; where an order must be fixed, code sorts by id. `inputs` are kept as written, expressions included.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from engine.expressions.values import Json

JsonObject: TypeAlias = "dict[str, Json]"
Join: TypeAlias = Literal["all", "any"]
OnError: TypeAlias = Literal["fail", "continue", "branch"]
OnLost: TypeAlias = Literal["retry", "fail"]
LogLevel: TypeAlias = Literal["full", "errors", "none"]

SCHEMA_VERSION = 1

NEVER_YIELD = frozenset(("core.break", "core.continue", "core.fail", "core.stop"))
"""Steps after which their slot has no result: they don't count where a slot's result is that of its only last step."""


@dataclass(frozen=True, slots=True)
class Retry:
    """What the author wrote; None stands for the module's or the engine's default. Seconds."""

    max_attempts: int | None = None
    initial: float | None = None
    backoff: float | None = None
    max_interval: float | None = None
    jitter: float | None = None
    on: tuple[str, ...] | None = None
    never_on: tuple[str, ...] = ()
    on_lost: OnLost = "retry"


@dataclass(frozen=True, slots=True)
class Throttle:
    """At most `count` starts per `per` seconds among all runs of the workspace that give the same key."""

    key: str
    count: int
    per: float


@dataclass(frozen=True, slots=True)
class Step:
    id: str
    module: str
    version: int
    inputs: JsonObject = field(default_factory=dict[str, "Json"])
    title: str | None = None
    notes: str | None = None
    parent: str | None = None
    slot: str = "body"
    join: Join = "all"
    on_error: OnError = "fail"
    retry: Retry = field(default_factory=Retry)
    timeout: float | None = None
    throttle: Throttle | None = None
    connection: str | None = None
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Trigger:
    id: str
    module: str
    version: int
    inputs: JsonObject = field(default_factory=dict[str, "Json"])
    title: str | None = None
    notes: str | None = None
    connection: str | None = None
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """`source` and `target` are ids; `handle` is one that the source gives."""

    source: str
    target: str
    handle: str = "out"


@dataclass(frozen=True, slots=True)
class Settings:
    """`timeout` counts from the run's start, waiting included. Seconds, days."""

    timeout: float | None = None
    finally_timeout: float = 30.0
    max_concurrent_runs: int | None = None
    concurrency_key: str | None = None
    log: LogLevel = "full"
    retention_days: int = 30


@dataclass(frozen=True, slots=True)
class Document:
    name: str
    title: str | None
    description: str | None
    input_schema: JsonObject | None
    triggers: dict[str, Trigger]
    steps: dict[str, Step]
    edges: tuple[Edge, ...]
    output: Json
    """None also where the document has no `output`; `has_output` tells the two apart."""
    has_output: bool
    required_variables: tuple[str, ...]
    required_connections: dict[str, str]
    """Connection name to app."""
    settings: Settings
    tests: tuple[JsonObject, ...]
    schema_version: int = SCHEMA_VERSION
