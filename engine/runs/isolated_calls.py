"""Modules without an effect, called for real in a simulation: they get the isolated pool and nothing else of the world."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Literal, NoReturn, cast

from engine.core.effects import ModuleCall
from engine.core.records import LogLine
from engine.core.simulation import CallIsolated
from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError
from engine.expressions.template import compile_value
from engine.expressions.values import Json, Value
from engine.input_check import check
from modules.sdk.context import Context, HttpResponse, Isolated, KeyValue
from modules.sdk.declaration import Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.json_bytes import dumps
from modules.sdk.verdicts import ModuleError


def isolated_caller(modules: Mapping[str, Module], isolated: Isolated) -> CallIsolated:
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
                return await module.run(inputs, _context(made, isolated))
        except TimeoutError:
            if not timer.expired():
                raise
            code = f"{module.name.split('.')[0]}.timeout"
            raise ModuleError(code, f"{module.name!r} took longer than {made.timeout:g} s.") from None

    return call


def _context(made: ModuleCall, isolated: Isolated) -> Context:
    lines: list[LogLine] = []

    async def evaluate(value: Json, names: Mapping[str, Json]) -> Json:
        try:
            scope = {**made.scope, **cast("Mapping[str, Value]", names)}
            return cast("Json", compile_value(value).render(scope, Budget()))
        except ExpressionError as error:
            raise ModuleError(error.code, error.message, details=error.details, retryable=False) from None

    def log(level: Literal["debug", "info", "warning", "error"], message: str, data: Json = None) -> None:
        lines.append(LogLine(time.time(), level, message, data))

    return Context(
        run_id="simulation",
        path=made.path,
        attempt=made.attempt,
        idempotency_key=made.idempotency_key,
        timeout=made.timeout,
        http=_NoHttp(),
        key_values=_NoKeys(),
        isolated=isolated,
        evaluate=evaluate,
        log=log,
    )


def _refused() -> NoReturn:
    raise ModuleError("mock.missing", "A simulation reaches nothing outside.")


class _NoHttp:
    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float,
        follow_redirects: bool = True,
        limit: int = 0,
    ) -> HttpResponse:
        _refused()


class _NoKeys:
    async def get(self, scope: Literal["workflow", "workspace"], key: str) -> KeyValue:
        _refused()

    async def set(
        self,
        scope: Literal["workflow", "workspace"],
        key: str,
        value: Json,
        *,
        ttl: float | None,
        if_version: int | None,
        operation: str,
    ) -> KeyValue:
        _refused()

    async def delete(
        self, scope: Literal["workflow", "workspace"], key: str, *, if_version: int | None, operation: str
    ) -> KeyValue:
        _refused()

    async def increment(
        self, scope: Literal["workflow", "workspace"], key: str, by: int | float, *, ttl: float | None, operation: str
    ) -> KeyValue:
        _refused()
