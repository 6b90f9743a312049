"""One attempt of one module call, from inputs as written to an outcome. No rows, no Temporal.

Order: expressions are evaluated, the result checked against the module's input schema, the module is called under its
time limit, and whatever happens becomes a value: an output, or a `StepError` with a stable code. Two things leave as exceptions: cancelling,
and PostgreSQL that went away under the module, which is nothing that the module did.

What a module raises beside `ModuleError` is a fault of ours: the user sees `module.failed`, the operator's log the trace.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

from db.errors import DatabaseUnavailable
from engine.activities.host import Head, Host
from engine.activities.secrets import Given
from engine.activities.stored import LIMIT, has_refs
from engine.core.effects import ModuleCall
from engine.core.errors import StepError
from engine.core.records import LogLine
from engine.core.retry import RetryPolicy, decide, retryable
from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError
from engine.expressions.template import Hidden, compile_value, render_hiding
from engine.expressions.values import Json, Value, as_value
from engine.input_check import check
from modules.sdk.closed import ClosedMail, ClosedSql
from modules.sdk.context import Context, Staged
from modules.sdk.declaration import Module, Result
from modules.sdk.json_bytes import dumps
from modules.sdk.verdicts import ModuleError
from workspace.connections.in_use import InUse
from workspace.files.clean import CleanFiles
from workspace.llm.steps import AskingStep
from workspace.secrets.redactor import MASK, Redactor
from workspace.secrets.secret import texts_of
from workspace.secrets.variables import LARGEST

_logger = logging.getLogger(__name__)

JsonObject = dict[str, Json]

_LONG = 512 * 1024
"""Bytes from which on an output is looked through on another thread."""
_NO_DATABASE = ClosedSql("connection.missing", "The step names no connection to a database.")
_NO_MAIL = ClosedMail("connection.missing", "The step names no connection to a mail server.")

_BREATH = 100
"""Evaluations of one call between two pauses in which the process does other things: a module may make one for each of many items."""
MOST_LINES = 1_000
"""Log lines of one attempt that are kept."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt gave. `input` is what the module got, secrets masked, None where it didn't come so far. Sizes are bytes of JSON."""

    input: JsonObject | None
    output: Json
    output_bytes: bytes
    handles: tuple[str, ...]
    error: StepError | None
    retry_at: float | None
    logs: tuple[LogLine, ...]
    started_at: float
    finished_at: float
    staged: Staged | None = None
    """Still to be done, with the row: see `ended_with`."""


class Unbegun(DatabaseUnavailable):
    """PostgreSQL was away before the module was called."""


class Refused(Exception):
    """The attempt ends with this error. `verdict` is what the module said about trying again, None where it said nothing."""

    def __init__(self, error: StepError, verdict: bool | None = None) -> None:
        super().__init__(error.code)
        self.error = error
        self.verdict = verdict


def may_read_secrets(call: ModuleCall, host: Host) -> bool:
    """Whether secrets may stand in the inputs of this call: the module sends them outside, and keeps them nowhere."""
    module = host.modules.get(call.module, call.version)
    return call.effect != "none" and module is not None and not module.keeps


async def attempt(
    head: Head, call: ModuleCall, host: Host, scope: Mapping[str, Value], started_at: float, secrets: Given
) -> Attempt:
    """Makes the attempt over `scope`, which is the call's with every reference loaded. Raises nothing but `CancelledError` and
    `DatabaseUnavailable`: what the module did by then isn't known, but for `Unbegun`.

    What it gives holds no secret that is known when it ends.
    """
    lines: list[LogLine] = []
    shown: JsonObject | None = None
    result = Result(None, ())
    output_bytes = b"null"
    error: StepError | None = None
    verdict: bool | None = None
    try:
        module = host.modules.get(call.module, call.version)
        if module is None:
            raise Refused(
                StepError(
                    "module.unknown", f"This installation has no module {call.module!r} of version {call.version}."
                )
            )
        scope = _with_secrets(head, scope, secrets)
        given, shown = await _resolved(call, scope, secrets)
        given_bytes = dumps(given)
        _limit(given_bytes, "input")
        await _checked(module, given, len(given_bytes))
        result = await _called(head, call, module, given, scope, host, lines, secrets)
        output_bytes = dumps(result.output)
        _limit(output_bytes, "output")
    except Refused as refused:
        error, verdict = refused.error, refused.verdict
        result, output_bytes = Result(None, ()), b"null"
    finished_at = time.time()
    redactor = secrets.used.redactor()
    if not redactor.idle:
        result, output_bytes = await _clean(redactor, result, output_bytes)
        shown = None if shown is None else cast("JsonObject", redactor.json(shown))
        error = None if error is None else _clean_error(redactor, error)
        lines = [replace(one, message=redactor.text(one.message), data=redactor.json(one.data)) for one in lines]
    retry_at = None
    if error is not None:
        error, retry_at = _judged(error.at(call.path), verdict, call, finished_at)
    return Attempt(
        shown,
        result.output,
        output_bytes,
        result.handles,
        error,
        retry_at,
        tuple(lines),
        started_at,
        finished_at,
        result.staged,
    )


