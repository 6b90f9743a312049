"""Workspaces, the people in them, and what each role may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from db.connection import Connection
from db.ids import UserId, WorkspaceId
from db.statements import command, rows, values

Role = Literal["owner", "editor", "viewer"]


@dataclass(frozen=True, slots=True)
class Workspace:
    workspace_id: WorkspaceId
    slug: str
    name: str
    plan: str
    created_at: datetime
    encrypt_logs: bool


@dataclass(frozen=True, slots=True)
class Member:
    user_id: UserId
    email: str
    name: str | None
    role: Role


@dataclass(frozen=True, slots=True)
class Right:
    role: Role
    action: str


_BY_SLUG = rows("workspaces", "by_slug", Workspace)
_GET = rows("workspaces", "get", Workspace)
_ALL = rows("workspaces", "all", Workspace)
_CREATE = rows("workspaces", "create", Workspace)
_CHANGE = rows("workspaces", "change", Workspace)
_ENCRYPTS_LOGS = values("workspaces", "encrypts_logs", bool)
_MEMBERS = rows("workspaces", "members", Member)
_ENSURE_USER = values("workspaces", "ensure_user", int)
_PUT_ROLE = command("workspaces", "put_role")
_RIGHTS = rows("workspaces", "rights", Right)


async def by_slug(connection: Connection, slug: str) -> Workspace | None:
    """The workspace that an address names; for `engine()`, since nobody is known yet."""
    return await connection.maybe(_BY_SLUG, slug=slug)


async def get(connection: Connection, workspace_id: WorkspaceId) -> Workspace | None:
    return await connection.maybe(_GET, workspace_id=workspace_id)


async def list_all(connection: Connection) -> list[Workspace]:
    """Every workspace of the installation, oldest first."""
    return await connection.all(_ALL)


async def create(connection: Connection, slug: str, name: str) -> Workspace | None:
    """None when the slug is taken."""
    return await connection.maybe(_CREATE, slug=slug, name=name)


async def change(
    connection: Connection, workspace_id: WorkspaceId, *, name: str | None = None, encrypt_logs: bool | None = None
) -> Workspace | None:
    """What is None stays."""
    return await connection.maybe(_CHANGE, workspace_id=workspace_id, name=name, encrypt_logs=encrypt_logs)


async def encrypts_logs(connection: Connection, workspace_id: WorkspaceId) -> bool:
    """Whether data of the workspace's runs is to be kept encrypted."""
    return await connection.maybe(_ENCRYPTS_LOGS, workspace_id=workspace_id) is True


async def members(connection: Connection, workspace_id: WorkspaceId) -> list[Member]:
    return await connection.all(_MEMBERS, workspace_id=workspace_id)


async def ensure_user(connection: Connection, email: str, name: str | None = None) -> UserId:
    """The person with that address (upper and lower case are one), made if need be."""
    return UserId(await connection.one(_ENSURE_USER, email=email, name=name))


async def put_role(connection: Connection, workspace_id: WorkspaceId, user_id: UserId, role: Role) -> None:
    """A person has one role in a workspace: this one from now on."""
    await connection.count(_PUT_ROLE, workspace_id=workspace_id, user_id=user_id, role=role)


async def rights(connection: Connection) -> frozenset[tuple[Role, str]]:
    """Every (role, action) that is allowed."""
    return frozenset((right.role, right.action) for right in await connection.all(_RIGHTS))
