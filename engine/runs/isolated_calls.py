"""Modules without an effect, called for real in a simulation: they get the isolated pool, the sandbox, and nothing else of the world."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from engine.core.effects import ModuleCall
from engine.core.simulation import CallIsolated
from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError
from engine.expressions.template import compile_value
from engine.expressions.values import Json, Value
from engine.input_check import check
from modules.sdk.closed import (
    ClosedEvents,
    ClosedFiles,
    ClosedHttp,
    ClosedKeyValues,
    ClosedLlm,
    ClosedMail,
    ClosedQueues,
    ClosedSql,
    no_address,
    no_log,
)
from modules.sdk.context import Code, Context, Isolated
from modules.sdk.declaration import Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.json_bytes import dumps
from modules.sdk.verdicts import ModuleError

_NOTHING_OUTSIDE = ("mock.missing", "A simulation reaches nothing outside.")


def isolated_caller(modules: Mapping[str, Module], isolated: Isolated, code: Code) -> CallIsolated:
    """Calls a module by what the registry has under its name and version, within the step's time limit."""

    async def call(made: ModuleCall, inputs: JsonObject) -> Result:
        module = modules.get(f"{made.module}@{made.version}")
        if module is None or module.run is None:
            raise ModuleError(
                "module.unknown", f"This installation has no module {made.module!r} of version {made.version}."
            )
        wrong = await check(module.input_schema, inputs, size=len(dumps(inputs)))
        if wrong:
            first = wrong[0]
            told = f"{first['path'] or '/'} {first['message']}" if isinstance(first, dict) else ""
            raise ModuleError(
                "input.invalid", f"The inputs of {module.name!r} don't fit: {told}.", details={"problems": wrong}
            )
        timer = asyncio.timeout(made.timeout)
        try:
            async with timer:
                return await module.run(inputs, _context(made, isolated, code))
        except TimeoutError:
            if not timer.expired():
                raise
            over = f"{module.name.split('.')[0]}.timeout"
            raise ModuleError(over, f"{module.name!r} took longer than {made.timeout:g} s.") from None

    return call


def _context(made: ModuleCall, isolated: Isolated, code: Code) -> Context:
    async def evaluate(value: Json, names: Mapping[str, Json]) -> Json:
        try:
            scope = {**made.scope, **cast("Mapping[str, Value]", names)}
            return cast("Json", compile_value(value).render(scope, Budget()))
        except ExpressionError as error:
            raise ModuleError(error.code, error.message, details=error.details, retryable=False) from None

    return Context(
        run_id="simulation",
        path=made.path,
        attempt=made.attempt,
        idempotency_key=made.idempotency_key,
        timeout=made.timeout,
        http=ClosedHttp(*_NOTHING_OUTSIDE),
        key_values=ClosedKeyValues(*_NOTHING_OUTSIDE),
        queues=ClosedQueues(*_NOTHING_OUTSIDE),
        events=ClosedEvents(*_NOTHING_OUTSIDE),
        files=ClosedFiles(*_NOTHING_OUTSIDE),
        sql=ClosedSql(*_NOTHING_OUTSIDE),
        mail=ClosedMail(*_NOTHING_OUTSIDE),
        llm=ClosedLlm(*_NOTHING_OUTSIDE),
        isolated=isolated,
        code=code,
        evaluate=evaluate,
        log=no_log,
        answer_address=no_address,
    )
