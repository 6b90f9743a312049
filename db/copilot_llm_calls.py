"""Calls of language models. `migrations/*_llm_calls.sql` tells the states of a row.

Bodies and errors are closed in workspaces that keep data of runs encrypted.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from db import log_seal
from db.connection import Connection
from db.data import json_or_none
from db.ids import MAX_UUID, RunId, WorkspaceId
from db.json import Json, dumps, loads
from db.log_seal import LogPlace
from db.statements import command, rows, values

Status = Literal["started", "ok", "error", "cancelled", "interrupted"]
PurposeName = Literal["chat", "build", "explain", "fix", "compact", "title", "judge", "module", "probe"]
EndStatus = Literal["ok", "error", "cancelled"]
UsageSource = Literal["endpoint", "estimated"]
_TABLE = "copilot_llm_monitor_logs"
_MANY = 2_000


@dataclass(frozen=True, slots=True)
class Start:
    """A request that will be sent. `request` is what will be, redacted. `attempt` is the least that the row's becomes."""

    workspace_id: WorkspaceId
    call_id: UUID
    purpose: PurposeName
    host: str
    request_model: str
    request: Json
    parameters: Json
    subject: str | None = None
    user_id: int | None = None
    conversation_id: UUID | None = None
    turn_id: UUID | None = None
    message_id: UUID | None = None
    run_id: UUID | None = None
    path: str | None = None
    step: int = 0
    attempt: int = 1
    parent_id: UUID | None = None
    prompt_name: str | None = None
    prompt_version: str | None = None
    prompt_hash: str | None = None
    tools_hash: str | None = None
    temporal_workflow_id: str | None = None
    temporal_run_id: str | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How a call ended. `response`: what came, redacted; None where nothing did. What isn't known is None, never 0."""

    status: EndStatus
    response: Json = None
    provider: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    finish_reasons: Sequence[str] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage_source: UsageSource | None = None
    cost_usd: Decimal | None = None
    price_source: str | None = None
    price_version: str | None = None
    first_chunk_ms: float | None = None
    chunks: int | None = None
    http_status: int | None = None
    error: Json = None
    retry_after_s: float | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One row. `error` is as it is kept, for `opened`."""

    workspace_id: WorkspaceId
    call_id: UUID
    purpose: str
    subject: str | None
    status: str
    user_id: int | None
    conversation_id: UUID | None
    turn_id: UUID | None
    message_id: UUID | None
    run_id: UUID | None
    path: str | None
    step: int
    attempt: int
    parent_id: UUID | None
    provider: str | None
    host: str
    api: str
    request_model: str
    response_model: str | None
    response_id: str | None
    prompt_name: str | None
    prompt_version: str | None
    prompt_hash: str | None
    parameters: Json
    request_hash: str
    response_hash: str | None
    tools_hash: str | None
    finish_reasons: list[str] | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    usage_source: str | None
    cost_usd: Decimal | None
    price_source: str | None
    price_version: str | None
    started_at: datetime
    first_chunk_at: datetime | None
    finished_at: datetime | None
    time_to_first_token_ms: float | None
    duration_ms: float | None
    chunks: int | None
    http_status: int | None
    error: Json
    retry_after_s: float | None
    request_id: str | None
    temporal_workflow_id: str | None
    temporal_run_id: str | None
    trace_id: str | None


@dataclass(frozen=True, slots=True)
class Filter:
    conversation_id: UUID | None = None
    turn_id: UUID | None = None
    run_id: UUID | None = None
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    tokens: int
    usd: Decimal


_ENTER = command("copilot_llm_calls", "enter")
_ANSWER = rows("copilot_llm_calls", "answer", Call)
_ANSWER_OF_ATTEMPT = rows("copilot_llm_calls", "answer_of_attempt", Call)
_START = values("copilot_llm_calls", "start", UUID)
_PUT_BODY = command("copilot_llm_calls", "put_body")
_FINISH = command("copilot_llm_calls", "finish")
_PUT_OFF = command("copilot_llm_calls", "put_off")
_SWEEP = command("copilot_llm_calls", "sweep")
_OLD_BODIES = command("copilot_llm_calls", "old_bodies")
_OLD_CALLS = command("copilot_llm_calls", "old_calls")
_PAGE = rows("copilot_llm_calls", "page", Call)
_GET = rows("copilot_llm_calls", "get", Call)
_BODY = values("copilot_llm_calls", "body", bytes)
_SPENT = rows("copilot_llm_calls", "spent", Spent)


async def enter(connection: Connection, workspace_id: WorkspaceId, turn_id: UUID, step: int) -> int:
    """What earlier attempts at the step left open is `interrupted`; gives how many."""
    return await connection.count(_ENTER, workspace_id=workspace_id, turn_id=turn_id, step=step)


async def answer(connection: Connection, workspace_id: WorkspaceId, turn_id: UUID, step: int) -> Call | None:
    """The step's answer, where it has one."""
    return await connection.maybe(_ANSWER, workspace_id=workspace_id, turn_id=turn_id, step=step)


async def answer_of_attempt(
    connection: Connection, workspace_id: WorkspaceId, run_id: RunId, path: str, attempt: int, request: Json
) -> Call | None:
    """The answer to the same request, redacted, that an attempt at a run's step got before its process died."""
    return await connection.maybe(
        _ANSWER_OF_ATTEMPT,
        workspace_id=workspace_id,
        run_id=run_id,
        path=path,
        attempt=attempt,
        request_hash=_hash(dumps(request).encode()),
    )


