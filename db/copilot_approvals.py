"""What people were asked to decide by the copilot, what they decided, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from db.connection import Connection
from db.data import json_or_none
from db.ids import ApprovalId, ConversationId, TurnId, WorkspaceId
from db.json import Json, dumps
from db.statements import command, rows

Status = Literal["open", "refused", "approved", "done", "failed", "void"]


@dataclass(frozen=True, slots=True)
class Approval:
    """`change_set` is what the person is shown; `content_hash` says what they decide on."""

    workspace_id: WorkspaceId
    approval_id: ApprovalId
    conversation_id: ConversationId
    turn_id: TurnId
    action: str
    workflow: str
    content_hash: str
    change_set: Json
    status: Status
    created_at: datetime
    decided_at: datetime | None
    decided_by: Json
    parts: Json
    reason: str | None
    result: Json


_PUT = command("copilot_approvals", "put")
_GET = rows("copilot_approvals", "get", Approval)
_HOLD = rows("copilot_approvals", "hold", Approval)
_LIST = rows("copilot_approvals", "list_approvals", Approval)
_DECIDE = command("copilot_approvals", "decide")
_SETTLE = command("copilot_approvals", "settle")
_VOID = command("copilot_approvals", "void")


async def put(
    connection: Connection,
    place: tuple[WorkspaceId, ConversationId, TurnId],
    approval_id: ApprovalId,
    action: str,
    workflow: str,
    content_hash: str,
    change_set: Json,
) -> None:
    """Takes the place of those of the conversation that ask for the same."""
    workspace_id, conversation_id, turn_id = place
    await connection.count(
        _VOID, workspace_id=workspace_id, conversation_id=conversation_id, workflow=workflow, action=action
    )
    await connection.count(
        _PUT,
        workspace_id=workspace_id,
        approval_id=approval_id,
        conversation_id=conversation_id,
        turn_id=turn_id,
        action=action,
        workflow=workflow,
        content_hash=content_hash,
        change_set=dumps(change_set),
    )


async def get(connection: Connection, workspace_id: WorkspaceId, approval_id: ApprovalId) -> Approval | None:
    return await connection.maybe(_GET, workspace_id=workspace_id, approval_id=approval_id)


async def hold(connection: Connection, workspace_id: WorkspaceId, approval_id: ApprovalId) -> Approval | None:
    """For nobody else until the transaction's end."""
    return await connection.maybe(_HOLD, workspace_id=workspace_id, approval_id=approval_id)


async def list_approvals(
    connection: Connection, workspace_id: WorkspaceId, conversation_id: ConversationId, limit: int
) -> list[Approval]:
    """Newest first."""
    return await connection.all(_LIST, workspace_id=workspace_id, conversation_id=conversation_id, most=limit)


async def decide(
    connection: Connection,
    approval: Approval,
    status: Literal["refused", "approved"],
    decided_by: Json,
    parts: Json,
    reason: str | None,
) -> bool:
    """False: it was decided, or counts no more."""
    decided = await connection.count(
        _DECIDE,
        workspace_id=approval.workspace_id,
        approval_id=approval.approval_id,
        status=status,
        decided_by=dumps(decided_by),
        parts=json_or_none(parts),
        reason=reason,
    )
    return decided > 0


async def settle(connection: Connection, approval: Approval, status: Literal["done", "failed"], result: Json) -> None:
    await connection.count(
        _SETTLE,
        workspace_id=approval.workspace_id,
        approval_id=approval.approval_id,
        status=status,
        result=json_or_none(result),
    )
