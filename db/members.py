"""Members of a workspace: changed by whoever holds the workspace, so that the last owner can't go twice at once.

Changes are for `engine(workspace)`: a person is the installation's, and whom a tenant sees depends on the row that is being changed.
"""

from __future__ import annotations

from typing import Literal

from db import api_keys
from db.connection import Connection
from db.ids import UserId, WorkspaceId
from db.statements import command, rows, values
from db.workspaces import Member, Role, ensure_user

_HOLD = values("members", "hold", int)
_PAGE = rows("members", "page", Member)
_GET = rows("members", "get", Member)
_ADD = values("members", "add", bool)
_SET_ROLE = command("members", "set_role")
_REMOVE = command("members", "remove")
_OTHER_OWNERS = values("members", "other_owners", int)


async def page(connection: Connection, workspace_id: WorkspaceId, after: UserId | None, limit: int) -> list[Member]:
    """In order of their ids."""
    return await connection.all(_PAGE, workspace_id=workspace_id, after=after or 0, most=limit)


async def get(connection: Connection, workspace_id: WorkspaceId, user_id: UserId) -> Member | None:
    return await connection.maybe(_GET, workspace_id=workspace_id, user_id=user_id)


async def add(connection: Connection, workspace_id: WorkspaceId, email: str, role: Role) -> Member | None:
    """The person with that address is a member from now on. None when they are already."""
    await connection.one(_HOLD, workspace_id=workspace_id)
    user_id = await ensure_user(connection, email)
    if await connection.maybe(_ADD, workspace_id=workspace_id, user_id=user_id, role=role) is None:
        return None
    return await get(connection, workspace_id, user_id)


async def set_role(
    connection: Connection, workspace_id: WorkspaceId, user_id: UserId, role: Role
) -> Member | Literal["unknown", "last_owner"]:
    """The member with the new role, which holds for their keys from now on."""
    refused = await _refused(connection, workspace_id, user_id, stays_owner=role == "owner")
    if refused is not None:
        return refused
    await connection.count(_SET_ROLE, workspace_id=workspace_id, user_id=user_id, role=role)
    return await get(connection, workspace_id, user_id) or "unknown"


async def remove(
    connection: Connection, workspace_id: WorkspaceId, user_id: UserId
) -> Literal["removed", "unknown", "last_owner"]:
    """They leave, and their keys of this workspace end for good: who comes back gets new ones."""
    refused = await _refused(connection, workspace_id, user_id, stays_owner=False)
    if refused is not None:
        return refused
    await api_keys.revoke_of_user(connection, workspace_id, user_id)
    await connection.count(_REMOVE, workspace_id=workspace_id, user_id=user_id)
    return "removed"


async def _refused(
    connection: Connection, workspace_id: WorkspaceId, user_id: UserId, *, stays_owner: bool
) -> Literal["unknown", "last_owner"] | None:
    await connection.one(_HOLD, workspace_id=workspace_id)
    found = await get(connection, workspace_id, user_id)
    if found is None:
        return "unknown"
    if found.role == "owner" and not stays_owner:
        others = await connection.one(_OTHER_OWNERS, workspace_id=workspace_id, user_id=user_id)
        if others == 0:
            return "last_owner"
    return None
