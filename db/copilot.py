"""Conversations with the copilot: what was said, done and told. The tables say what their columns mean.

Invariants: a conversation has one turn under way at the most; a step of a turn was said once, and each of its tool calls gave one result;
events have consecutive numbers, given under the lock of the conversation's row, so whoever has read up to one has missed none before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from db.connection import Connection
from db.data import json_or_none
from db.ids import MAX_UUID, ConversationId, MessageId, RunId, TurnId, WorkflowId, WorkspaceId, new_uuid7
from db.json import Json, dumps
from db.statements import command, rows, values

TurnStatus = Literal["in_progress", "completed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """`workflow` is its name now."""

    workspace_id: WorkspaceId
    conversation_id: ConversationId
    asker: str
    title: str | None
    workflow_id: WorkflowId | None
    workflow: str | None
    run_id: RunId | None
    last_seq: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Turn:
    """`asker` is the person for whom it acts, with their role: JSON of the copilot's own."""

    workspace_id: WorkspaceId
    turn_id: TurnId
    conversation_id: ConversationId
    answer_id: MessageId
    asker: Json
    status: TurnStatus
    created_at: datetime
    started_at: datetime | None
    cancel_requested_at: datetime | None
    finished_at: datetime | None
    error: Json


@dataclass(frozen=True, slots=True)
class Message:
    message_id: MessageId
    turn_id: TurnId
    role: Literal["user", "assistant"]
    content: str
    widget: Json
    options: Json
    subject: Json
    status: TurnStatus
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TurnStep:
    """`calls` are `[{id, name, arguments}]`, as the model wrote them."""

    turn_id: TurnId
    step: int
    text: str
    calls: Json
    finish: str
    tokens: int | None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`error` is a code, None where it did what it should; `ends`: nothing more is done in that turn."""

    turn_id: TurnId
    step: int
    position: int
    name: str
    content: Json
    fact: Json
    error: str | None
    ends: bool


@dataclass(frozen=True, slots=True)
class Told:
    """An event of AG-UI."""

    seq: int
    turn_id: TurnId
    event: Json


@dataclass(frozen=True, slots=True)
class TaskContext:
    """`covers`: the last turn for which it stands."""

    context_id: UUID
    body: str
    covers: UUID


_CREATE = command("copilot", "create")
_LIST = rows("copilot", "list_conversations", Conversation)
_GET = rows("copilot", "get", Conversation)
_DELETE = command("copilot", "delete")
_ENTITLE = command("copilot", "entitle")
_BEGIN_TURN = command("copilot", "begin_turn")
_PUT_MESSAGE = command("copilot", "put_message")
_OPEN_TURN = values("copilot", "open_turn", UUID)
_TURN = rows("copilot", "turn", Turn)
_HOLD_TURN = rows("copilot", "hold_turn", Turn)
_STARTED = command("copilot", "started")
_UNATTENDED = rows("copilot", "unattended", Turn)
_REQUEST_CANCEL = command("copilot", "request_cancel")
_END_TURN = command("copilot", "end_turn")
_END_MESSAGE = command("copilot", "end_message")
_MESSAGES = rows("copilot", "messages", Message)
_PUT_STEP = command("copilot", "put_step")
_STEPS = rows("copilot", "steps", TurnStep)
_PUT_TOOL_CALL = command("copilot", "put_tool_call")
_TOOL_CALLS = rows("copilot", "tool_calls", ToolCall)
_TAKE_SEQS = values("copilot", "take_seqs", int)
_PUT_EVENT = command("copilot", "put_event")
_EVENTS = rows("copilot", "events", Told)
_CONTEXT = rows("copilot", "context", TaskContext)
_SUPERSEDE_CONTEXT = command("copilot", "supersede_context")
_PUT_CONTEXT = command("copilot", "put_context")


async def create(
    connection: Connection,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    asker: str,
    title: str | None,
    workflow_id: WorkflowId | None,
    run_id: RunId | None,
) -> None:
    await connection.count(
        _CREATE,
        workspace_id=workspace_id,
        conversation_id=conversation_id,
        asker=asker,
        title=title,
        workflow_id=workflow_id,
        run_id=run_id,
    )


async def list_conversations(
    connection: Connection, workspace_id: WorkspaceId, asker: str, before: ConversationId | None, limit: int
) -> list[Conversation]:
    """Newest first."""
    return await connection.all(_LIST, workspace_id=workspace_id, asker=asker, below=before or MAX_UUID, most=limit)


async def get(
    connection: Connection, workspace_id: WorkspaceId, conversation_id: ConversationId
) -> Conversation | None:
    return await connection.maybe(_GET, workspace_id=workspace_id, conversation_id=conversation_id)


async def delete(connection: Connection, workspace_id: WorkspaceId, conversation_id: ConversationId) -> None:
    await connection.count(_DELETE, workspace_id=workspace_id, conversation_id=conversation_id)


async def entitle(
    connection: Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, title: str
) -> None:
    await connection.count(_ENTITLE, workspace_id=workspace_id, conversation_id=conversation_id, title=title)


async def begin_turn(
    connection: Connection,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    turn_id: TurnId,
    answer_id: MessageId,
    asker: Json,
) -> bool:
    """False: another one is under way."""
    made = await connection.count(
        _BEGIN_TURN,
        workspace_id=workspace_id,
        turn_id=turn_id,
        conversation_id=conversation_id,
        answer_id=answer_id,
        asker=dumps(asker),
    )
    return made > 0


async def put_message(
    connection: Connection,
    turn: tuple[WorkspaceId, ConversationId, TurnId],
    message_id: MessageId,
    role: Literal["user", "assistant"],
    content: str,
    status: TurnStatus,
    subject: Json = None,
) -> None:
    workspace_id, conversation_id, turn_id = turn
    await connection.count(
        _PUT_MESSAGE,
        workspace_id=workspace_id,
        message_id=message_id,
        conversation_id=conversation_id,
        turn_id=turn_id,
        role=role,
        content=content,
        subject=json_or_none(subject),
        status=status,
    )


async def open_turn(
    connection: Connection, workspace_id: WorkspaceId, conversation_id: ConversationId
) -> TurnId | None:
    found = await connection.maybe(_OPEN_TURN, workspace_id=workspace_id, conversation_id=conversation_id)
    return None if found is None else TurnId(found)


async def turn(connection: Connection, workspace_id: WorkspaceId, turn_id: TurnId) -> Turn | None:
    return await connection.maybe(_TURN, workspace_id=workspace_id, turn_id=turn_id)


async def hold_turn(connection: Connection, workspace_id: WorkspaceId, turn_id: TurnId) -> Turn | None:
    """For nobody else until the transaction's end."""
    return await connection.maybe(_HOLD_TURN, workspace_id=workspace_id, turn_id=turn_id)