def ended_with(made: Attempt, call: ModuleCall, gave: Json | ModuleError) -> Attempt:
    """The attempt once what it staged is done (`gave` is the output) or was refused."""
    if not isinstance(gave, ModuleError):
        return replace(made, output=gave, output_bytes=dumps(gave), staged=None)
    refused = StepError(gave.code, gave.message, details=gave.details, retry_after=gave.retry_after)
    error, retry_at = _judged(refused.at(call.path), gave.retryable, call, made.finished_at)
    return replace(made, output=None, output_bytes=b"null", handles=(), error=error, retry_at=retry_at, staged=None)


def _with_secrets(head: Head, scope: Mapping[str, Value], secrets: Given) -> Mapping[str, Value]:
    """The scope with secrets in the place of their shapes, where it has these."""
    variables = scope.get("vars")
    if not secrets.readable or not isinstance(variables, dict):
        return scope
    wanted = [name for name in head.secrets if name in variables]
    if not wanted:
        return scope
    if secrets.problem is not None:
        raise Refused(StepError("secret.unreadable", f"A secret can't be read: {secrets.problem}"))
    for name in wanted:
        if name not in secrets.values:
            message = f"The secret {name!r} was deleted, or is no secret any more, since the run began."
            raise Refused(StepError("secret.unknown", message))
    return {**scope, "vars": {**variables, **{name: as_value(secrets.values[name]) for name in wanted}}}


async def _resolved(call: ModuleCall, scope: Mapping[str, Value], secrets: Given) -> tuple[JsonObject, JsonObject]:
    """What the module gets, and what its row shows of that."""
    try:
        template = compile_value(cast("Json", call.inputs))
        if secrets.values:
            hidden = await asyncio.to_thread(render_hiding, template, scope, Budget(), secrets.values.keys(), MASK)
            _remember(secrets, hidden)
            return cast("JsonObject", hidden.value), cast("JsonObject", hidden.shown)
        if has_refs(cast("Value", call.scope)):
            rendered = await asyncio.to_thread(template.render, scope, Budget())
        else:
            rendered = template.render(scope, Budget())
    except ExpressionError as error:
        raise Refused(StepError(error.code, error.message, details=error.details)) from None
    return cast("JsonObject", rendered), cast("JsonObject", rendered)


def _remember(secrets: Given, hidden: Hidden) -> None:
    """What expressions made of secrets is secret too; where the secret still shows in it, it is known by that."""
    for value in hidden.made:
        for text in texts_of(cast("Json", value)):
            if len(text) <= LARGEST and secrets.used.redactor().text(text) == text:
                secrets.used.add(text)


async def _clean(redactor: Redactor, result: Result, output_bytes: bytes) -> tuple[Result, bytes]:
    if len(output_bytes) > _LONG:
        output = await asyncio.to_thread(redactor.json, result.output, output_bytes)
    else:
        output = redactor.json(result.output, output_bytes)
    if output is result.output:
        return result, output_bytes
    return replace(result, output=output), dumps(output)


def _clean_error(redactor: Redactor, error: StepError) -> StepError:
    details = cast("JsonObject", redactor.json(error.details))
    return replace(error, message=redactor.text(error.message), details=details)


async def _checked(module: Module, given: JsonObject, size: int) -> None:
    problems = await check(module.input_schema, given, size=size)
    if problems:
        first = problems[0]
        where, what = (first.get("path"), first.get("message")) if isinstance(first, dict) else ("", "")
        raise Refused(
            StepError(
                "input.invalid",
                f"The inputs of {module.name!r} don't fit: {where or '/'} {what}.",
                details={"problems": problems},
            )
        )


