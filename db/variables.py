"""Variables of a workspace: plain JSON values that documents read as `vars.NAME`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from db.connection import Connection
from db.ids import UserId, VariableId, WorkspaceId, new_uuid7
from db.json import Json, dumps
from db.statements import command, rows


@dataclass(frozen=True, slots=True)
class Variable:
    variable_id: VariableId
    name: str
    value: Json
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class _Value:
    name: str
    value: Json


_ALL = rows("variables", "all_values", _Value)
_PAGE = rows("variables", "page", Variable)
_GET = rows("variables", "get", Variable)
_CREATE = rows("variables", "create", Variable)
_PUT = rows("variables", "put", Variable)
_DELETE = command("variables", "delete")


async def all_values(connection: Connection, workspace_id: WorkspaceId) -> dict[str, Json]:
    """What a run sees of the workspace at its start."""
    return {row.name: row.value for row in await connection.all(_ALL, workspace_id=workspace_id)}


async def list_variables(
    connection: Connection, workspace_id: WorkspaceId, after: str | None, limit: int
) -> list[Variable]:
    """In order of names, after `after`."""
    return await connection.all(_PAGE, workspace_id=workspace_id, after=after or "", most=limit)


async def get(connection: Connection, workspace_id: WorkspaceId, name: str) -> Variable | None:
    return await connection.maybe(_GET, workspace_id=workspace_id, name=name)


async def create(
    connection: Connection, workspace_id: WorkspaceId, name: str, value: Json, user_id: UserId | None = None
) -> Variable | None:
    """None when the name is taken."""
    return await connection.maybe(
        _CREATE,
        workspace_id=workspace_id,
        variable_id=new_uuid7(),
        name=name,
        value=dumps(value),
        user_id=user_id,
    )


async def put(
    connection: Connection, workspace_id: WorkspaceId, name: str, value: Json, user_id: UserId | None = None
) -> Variable | None:
    """A new value; None when there is no such variable."""
    return await connection.maybe(_PUT, workspace_id=workspace_id, name=name, value=dumps(value), user_id=user_id)


async def delete(connection: Connection, workspace_id: WorkspaceId, name: str) -> bool:
    """False when there was none."""
    return await connection.count(_DELETE, workspace_id=workspace_id, name=name) > 0
