"""The host of examples: the real isolated pool and evaluator, key-values in memory, and no way out.

Examples show what a module gives; what they leave behind is gone when they end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError
from engine.expressions.template import compile_value
from engine.expressions.values import as_value, to_json
from modules.sdk.closed import (
    ClosedCode,
    ClosedEvents,
    ClosedFiles,
    ClosedHttp,
    ClosedLlm,
    ClosedMail,
    ClosedQueues,
    ClosedSql,
    no_address,
    no_log,
)
from modules.sdk.context import Code, Context, Isolated, KeyValue
from modules.sdk.json import Json
from modules.sdk.verdicts import ModuleError, Rejected
from workspace.key_values import add

Scope: TypeAlias = Literal["workflow", "workspace"]


class MemoryKeyValues:
    """Key-values that last as long as this object. Nothing expires in it."""

    def __init__(self) -> None:
        self._stored: dict[tuple[Scope, str], KeyValue] = {}
        self._done: dict[tuple[Scope, str, str], KeyValue] = {}

    async def get(self, scope: Scope, key: str) -> KeyValue:
        return self._stored.get((scope, key), KeyValue(None, 0, found=False))

    async def set(
        self,
        scope: Scope,
        key: str,
        value: Json,
        *,
        ttl: float | None,
        if_version: int | None,
        operation: str,
    ) -> KeyValue:
        return await self._write(scope, key, operation, if_version, value)

    async def delete(self, scope: Scope, key: str, *, if_version: int | None, operation: str) -> KeyValue:
        done = self._done.get((scope, key, operation))
        if done is not None:
            return done
        before = await self._expected(scope, key, if_version)
        self._stored.pop((scope, key), None)
        self._done[scope, key, operation] = before
        return before

    async def increment(
        self, scope: Scope, key: str, by: int | float, *, ttl: float | None, operation: str
    ) -> KeyValue:
        done = self._done.get((scope, key, operation))
        if done is not None:
            return done
        before = await self.get(scope, key)
        return await self._write(scope, key, operation, None, add(before.value if before.found else 0, by, key))

    async def _write(self, scope: Scope, key: str, operation: str, if_version: int | None, value: Json) -> KeyValue:
        done = self._done.get((scope, key, operation))
        if done is None:
            before = await self._expected(scope, key, if_version)
            done = KeyValue(value, before.version + 1, found=True)
            self._stored[scope, key] = done
            self._done[scope, key, operation] = done
        return done

    async def _expected(self, scope: Scope, key: str, if_version: int | None) -> KeyValue:
        before = await self.get(scope, key)
        if if_version is not None and if_version != before.version:
            raise Rejected("kv.conflict", f"{key!r} has version {before.version}, not {if_version}")
        return before


async def evaluate(value: Json, names: Mapping[str, Json]) -> Json:
    """`Evaluate` with nothing but `names` in scope."""
    try:
        scope = {name: as_value(each) for name, each in names.items()}
        return to_json(compile_value(value).render(scope, Budget()))
    except ExpressionError as error:
        raise ModuleError(error.code, error.message, details=error.details, retryable=False) from None


_NO_CODE = ClosedCode("code.unavailable", "an example has no sandbox here")


def example_context(isolated: Isolated, timeout: float, code: Code = _NO_CODE) -> Context:
    """A context for one call, with stores of its own."""
    return Context(
        run_id="00000000-0000-7000-8000-000000000000",
        path="example",
        attempt=1,
        idempotency_key="00000000-0000-7000-8000-000000000000:example",
        timeout=timeout,
        http=ClosedHttp("http.blocked", "an example has no network: say `runnable=False`"),
        key_values=MemoryKeyValues(),
        queues=ClosedQueues("queue.unknown", "an example has no queues: say `runnable=False`"),
        events=ClosedEvents("mock.missing", "an example has nobody to tell events to: say `runnable=False`"),
        files=ClosedFiles("file.unknown", "an example has no files: say `runnable=False`"),
        sql=ClosedSql("connection.missing", "an example has no database: say `runnable=False`"),
        mail=ClosedMail("connection.missing", "an example has no mail server: say `runnable=False`"),
        llm=ClosedLlm("llm.unset", "an example has no language model: say `runnable=False`"),
        isolated=isolated,
        code=code,
        evaluate=evaluate,
        log=no_log,
        answer_address=no_address,
    )
