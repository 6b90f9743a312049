"""What a module's `run` may ask of its host. The host builds one per call; a module keeps nothing of it afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from modules.sdk.files import Files
from modules.sdk.json import Json, JsonObject
from modules.sdk.llm import Llm
from modules.sdk.mail import Mail
from modules.sdk.verdicts import ModuleError


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response read whole. `body` is at most the `limit` that the call gave; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class Sending:
    """A body of `size` bytes that is sent as it is read. `open` begins anew each time: a redirect may want it again."""

    size: int
    open: Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class HttpStream:
    """A response whose body is read as it comes, once, decompressed. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: AsyncIterator[bytes]
    url: str


class Http(Protocol):
    """The one way out: every address is resolved, checked and pinned at connect time, on each redirect too.

    Raises `ModuleError` with `http.connect`, `http.timeout`, `http.blocked` (the target's address is not allowed),
    `http.redirect`, or `payload.too_large` (the body is longer than `limit`).
    """

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float,
        follow_redirects: bool = True,
        limit: int = 20 * 2**20,
    ) -> HttpResponse: ...

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        sending: Sending | None = None,
        timeout: float,
        follow_redirects: bool = True,
        limit: int,
    ) -> AbstractAsyncContextManager[HttpStream]:
        """The same with bodies that are never held whole. `timeout` covers everything up to the block's end, `limit` the bytes of the answer."""
        ...


@dataclass(frozen=True, slots=True)
class KeyValue:
    """One key of a store. `found` false: `value` is None and `version` 0. `version` grows by one with each write."""

    value: Json
    version: int
    found: bool


class KeyValues(Protocol):
    """The workspace's or the workflow's own keys; `ttl` in seconds.

    `operation` is the idempotency key of the step: a write repeated with the same one gives the first answer again.
    Raises `ModuleError` `kv.conflict` when `if_version` no longer holds, `kv.type` when an increment meets a value that is no number.
    """

    async def get(self, scope: Literal["workflow", "workspace"], key: str) -> KeyValue: ...

    async def set(
        self,
        scope: Literal["workflow", "workspace"],
        key: str,
        value: Json,
        *,
        ttl: float | None,
        if_version: int | None,
        operation: str,
    ) -> KeyValue: ...

    async def delete(
        self, scope: Literal["workflow", "workspace"], key: str, *, if_version: int | None, operation: str
    ) -> KeyValue: ...

    async def increment(
        self, scope: Literal["workflow", "workspace"], key: str, by: int | float, *, ttl: float | None, operation: str
    ) -> KeyValue: ...


@dataclass(frozen=True, slots=True)
class QueueItem:
    """An item for an app queue. Items with one `ordering_key` are handed out in order; `delay` is seconds."""

    data: Json
    ordering_key: str | None = None
    dedupe_key: str | None = None
    delay: float = 0.0


class Staged(Protocol):
    """Something that the host does in the transaction that writes the step's row, all or nothing. What it gives is the step's output."""

    @property
    def what(self) -> str:
        """In a few words, for logs."""
        ...


class Queues(Protocol):
    """The workspace's app queues."""

    async def stage(self, queue: str, items: Sequence[QueueItem], *, operation: str) -> Staged:
        """Items to be added to the queue of that name or id when the step's row is written: `{enqueued, duplicates}`.

        `operation` is the idempotency key of the step: the same one again adds nothing. Raises `ModuleError` `payload.too_large`,
        and when it is done `queue.unknown`, `queue.delay_with_keys`.
        """
        ...


class Events(Protocol):
    """What workflows of the workspace tell each other."""

    async def stage(self, name: str, key: str | None, data: Json) -> Staged:
        """An event to be told when the step's row is written: `{delivered}`. Raises `ModuleError` `payload.too_large`."""
        ...


SqlMode: TypeAlias = Literal["all", "one", "execute"]


@dataclass(frozen=True, slots=True)
class SqlResult:
    """`count` is how many rows were read, or changed by a statement that gives none."""

    rows: list[JsonObject]
    count: int


