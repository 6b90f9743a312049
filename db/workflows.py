"""Workflows: their names, states, and which version is live. Documents are `db.versions`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from db.connection import Connection
from db.ids import MAX_UUID, UserId, WorkflowId, WorkspaceId, new_uuid7
from db.statements import command, rows, values

WorkflowStatus = Literal["active", "paused", "deleted"]


@dataclass(frozen=True, slots=True)
class Workflow:
    """`max_concurrent_runs` is the live version's."""

    workflow_id: WorkflowId
    workspace_id: WorkspaceId
    name: str
    status: WorkflowStatus
    live_version: int | None
    max_concurrent_runs: int | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


_CREATE = rows("workflows", "create", Workflow)
_BY_ID = rows("workflows", "by_id", Workflow)
_BY_NAME = rows("workflows", "by_name", Workflow)
_PAGE = rows("workflows", "page", Workflow)
_SET_STATUS = rows("workflows", "set_status", Workflow)
_DELETE = rows("workflows", "delete", Workflow)
_LOCK = rows("workflows", "lock", Workflow)
_SET_LIVE = command("workflows", "set_live")
_ENSURE_VIEWS = values("workflows", "ensure_views", str)
_PURGE = command("workflows", "purge")
_DROP_VIEWS = values("workflows", "drop_views", str)


async def create(
    connection: Connection, workspace_id: WorkspaceId, name: str, user_id: UserId | None = None
) -> Workflow | None:
    """None when the name is taken."""
    return await connection.maybe(
        _CREATE, workspace_id=workspace_id, workflow_id=new_uuid7(), name=name, user_id=user_id
    )


async def get(connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> Workflow | None:
    """Deleted ones too."""
    return await connection.maybe(_BY_ID, workspace_id=workspace_id, workflow_id=workflow_id)


async def by_name(connection: Connection, workspace_id: WorkspaceId, name: str) -> Workflow | None:
    """The workflow of that name; if there is none, the one of that name that was deleted last."""
    return await connection.maybe(_BY_NAME, workspace_id=workspace_id, name=name)


async def list_workflows(
    connection: Connection, workspace_id: WorkspaceId, before: WorkflowId | None, limit: int
) -> list[Workflow]:
    """Those not deleted, newest first, older than `before`."""
    return await connection.all(_PAGE, workspace_id=workspace_id, below=before or MAX_UUID, most=limit)


async def set_status(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, status: Literal["active", "paused"]
) -> Workflow | None:
    """None when there is no such workflow, or it is deleted."""
    return await connection.maybe(_SET_STATUS, workspace_id=workspace_id, workflow_id=workflow_id, status=status)


async def delete(connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> Workflow | None:
    """Nothing starts it any more, and its name is free. None when it was deleted before. Its open runs are the caller's."""
    return await connection.maybe(_DELETE, workspace_id=workspace_id, workflow_id=workflow_id)


async def lock(connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> Workflow | None:
    """The workflow, held until the transaction's end: its draft and versions change one at a time."""
    return await connection.maybe(_LOCK, workspace_id=workspace_id, workflow_id=workflow_id)


async def set_live(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, version: int, cap: int | None
) -> None:
    """Under `lock`. New runs take `version`, and at most `cap` of them are open at once (None: any number)."""
    await connection.count(_SET_LIVE, workspace_id=workspace_id, workflow_id=workflow_id, version=version, cap=cap)


async def ensure_views(connection: Connection, workflow_id: WorkflowId) -> str:
    """Make the schema `wf_<id>` with views of the workflow's rows, for reading by SQL; gives its name."""
    return await connection.one(_ENSURE_VIEWS, workflow_id=workflow_id)


async def purge(connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> bool:
    """Remove a deleted workflow with its versions. Its runs go before, by `db.maintenance`."""
    return await connection.count(_PURGE, workspace_id=workspace_id, workflow_id=workflow_id) > 0


async def drop_views(connection: Connection, workflow_id: WorkflowId) -> None:
    """Drop the schema of a purged workflow; one that still exists keeps it."""
    await connection.one(_DROP_VIEWS, workflow_id=workflow_id)