async def start(connection: Connection, new: Start, *, days: int, lease_s: float) -> bool:
    """False, and nothing: another attempt at the same step took the number at the same moment. Its body is kept for `days`."""
    hash_, body = await _packed(connection, new.workspace_id, new.request)
    found = await connection.maybe(
        _START,
        workspace_id=new.workspace_id,
        request_hash=hash_,
        body=body,
        days=days,
        call_id=new.call_id,
        purpose=new.purpose,
        subject=new.subject,
        user_id=new.user_id,
        conversation_id=new.conversation_id,
        turn_id=new.turn_id,
        message_id=new.message_id,
        run_id=new.run_id,
        path=new.path,
        step=new.step,
        attempt=new.attempt,
        parent_id=new.parent_id,
        host=new.host,
        request_model=new.request_model,
        prompt_name=new.prompt_name,
        prompt_version=new.prompt_version,
        prompt_hash=new.prompt_hash,
        parameters=dumps(new.parameters),
        tools_hash=new.tools_hash,
        temporal_workflow_id=new.temporal_workflow_id,
        temporal_run_id=new.temporal_run_id,
        trace_id=new.trace_id,
        lease_s=lease_s,
    )
    return found is not None


async def finish(connection: Connection, workspace_id: WorkspaceId, call_id: UUID, end: End, *, days: int) -> bool:
    """In a transaction. False: it isn't open any more, and stays as it is."""
    hash_: str | None = None
    if end.response is not None:
        hash_, body = await _packed(connection, workspace_id, end.response)
        await connection.count(_PUT_BODY, workspace_id=workspace_id, hash=hash_, body=body, days=days)
    seal = await log_seal.wanted(connection.seal, workspace_id)
    done = await connection.count(
        _FINISH,
        status=end.status,
        provider=end.provider,
        response_model=end.response_model,
        response_id=end.response_id,
        response_hash=hash_,
        finish_reasons=None if end.finish_reasons is None else list(end.finish_reasons),
        input_tokens=end.input_tokens,
        output_tokens=end.output_tokens,
        cache_read_tokens=end.cache_read_tokens,
        cache_write_tokens=end.cache_write_tokens,
        reasoning_tokens=end.reasoning_tokens,
        usage_source=end.usage_source,
        cost_usd=end.cost_usd,
        price_source=end.price_source,
        price_version=end.price_version,
        first_chunk_ms=end.first_chunk_ms,
        chunks=end.chunks,
        http_status=end.http_status,
        error=json_or_none(await log_seal.closed(seal, _error_of(workspace_id, call_id), end.error)),
        retry_after_s=end.retry_after_s,
        request_id=end.request_id,
        workspace_id=workspace_id,
        call_id=call_id,
    )
    return done > 0


async def put_off(connection: Connection, call_ids: Sequence[UUID], lease_s: float) -> None:
    await connection.count(_PUT_OFF, call_ids=list(call_ids), lease_s=lease_s)


async def sweep(connection: Connection, limit: int = 500) -> int:
    """Open ones whose lease is over are `interrupted`; gives how many. Repeat while it gives `limit`."""
    return await connection.count(_SWEEP, most=limit)


async def delete_old(connection: Connection, days: int) -> int:
    """Bodies past their time, and rows older than `days`; gives how many of both went, at most some thousands."""
    gone = await connection.count(_OLD_BODIES, most=_MANY)
    return gone + await connection.count(_OLD_CALLS, days=days, most=_MANY)


async def page(
    connection: Connection, workspace_id: WorkspaceId, wanted: Filter, before: UUID | None, limit: int
) -> list[Call]:
    """Newest first; errors as they are kept, for `opened`."""
    return await connection.all(
        _PAGE,
        workspace_id=workspace_id,
        below=before or MAX_UUID,
        conversation_id=wanted.conversation_id,
        turn_id=wanted.turn_id,
        run_id=wanted.run_id,
        status=wanted.status,
        most=limit,
    )


async def get(connection: Connection, workspace_id: WorkspaceId, call_id: UUID) -> Call | None:
    return await connection.maybe(_GET, workspace_id=workspace_id, call_id=call_id)


async def body(connection: Connection, workspace_id: WorkspaceId, hash_: str) -> Json:
    """What lies under the hash; None where it is past its time. Raises `UnreadableData`."""
    found = await connection.maybe(_BODY, workspace_id=workspace_id, hash=hash_)
    if found is None:
        return None
    if log_seal.is_closed(found):
        if connection.seal is None:
            return None
        found = await log_seal.opened_bytes(connection.seal, _body_of(workspace_id, hash_), found)
    return loads(zlib.decompress(found))


async def opened(connection: Connection, call: Call) -> Call:
    """With its error as it is, or a word that it can't be read any more."""
    place = _error_of(call.workspace_id, call.call_id)
    return replace(call, error=await log_seal.opened_copy(connection.seal, place, call.error))


async def spent(connection: Connection, workspace_id: WorkspaceId, since: datetime) -> Spent:
    return await connection.one(_SPENT, workspace_id=workspace_id, since=since)


async def _packed(connection: Connection, workspace_id: WorkspaceId, content: Json) -> tuple[str, bytes]:
    plain = dumps(content).encode()
    hash_ = _hash(plain)
    packed = zlib.compress(plain)
    seal = await log_seal.wanted(connection.seal, workspace_id)
    return hash_, packed if seal is None else await seal.close(_body_of(workspace_id, hash_), packed)


def _hash(plain: bytes) -> str:
    return hashlib.sha256(plain).hexdigest()


def _body_of(workspace_id: WorkspaceId, hash_: str) -> LogPlace:
    return LogPlace("llm_bodies", "body", workspace_id, hash_)


def _error_of(workspace_id: WorkspaceId, call_id: UUID) -> LogPlace:
    return LogPlace(_TABLE, "error", workspace_id, str(call_id))