async def started(connection: Connection, workspace_id: WorkspaceId, turn_id: TurnId) -> None:
    await connection.count(_STARTED, workspace_id=workspace_id, turn_id=turn_id)


async def unattended(connection: Connection, young_s: float, silent_s: float, limit: int) -> list[Turn]:
    """Older than `young_s` and not started, or not looked at for `silent_s`."""
    return await connection.all(_UNATTENDED, young_s=young_s, silent_s=silent_s, most=limit)


async def request_cancel(connection: Connection, workspace_id: WorkspaceId, turn_id: TurnId) -> bool:
    """False: it has ended."""
    return await connection.count(_REQUEST_CANCEL, workspace_id=workspace_id, turn_id=turn_id) > 0


async def end_turn(
    connection: Connection, workspace_id: WorkspaceId, turn_id: TurnId, status: TurnStatus, error: Json
) -> bool:
    """False: it had ended."""
    ended = await connection.count(
        _END_TURN, workspace_id=workspace_id, turn_id=turn_id, status=status, error=json_or_none(error)
    )
    return ended > 0


async def end_message(
    connection: Connection,
    workspace_id: WorkspaceId,
    message_id: MessageId,
    content: str,
    status: TurnStatus,
    widget: Json,
    options: Json,
) -> None:
    await connection.count(
        _END_MESSAGE,
        workspace_id=workspace_id,
        message_id=message_id,
        content=content,
        status=status,
        widget=json_or_none(widget),
        options=json_or_none(options),
    )