class Sql(Protocol):
    """The database of the step's connection."""

    async def query(
        self,
        sql: str,
        params: Sequence[Json],
        *,
        mode: SqlMode,
        read_only: bool,
        timeout: float,
        max_rows: int,
    ) -> SqlResult:
        """Runs one statement in a transaction of its own. `params` are the values of `$1`, `$2`, …; `one` reads the first row only.

        Raises `ModuleError` `postgres.connect`, `postgres.blocked`, `postgres.timeout`, `postgres.rows` (more than `max_rows`, nothing is
        changed), `postgres.<class of SQLSTATE>`, `input.invalid` for parameters that don't fit; `AuthExpired` when the credential is refused.
        """
        ...


class Isolated(Protocol):
    """Runs a named function of the isolated pool in another process, with a limit of wall time and of memory.

    The function is `modules.app.file:function`, marked with `modules.sdk.isolated.isolated`, and takes and gives JSON. Over the time limit
    the process is killed and `ModuleError` with `timeout_code` is raised; over the memory limit the code is the same with
    `memory` as its last part (`data.timeout`, `data.memory`). A `ModuleError` that the function raises comes through.
    """

    async def call(self, function: str, argument: JsonObject, *, timeout: float, timeout_code: str) -> Json: ...


@dataclass(frozen=True, slots=True)
class Connection:
    """What a step's connection is, without its credential. `kind` says how it is used: `bearer`, `oauth2`, `postgres` …

    `context.http` sends the credential along where it belongs; a module never sees it.
    """

    name: str
    app: str
    kind: str
    config: JsonObject

    @property
    def base_url(self) -> str | None:
        """What relative addresses are below."""
        base = self.config.get("base_url")
        return base if isinstance(base, str) else None


Language: TypeAlias = Literal["python", "javascript"]


@dataclass(frozen=True, slots=True)
class CodeLine:
    """What code printed."""

    level: Literal["debug", "info", "warning", "error"]
    message: str


@dataclass(frozen=True, slots=True)
class CodeAnswer:
    """What code gave and printed. With an `error` the value is None, and `logs` hold what was printed before."""

    value: Json
    logs: tuple[CodeLine, ...]
    error: ModuleError | None = None


class Code(Protocol):
    """Runs code of users behind a wall: a process of its own without files, network or secrets.

    `source` defines `main(input)`; `given` is its input. Errors of the code are in the answer: `code.error` (`details` have `line`, `type` and
    `text`), `code.timeout`, `code.memory`, `code.ended`, `payload.too_large`. Raises `ModuleError` `payload.too_large` for the input,
    `code.unavailable` where the wall can't be built.
    """

    async def run(
        self, language: Language, source: str, given: Json, *, timeout: float, memory_mb: int
    ) -> CodeAnswer: ...


class Evaluate(Protocol):
    """Evaluates a value of a `later` field, as the document has it, with `names` in scope besides what the step sees itself.

    The schema lists these names as `x-scope`. Raises `ModuleError` with a code `expression.*`.
    """

    async def __call__(self, value: Json, names: Mapping[str, Json]) -> Json: ...


class AnswerAddress(Protocol):
    """Where a person answers this step: an address of their own, so that the answer says by whom it is. Nobody else is to learn it."""

    def __call__(self, who: str) -> str: ...


class Log(Protocol):
    """Lines of the step's own log, seen beside its row."""

    def __call__(
        self, level: Literal["debug", "info", "warning", "error"], message: str, data: Json = None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Context:
    """One call. `idempotency_key` is the same on each retry and after each crash; `attempt` counts from 1."""

    run_id: str
    path: str
    attempt: int
    idempotency_key: str
    timeout: float
    http: Http
    key_values: KeyValues
    queues: Queues
    events: Events
    files: Files
    sql: Sql
    mail: Mail
    llm: Llm
    isolated: Isolated
    code: Code
    evaluate: Evaluate
    log: Log
    answer_address: AnswerAddress
    connection: Connection | None = None
    """The step's, where it names one."""
