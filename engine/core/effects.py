"""All that a run may ask of the world. The interpreter knows nothing else: no Temporal, no database, no clock, no chance.

Each carrier implements this protocol: the Temporal workflow, the seeded fake of the tests, the simulation. A carrier owes the interpreter:

- **Order.** Awaiting tasks are resumed in an order that depends only on what the carrier was given; a second
  execution over the same answers takes the same path. The interpreter in turn uses no sets, no `asyncio.wait`, no `gather` over sets.
- **Once per attempt.** `call_module` for one `(path, attempt)` that has answered once always gives that answer again.
- **Cancellation.** Cancelling a task that awaits an effect tells the effect at once; the await ends with
`CancelledError` when the effect has
  ended or was abandoned.
- **Records.** `emit` only buffers; a later record of the same `(path, attempt)` replaces an earlier one that is not yet written.
  `checkpoint` writes when enough has gathered (and holds the caller until there is room); every other awaited effect may write too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from engine.core.errors import StepError
from engine.core.records import LogLine, Mocked, StepRecord
from engine.expressions.values import Json, Ref, Value


@dataclass(frozen=True, slots=True)
class ModuleCall:
    """One attempt of one module call. The inputs are resolved where the module runs: `inputs` as written, `scope` the values they refer to.

    In `inputs` the parts that the module evaluates itself, or that are never parsed, stand inside `{"$literal": …}`
    already: compiled and rendered as one value over `scope` they give what the module gets. What its *later* parts read
    is in `scope` too.
    """

    path: str
    step: str
    module: str
    version: int
    attempt: int
    iteration: int | None
    inputs: dict[str, Json]
    scope: dict[str, Value]
    idempotency_key: str
    timeout: float
    effect: Literal["none", "read", "write"]
    idempotent: bool
    on_lost: Literal["retry", "fail"]
    long: bool
    started_at: float
    retry: Mapping[str, Json]
    """What decides `retry_at` of a failed row: `RetryPolicy.from_json` of it, and `counted`, for `decide` in `engine/core/retry.py`."""
    failed_handle: str | None = None
    """What the row of the last attempt has as `handle` if it fails: what the step's `on_error` gives."""
    connection: str | None = None
    """The name of a connection of the workspace, looked up where the module runs."""
    throttled: bool = False
    """Its start was counted: made again after a lost worker, it must be counted again, so it is lost instead (`CallOutcome.lost`)."""
    bare: bool = False
    """A part of what the step does: the carrier writes no ended row of it, and the interpreter goes on with the attempt."""


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What one attempt gave. The carrier has already written its row (`journaled`), or leaves that to the interpreter.

    `lost` true: the worker was lost and nobody knows whether the effect happened; `error.code` is then `worker.lost`.
    """

    output: Value = None
    handles: tuple[str, ...] = ("out",)
    error: StepError | None = None
    retry_at: float | None = None
    lost: bool = False
    journaled: bool = True
    input: Value = None
    logs: tuple[LogLine, ...] = ()
    started_at: float | None = None
    finished_at: float | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An expression value that must look inside data kept by reference. `scope` holds references where data is large."""

    value: Json
    scope: dict[str, Value]
    whole: bool = False
    """True: give the result inline up to 1 MB, else `payload.too_large`; False: what is large comes back by reference."""


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive items of a list or entries (`{key, value}`) of an object kept by reference."""

    items: list[Value]
    total: int


@dataclass(frozen=True, slots=True)
class EventWait:
    """A wait for a body posted to the step's resume address, or told as an event under `key`. `until` is absolute, None waits without end."""

    path: str
    until: float | None
    schema: Json = None
    form: Json = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class EventAnswer:
    """`timed_out` true: nobody posted in time and `body` is None."""

    body: Value = None
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class ChildStart:
    """A child run. `workflow` is an id or a name; `version` a number or `deployed`.

    Starting it twice with one key and attempt gives the same child; another attempt is another child. `key` is the child's `origin`.
    """

    path: str
    attempt: int
    workflow: str
    version: int | Literal["deployed"]
    input: Value
    key: str
    depth: int
    wait: bool


@dataclass(frozen=True, slots=True)
class ChildEnd:
    status: Literal["succeeded", "failed", "cancelled", "timed_out"]
    output: Value = None
    error: StepError | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """The answer for whoever waits on a sync webhook."""

    status: int
    headers: dict[str, str]
    body: Value


@dataclass(frozen=True, slots=True)
class Simulated:
    """An output that stands in for an effect, and where it came from."""

    output: Json
    source: Mocked
    handle: str = "out"


class Effects(Protocol):
    """See the module's text for what a carrier owes. Times are seconds since the epoch."""

    def now(self) -> float: ...

    def random(self) -> float:
        """Uniform in [0, 1), the same in each replay of the same history."""
        ...

    async def call_module(self, call: ModuleCall) -> CallOutcome: ...

    async def evaluate(self, request: Evaluation) -> Value:
        """Raises `ExpressionError` as an evaluation in place would."""
        ...

    async def load_page(self, ref: Ref, start: int) -> Page:
        """At least one item, as many as the carrier likes to move at once."""
        ...

    async def sleep_until(self, when: float) -> None: ...

    async def take_start(self, key: str, count: int, per: float) -> float:
        """When the next start under `key` may be, behind all that were promised before: now or earlier, or a time that is kept for the caller.

        At most `count` starts lie in any `per` seconds, of all runs of the workspace. Each call takes another one.
        """
        ...

    async def take_turn_of(self, connection: str) -> float:
        """The same under the rate limit that the connection has now; now where it has none."""
        ...

    async def wait_event(self, wait: EventWait) -> EventAnswer: ...

    async def start_child(self, child: ChildStart) -> str:
        """The child's run id. Raises `Failed` (`subworkflow.unknown`, `subworkflow.depth`, `input.invalid`)."""
        ...

    async def wait_child(self, run_id: str) -> ChildEnd:
        """Cancelling this await cancels the child, and ends when the child has ended."""
        ...

    async def respond(self, response: Response) -> bool:
        """Whether somebody was waiting."""
        ...

    def emit(self, record: StepRecord) -> None: ...

    async def checkpoint(self) -> None:
        """Called after each step: writes gathered records when due, and may hold while the run is about to move to a new history.

        It isn't called in a `finally` of what is being cancelled: that must go on for `Run.drain` to return.
        """
        ...

    def parked(self, count: int) -> None:
        """Tells how many of the run's live tasks do something (0: the run only waits). Called when that becomes 0 and when it leaves 0."""
        ...


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run was started with besides document and trigger."""

    mocks: dict[str, Json] = field(default_factory=dict[str, "Json"])
    """By step id or path: `{output}`, `{error}` or a list of these for successive attempts."""
    unmocked: Literal["run", "fail"] = "run"
    """`fail`: a read or write without a mock fails with `mock.missing`, waits end at once."""
    simulated: dict[str, Simulated] = field(default_factory=dict[str, Simulated])
    """By step id: what stands in for an effect that has no mock. Found before the run starts."""
    simulate: bool = False
