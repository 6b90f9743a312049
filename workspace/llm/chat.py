"""The one way to a language model: of the copilot's turns, of modules, and of whoever tries what a model can do.

    say ──(the step of the turn has an answer)──────────────────────────────────────────────► that answer, nothing is sent
     └─► the day's budget ─► row `started` ─► request, streamed ─► row `ok` with the whole answer ─► the answer
                                  └──(refused for something that can be put another way)─► the same again, as another row

Invariants: no request without a row that was committed before it; no answer that isn't in its row before it is given. Nothing is tried twice
here: who asked decides by `ModelProblem.retry`, since his are the clock and the attempts. What the copilot sends holds no secret of the
workspace; what a step sends may, its row never does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar, cast
from uuid import UUID

from db import copilot_llm_calls
from db.copilot_llm_calls import End
from db.ids import new_uuid7
from db.pool import Database
from modules.sdk.json import Json, JsonObject
from modules.sdk.parse_error import ParseError
from modules.sdk.verdicts import ModuleError
from workspace.egress.adapters.llm_clients import SILENCE_S, ModelClients
from workspace.egress.adapters.llm_exchange import ModelRefused, ModelUnreached
from workspace.llm.abilities import Abilities, without
from workspace.llm.answer import LONGEST, Answer, too_large
from workspace.llm.asking import Ask, Delta, ModelProblem, Purpose, Said, ToolCall, Usage
from workspace.llm.budget import Limits, check_budget
from workspace.llm.call_log import CallLog, shown
from workspace.llm.endpoint import Endpoint
from workspace.llm.prices import cost_of, provider_of
from workspace.llm.probing import KnownAbilities
from workspace.llm.problems import guarded, refused, unreached
from workspace.llm.records import Request, Work, ended, estimated, hidden, kept, response_of, started, stored
from workspace.llm.request import body_of, emulates, json_in, repair_of
from workspace.llm.without_tools import actions_in
from workspace.secrets.variables import SecretVariables

LONGEST_S = 900.0
"""Of one request with its whole answer."""
_WAYS = 8
_BATCH = 500

Number = TypeVar("Number", int, Decimal)

Check = Callable[[JsonObject, Json, int], Awaitable[list[Json]]]
"""What is wrong with data of so many bytes, by a schema: `{path, message}` each."""


class _AnotherWay(Exception):
    """The server refused how it was put; these are its abilities as it seems now."""

    def __init__(self, abilities: Abilities) -> None:
        super().__init__("the request can be put another way")
        self.abilities = abilities


class Models:
    """One per process; close it at its end. `operator`: the endpoint of the settings, None where there is none. `silence_s`: how long a server
    may say nothing."""

    def __init__(
        self,
        db: Database,
        secrets: SecretVariables,
        check: Check,
        operator: Endpoint | None = None,
        *,
        limits: Limits | None = None,
        body_days: int = 30,
        log_days: int = 365,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._db = db
        self._check = check
        self._operator = operator
        self._limits = limits or Limits()
        self._log_days = log_days
        self._log = CallLog(db, secrets, days=body_days)
        self._clients = ModelClients(silence_s)
        self._known = KnownAbilities(db)

    @property
    def ready(self) -> bool:
        """Whether the installation has a model server of its own, and a model."""
        return self._operator is not None and self._operator.model is not None

    async def close(self) -> None:
        await self._log.close()
        await self._clients.close()

    async def say(
        self,
        purpose: Purpose,
        ask: Ask,
        on_delta: Callable[[Delta], None] | None = None,
        *,
        endpoint: Endpoint | None = None,
        hide: Sequence[str] = (),
    ) -> Said:
        """A whole answer. `on_delta` hears pieces on their way; a later attempt's begin anew. `hide`: texts that rows must not show, beside
        the workspace's secrets. Raises ModelProblem, `DatabaseUnavailable`."""
        endpoint = endpoint or self._operator
        if endpoint is None:
            raise ModelProblem(
                "llm.unset",
                "No language model is set up: whoever runs the installation sets MILLSTREAM_LLM_BASE_URL, MILLSTREAM_LLM_API_KEY and "
                "MILLSTREAM_LLM_MODEL, or a step names a connection of the kind 'llm'.",
            )
        model = ask.model or endpoint.model
        if model is None:
            raise ModelProblem(
                "llm.unset",
                "No model is named: set MILLSTREAM_LLM_MODEL, or give the connection or the request a `model`.",
            )
        redactor = await self._log.redactor(purpose.workspace_id, (*endpoint.secrets, *hide))
        if purpose.purpose != "module" and not redactor.idle:
            ask = replace(ask, messages=cast("list[JsonObject]", redactor.json(cast("Json", ask.messages))))
        request = Request(purpose, ask, model, endpoint, redactor, on_delta)
        if purpose.turn_id is not None:
            found = await self._log.answer(purpose.workspace_id, purpose.turn_id, purpose.step)
            if found is not None and (said := stored(*found)) is not None:
                return await self._fitting(request, said, repaired=found[0].parent_id is not None)
        return await self._fitting(request, await self._asked(request), repaired=False)

    async def sweep(self) -> int:
        """Calls whose process died are `interrupted`, and what is past its time goes; gives how many were interrupted."""
        swept, some = 0, _BATCH
        while some == _BATCH:
            async with self._db.engine() as connection:
                some = await copilot_llm_calls.sweep(connection, _BATCH)
            swept += some
        async with self._db.engine() as connection:
            await copilot_llm_calls.delete_old(connection, self._log_days)
        return swept

    async def _fitting(self, request: Request, said: Said, *, repaired: bool) -> Said:
        """With the JSON that was asked for, after one repair at most."""
        schema = request.ask.json_schema
        if schema is None or said.tool_calls:
            return said
        value, problems = await self._judged(schema, said.text)
        if problems is None:
            return replace(said, json=value)
        if repaired:
            raise ModelProblem("llm.malformed", f"The model's answer doesn't fit the schema, asked twice: {problems}")
        again = replace(
            request,
            ask=repair_of(request.ask, said.text, problems),
            purpose=replace(request.purpose, parent_id=said.call_id, subject="repair"),
            hears=None,
        )
        second = await self._asked(again)
        mended = await self._fitting(again, second, repaired=True)
        return replace(mended, usage=_together(said.usage, mended.usage), cost_usd=_sum(said.cost_usd, mended.cost_usd))

    async def _judged(self, schema: JsonObject, text: str) -> tuple[Json, str | None]:
        try:
            value = json_in(text)
        except ParseError as error:
            return None, f"it is no JSON: {error.message}."
        found = await self._check(schema, value, len(text))
        if not found:
            return value, None
        told = [f"{one.get('path') or '/'} {one.get('message')}" for one in found[:5] if isinstance(one, dict)]
        return None, "; ".join(told)

    async def _asked(self, request: Request) -> Said:
        await check_budget(self._db, request.purpose.workspace_id, self._limits)
        abilities = await self._abilities(request)
        for _ in range(_WAYS):
            try:
                return await self._once(request, abilities)
            except _AnotherWay as way:
                abilities = way.abilities
                await self._known.put(request.purpose.workspace_id, request.endpoint, request.model, abilities)
        raise ModelProblem("llm.refused", f"The model server at {request.endpoint.host!r} refuses every way of asking.")

    async def _abilities(self, request: Request) -> Abilities:
        """As they are known; tried, where what is asked for depends on them."""
        purpose = request.purpose
        learned = Abilities()

        async def tried(ask: Ask, subject: str) -> Said | ModelProblem | None:
            """None: the server refuses what is tried."""
            nonlocal learned
            probe = Purpose(
                "probe",
                purpose.workspace_id,
                purpose.user_id,
                conversation_id=purpose.conversation_id,
                run_id=purpose.run_id,
                path=purpose.path,
                subject=subject,
            )
            made = replace(request, purpose=probe, ask=ask, hears=None)
            for _ in range(_WAYS):
                try:
                    return await self._once(made, learned)
                except _AnotherWay as way:
                    if (way.abilities.tools, way.abilities.json_mode) != (learned.tools, learned.json_mode):
                        return None
                    # What both of the requests that are under way found out.
                    learned = Abilities(
                        streams=learned.streams and way.abilities.streams,
                        stream_usage=learned.stream_usage and way.abilities.stream_usage,
                        token_limit=way.abilities.token_limit,
                    )
                except ModelProblem as problem:
                    return problem
            return None

        wanted = (bool(request.ask.tools) or request.ask.json_schema is not None) and purpose.purpose != "probe"
        found = await self._known.of(purpose.workspace_id, request.endpoint, request.model, tried if wanted else None)
        if learned == Abilities():
            return found
        found = replace(found, streams=learned.streams, token_limit=learned.token_limit)
        await self._known.put(purpose.workspace_id, request.endpoint, request.model, found)
        return found

    async def _once(self, request: Request, abilities: Abilities) -> Said:
        """One request and its row."""
        purpose = request.purpose
        body = body_of(request.ask, request.model, abilities)
        if (said := await self._said_before(request, body)) is not None:
            return said
        call_id = new_uuid7()
        await self._log.start(started(request, call_id, body))
        spoken = emulates(request.ask, abilities)
        work = Work(time.monotonic(), Answer(None if spoken else request.hears))
        try:
            async with asyncio.timeout(LONGEST_S):
                await self._received(request, body, work)
        except BaseException as error:
            problem, way = _problem_of(error, request, abilities, body)
            end = ended(request, work, "error" if problem is not None else "cancelled", problem, error)
            if problem is None:
                await self._log.last_words(purpose.workspace_id, call_id, end)
                raise
            await self._finish(request, call_id, end, priced=work.answer.usage is not None)
            if way is not None:
                raise _AnotherWay(way) from None
            if not isinstance(error, ModelProblem | ModelRefused | ModelUnreached | ModuleError | TimeoutError):
                raise
            raise problem from None
        text, calls = work.answer.text, work.answer.tool_calls
        if spoken and (found := _actions(text, call_id)) is not None:
            text, calls = found
        if purpose.purpose != "module":
            text, calls = hidden(request.redactor, text, calls)
        if spoken and request.hears is not None and text:
            request.hears(Delta("text", text))
        usage = work.answer.usage or Usage()
        if usage.input is None or usage.output is None:
            usage = estimated(usage, body, work.answer)
        end = replace(
            ended(request, work, "ok", None, None),
            response=kept(request.redactor, response_of(work.answer, text, calls, spoken=spoken)),
            input_tokens=usage.input,
            output_tokens=usage.output,
            usage_source=usage.source,
        )
        end, written = await self._finish(request, call_id, end, priced=True, usage=usage)
        if not written:
            raise ModelProblem("llm.cancelled", "Another attempt at the same step took over.")
        return Said(
            call_id,
            text,
            calls,
            work.answer.finish or "stop",
            None,
            usage,
            end.cost_usd,
            work.answer.model or request.model,
        )

    async def _said_before(self, request: Request, body: JsonObject) -> Said | None:
        """The answer that the same attempt at a workflow's step had to the same request, where its row keeps it as it was."""
        purpose = request.purpose
        if purpose.purpose != "module" or purpose.run_id is None or purpose.path is None:
            return None
        found = await self._log.answer_of_attempt(
            purpose.workspace_id, purpose.run_id, purpose.path, purpose.attempt, shown(request.redactor, body)
        )
        if found is None or (isinstance(found[1], dict) and "masked" in found[1]):
            return None
        return stored(*found)

    async def _received(self, request: Request, body: JsonObject, work: Work) -> None:
        endpoint = request.endpoint
        async with self._clients.exchange(
            endpoint.guard, endpoint.base_url, endpoint.attached, endpoint.version, body
        ) as coming:
            work.status, work.request_id = coming.status, coming.request_id
            if coming.streams:
                async for piece in coming.pieces:
                    work.answer.feed(piece)
                    if work.first is None and work.answer.begun:
                        work.first = time.monotonic()
                work.answer.end()
                return
            whole = bytearray()
            async for piece in coming.pieces:
                whole += piece
                if len(whole) > LONGEST * 4:
                    raise too_large()
            work.first = time.monotonic()
            work.answer.whole(bytes(whole))

    async def _finish(
        self, request: Request, call_id: UUID, end: End, *, priced: bool, usage: Usage | None = None
    ) -> tuple[End, bool]:
        """The end as it was written, and whether it was."""
        written = end
        counted = usage or Usage(
            end.input_tokens, end.output_tokens, end.cache_read_tokens, end.cache_write_tokens, end.reasoning_tokens
        )

        async def with_cost() -> End:
            nonlocal written
            workspace_id, base_url = request.purpose.workspace_id, request.endpoint.base_url
            names = (end.response_model, request.model)
            cost = await cost_of(self._db, workspace_id, base_url, names, counted) if priced else None
            provider = await provider_of(base_url)
            written = replace(end, provider=provider)
            if cost is not None:
                written = replace(written, cost_usd=cost.usd, price_source=cost.source, price_version=cost.version)
            return written

        kept = await self._log.finish(request.purpose.workspace_id, call_id, end, cost=with_cost)
        return written, kept