async def _called(
    head: Head,
    call: ModuleCall,
    module: Module,
    given: JsonObject,
    scope: Mapping[str, Value],
    host: Host,
    lines: list[LogLine],
    secrets: Given,
) -> Result:
    try:
        if module.pure is not None:
            return await asyncio.to_thread(module.pure, given)
        if module.run is None:
            raise Refused(StepError("module.unknown", f"The module {module.name!r} can't be called as a step."))
        timer = asyncio.timeout(call.timeout)
        try:
            async with timer:
                connection = None
                if call.connection is not None:
                    connection = await _connected(head, call.connection, host, secrets)
                return await module.run(given, _context(head, call, scope, host, lines, secrets, connection))
        except TimeoutError:
            if not timer.expired():
                raise
            code = f"{module.name.split('.')[0]}.timeout"
            message = f"{module.name!r} took longer than {call.timeout:g} s."
            raise Refused(StepError(code, message)) from None
    except ModuleError as error:
        raise Refused(
            StepError(error.code, error.message, details=error.details, retry_after=error.retry_after), error.retryable
        ) from None
    except ExpressionError as error:
        raise Refused(StepError(error.code, error.message, details=error.details)) from None
    except (Refused, DatabaseUnavailable, asyncio.CancelledError):
        raise
    except Exception:
        _logger.exception("module %s failed in run %s at %s", module.key, head.run_id, call.path)
        raise Refused(
            StepError("module.failed", f"The module {module.name!r} failed in a way that it doesn't foresee.")
        ) from None


async def _connected(head: Head, name: str, host: Host, secrets: Given) -> InUse:
    try:
        return await host.connections.use(head.workspace_id, name, secrets.used.add)
    except DatabaseUnavailable as error:
        raise Unbegun(str(error)) from error


def _context(
    head: Head,
    call: ModuleCall,
    scope: Mapping[str, Value],
    host: Host,
    lines: list[LogLine],
    secrets: Given,
    connection: InUse | None,
) -> Context:
    evaluated = 0

    async def evaluate(value: Json, names: Mapping[str, Json]) -> Json:
        nonlocal evaluated
        evaluated += 1
        if evaluated % _BREATH == 0:
            await asyncio.sleep(0)
        try:
            template = compile_value(value)
            together = {**scope, **cast("Mapping[str, Value]", names)}
            if not secrets.values:
                return cast("Json", template.render(together, Budget()))
            hidden = render_hiding(template, together, Budget(), secrets.values.keys(), MASK)
            _remember(secrets, hidden)
            return cast("Json", hidden.value)
        except ExpressionError as error:
            raise ModuleError(error.code, error.message, details=error.details, retryable=False) from None

    def log(level: Literal["debug", "info", "warning", "error"], message: str, data: Json = None) -> None:
        if len(lines) < MOST_LINES:
            lines.append(LogLine(time.time(), level, message, data))

    return Context(
        run_id=head.run_id,
        path=call.path,
        attempt=call.attempt,
        idempotency_key=call.idempotency_key,
        timeout=call.timeout,
        http=host.http if connection is None else connection.http,
        key_values=host.key_values(head.workspace_id, head.workflow_id),
        queues=host.queues(head.workspace_id),
        events=host.events(head.workspace_id, head.run_id),
        files=CleanFiles(host.files(head.workspace_id), secrets.used),
        sql=_NO_DATABASE if connection is None else host.sql(connection.opened),
        mail=_NO_MAIL if connection is None else host.mail(connection.opened),
        llm=host.llm(
            AskingStep(head.workspace_id, head.run_id, call.path, call.attempt, secrets.used),
            None if connection is None else connection.opened,
        ),
        isolated=host.isolated,
        code=host.code,
        evaluate=evaluate,
        log=log,
        answer_address=lambda who: host.addresses(head.run_id, call.path, who),
        connection=None if connection is None else connection.about,
    )


def _judged(error: StepError, verdict: bool | None, call: ModuleCall, now: float) -> tuple[StepError, float | None]:
    """The error with its verdict, and when the attempt is made again; the row and the interpreter then agree on it."""
    policy = _policy(call)
    error = replace(error, retryable=retryable(error.code, policy, verdict))
    counted = call.retry.get("counted")
    chance = random.random()  # noqa: S311  # spreads retries, guards nothing
    delay = decide(error, counted if isinstance(counted, int) else call.attempt, policy, chance)
    return error, None if delay is None else now + delay


def _policy(call: ModuleCall) -> RetryPolicy:
    return RetryPolicy.from_json(call.retry)


def _limit(data: bytes, what: str) -> None:
    if len(data) > LIMIT:
        raise Refused(
            StepError("payload.too_large", f"The {what} has {len(data):,} bytes; at most {LIMIT:,} are allowed.")
        )
