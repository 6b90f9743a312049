"""The first start of an installation: one workspace, one owner, one API key."""

from __future__ import annotations

from dataclasses import dataclass

from db import api_keys, workspaces
from db.connection import Connection
from db.ids import UserId, WorkspaceId
from db.statements import values

_LOCK = values("workspaces", "first_start_lock", object)


@dataclass(frozen=True, slots=True)
class FirstStart:
    """`key` is the API key's text, which is nowhere else."""

    workspace_id: WorkspaceId
    user_id: UserId
    key: str


async def first_start(connection: Connection, slug: str, name: str, email: str) -> FirstStart | None:
    """Make them if there is no workspace at all; None if there is. For `engine()`: all or nothing, one process at a time."""
    await connection.one(_LOCK)
    if await workspaces.list_all(connection):
        return None
    workspace = await workspaces.create(connection, slug, name)
    assert workspace is not None, "there was no workspace, so its slug was free"
    user_id = await workspaces.ensure_user(connection, email)
    await workspaces.put_role(connection, workspace.workspace_id, user_id, "owner")
    _, key = await api_keys.create(
        connection, workspace.workspace_id, name="first start", role="owner", user_id=user_id, scopes=["api", "hook"]
    )
    return FirstStart(workspace.workspace_id, user_id, key)


async def new_owner_key(connection: Connection) -> FirstStart | None:
    """Another key for the oldest workspace's first owner, when the first one's file is lost. None before the first start."""
    await connection.one(_LOCK)
    found = await workspaces.list_all(connection)
    if not found:
        return None
    first = found[0].workspace_id
    owner = next((member for member in await workspaces.members(connection, first) if member.role == "owner"), None)
    if owner is None:
        return None
    _, key = await api_keys.create(
        connection, first, name="made at start", role="owner", user_id=owner.user_id, scopes=["api", "hook"]
    )
    return FirstStart(first, owner.user_id, key)