def _problem_of(
    error: BaseException, request: Request, abilities: Abilities, body: JsonObject
) -> tuple[ModelProblem | None, Abilities | None]:
    """What it is for whoever asked (None: he is gone), and the abilities with which it may be put another way."""
    host = request.endpoint.host
    if isinstance(error, ModelProblem):
        return error, None
    if isinstance(error, ModelRefused):
        problem = refused(error, host, request.model)
        tellable = problem.code in ("llm.refused", "llm.model_unknown", "llm.server")
        return problem, without(abilities, error, body) if tellable else None
    if isinstance(error, ModelUnreached):
        return unreached(error, host), None
    if isinstance(error, ModuleError):
        return guarded(error, host), None
    if isinstance(error, TimeoutError):
        return ModelProblem(
            "llm.timeout", f"The model server at {host!r} gave no whole answer within {LONGEST_S:g} s.", retry=True
        ), None
    if isinstance(error, Exception):
        return ModelProblem("llm.server", "The request failed in a way that isn't foreseen."), None
    return None, None


def _actions(text: str, call_id: UUID) -> tuple[str, tuple[ToolCall, ...]] | None:
    with suppress(ParseError):
        return actions_in(json_in(text), call_id.hex[-12:])
    return None


def _together(first: Usage, second: Usage) -> Usage:
    return Usage(
        _sum(first.input, second.input),
        _sum(first.output, second.output),
        _sum(first.cache_read, second.cache_read),
        _sum(first.cache_write, second.cache_write),
        _sum(first.reasoning, second.reasoning),
        "estimated" if "estimated" in (first.source, second.source) else second.source,
    )


def _sum(first: Number | None, second: Number | None) -> Number | None:
    """Not known, where one of them isn't."""
    return None if first is None or second is None else first + second