async def messages(
    connection: Connection,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    after: MessageId | None,
    limit: int,
) -> list[Message]:
    """Oldest first."""
    return await connection.all(
        _MESSAGES,
        workspace_id=workspace_id,
        conversation_id=conversation_id,
        above=after or UUID(int=0),
        most=limit,
    )


async def put_step(connection: Connection, workspace_id: WorkspaceId, step: TurnStep, cost_usd: Decimal | None) -> bool:
    """False: it was said before."""
    put = await connection.count(
        _PUT_STEP,
        workspace_id=workspace_id,
        turn_id=step.turn_id,
        step=step.step,
        text=step.text,
        calls=dumps(step.calls),
        finish=step.finish,
        tokens=step.tokens,
        cost_usd=cost_usd,
    )
    return put > 0


async def steps(connection: Connection, workspace_id: WorkspaceId, conversation_id: ConversationId) -> list[TurnStep]:
    return await connection.all(_STEPS, workspace_id=workspace_id, conversation_id=conversation_id)


async def put_tool_call(connection: Connection, workspace_id: WorkspaceId, call: ToolCall) -> bool:
    """False: it was made before."""
    put = await connection.count(
        _PUT_TOOL_CALL,
        workspace_id=workspace_id,
        turn_id=call.turn_id,
        step=call.step,
        position=call.position,
        name=call.name,
        content=dumps(call.content),
        fact=json_or_none(call.fact),
        error=call.error,
        ends=call.ends,
    )
    return put > 0


async def tool_calls(
    connection: Connection, workspace_id: WorkspaceId, conversation_id: ConversationId
) -> list[ToolCall]:
    return await connection.all(_TOOL_CALLS, workspace_id=workspace_id, conversation_id=conversation_id)


async def tell(
    connection: Connection,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    turn_id: TurnId,
    events: Sequence[Json],
) -> int:
    """Adds them to what is told; gives the number of the last. Holds the conversation's row until the transaction's end."""
    last = await connection.one(
        _TAKE_SEQS, workspace_id=workspace_id, conversation_id=conversation_id, count=len(events)
    )
    for seq, event in enumerate(events, last - len(events) + 1):
        await connection.count(
            _PUT_EVENT,
            workspace_id=workspace_id,
            conversation_id=conversation_id,
            seq=seq,
            turn_id=turn_id,
            event=dumps(event),
        )
    return last


async def events(
    connection: Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, after: int, limit: int
) -> list[Told]:
    return await connection.all(
        _EVENTS, workspace_id=workspace_id, conversation_id=conversation_id, after=after, most=limit
    )


async def context(
    connection: Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, kind: str
) -> TaskContext | None:
    return await connection.maybe(_CONTEXT, workspace_id=workspace_id, conversation_id=conversation_id, kind=kind)


async def put_context(
    connection: Connection,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    *,
    kind: str,
    body: str,
    covers: TurnId,
    tokens: int | None,
    model: str,
    prompt: str,
) -> None:
    """Takes the place of the one before."""
    context_id = new_uuid7()
    await connection.count(
        _SUPERSEDE_CONTEXT,
        workspace_id=workspace_id,
        conversation_id=conversation_id,
        kind=kind,
        context_id=context_id,
    )
    await connection.count(
        _PUT_CONTEXT,
        workspace_id=workspace_id,
        context_id=context_id,
        conversation_id=conversation_id,
        kind=kind,
        body=body,
        tokens=tokens,
        covers=covers,
        model=model,
        prompt=prompt,
    )
