"""What a module says of itself: one `MODULE = Module(...)` per file `modules/<app>/<action>.py`.

Everything that the validator, the editor, the API, the copilot and the interpreter know of a module comes from here;
the rows of `workflows_modules` are written from it. A declaration is data: it is frozen, compared by value, and its
`run` is the only code.

Kinds:
- `trigger`: starts runs; has no `run`.
- `control`: a construct of the interpreter (`core.if`, `core.for_each` …); only its declaration stands here.
- `action`: does one thing. With effect `none` and not `isolated` it has `pure`, which runs inside the workflow: it must be
  deterministic, quick, and free of I/O, clock and chance. All others have `run`, which runs in an activity.

Fields of `input_schema` may carry `"x-eval": "later"` (the module evaluates the expressions itself, several times or
against other data) or `"raw"` (never parsed for expressions); without it the value is resolved before the module runs. `x-eval` may
stand at a property, at `items`, or deeper in the schema. Beside `later`, `"x-scope": ["item", …]` lists the names that the expressions of the
field see besides those of the step.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

from modules.sdk.json import Json, JsonObject

if TYPE_CHECKING:
    from modules.sdk.context import Context, Staged

Kind: TypeAlias = Literal["trigger", "control", "action"]


class Effect(StrEnum):
    """What a module does to the world outside the run. It decides retries, idempotency keys, mocks and simulation."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class EffectOf:
    """An effect, and whether repeating the call by itself changes nothing more."""

    effect: Effect
    idempotent: bool = False


@dataclass(frozen=True, slots=True)
class EffectByInput:
    """An effect that the value of one input decides, as `method` does for `http.request`.

    `cases` is looked up by the upper-case text of the input; `default` holds for any other value.
    `absent` is the value meant when the input is not given.
    """

    field: str
    cases: Mapping[str, EffectOf]
    default: EffectOf
    absent: str


@dataclass(frozen=True, slots=True)
class HandlesFromInput:
    """Handles that an input lists, as `cases[].handle` does for `core.switch`; `always` exist besides."""

    field: str
    key: str
    always: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RetryDefaults:
    """Seconds; `on` holds globs of error codes that are retried besides the engine's own list."""

    max_attempts: int | None = None
    initial: float = 1.0
    backoff: float = 2.0
    max_interval: float = 60.0
    jitter: float = 0.2
    on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """Inputs as an author would write them (without expressions) and what they give. A test runs it where `runnable`."""

    inputs: JsonObject
    output: Json
    handle: str = "out"
    runnable: bool = True
    """False where the example needs a server outside (it is then checked against the schemas only)."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a call gave: its output and, for branching modules, the handles that it gives.

    `staged`: what the host still has to do in the transaction that writes the step's row; its answer takes the place of `output`.
    """

    output: Json
    handles: tuple[str, ...] = ("out",)
    staged: Staged | None = None


Run: TypeAlias = "Callable[[JsonObject, Context], Awaitable[Result]]"
Pure: TypeAlias = Callable[[JsonObject], Result]


@dataclass(frozen=True, slots=True)
class Module:
    """One version of one module. `name` is `app.action`; `timeout` is seconds for one attempt."""

    name: str
    version: int
    title: str
    manual: str
    kind: Kind
    input_schema: JsonObject
    output_schema: JsonObject
    example: Example
    effect: Effect | EffectByInput = Effect.NONE
    idempotent: bool = False
    isolated: bool = False
    """Without an effect (by some inputs at least) it is still run in an activity, with a time limit, because the work is unbounded."""
    handles: tuple[str, ...] | HandlesFromInput = ("out",)
    slots: tuple[str, ...] = ()
    timeout: float = 30.0
    retry: RetryDefaults = field(default_factory=RetryDefaults)
    keeps: bool = False
    """Its inputs are kept where people and other runs read them, so no secret may stand in them, whatever its effect is."""
    long: bool = False
    """May take over two seconds as a rule: goes to an ordinary activity at once."""
    run: Run | None = None
    pure: Pure | None = None

    @property
    def key(self) -> str:
        """`app.action@version`, the name under which documents' compiled form refers to it."""
        return f"{self.name}@{self.version}"
