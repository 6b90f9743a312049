"""Variables of a workspace, which documents read as `vars.NAME`: plain JSON values, and secrets, which stand here closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from db.connection import Connection
from db.ids import UserId, VariableId, WorkspaceId, new_uuid7
from db.json import Json, dumps
from db.statements import command, rows


@dataclass(frozen=True, slots=True)
class Variable:
    """`value` of a secret is its shape, a mask in the place of each leaf."""

    variable_id: VariableId
    name: str
    secret: bool
    value: Json
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Closed:
    """A secret: what it is, and what it was before its last change."""

    variable_id: VariableId
    name: str
    closed: bytes
    former: bytes | None


@dataclass(frozen=True, slots=True)
class _Value:
    name: str
    value: Json
    secret: bool


_ALL = rows("variables", "all_values", _Value)
_CLOSED = rows("variables", "closed", Closed)
_PAGE = rows("variables", "page", Variable)
_GET = rows("variables", "get", Variable)
_CREATE = rows("variables", "create", Variable)
_PUT = rows("variables", "put", Variable)
_DELETE = command("variables", "delete")


async def all_values(connection: Connection, workspace_id: WorkspaceId) -> dict[str, Json]:
    """What a run sees of the workspace at its start; of a secret its shape."""
    return {row.name: row.value for row in await connection.all(_ALL, workspace_id=workspace_id)}


async def at_start(connection: Connection, workspace_id: WorkspaceId) -> tuple[dict[str, Json], frozenset[str]]:
    """The same, and which of them are secrets."""
    found = await connection.all(_ALL, workspace_id=workspace_id)
    return {row.name: row.value for row in found}, frozenset(row.name for row in found if row.secret)


async def list_variables(
    connection: Connection, workspace_id: WorkspaceId, after: str | None, limit: int
) -> list[Variable]:
    """In order of names, after `after`."""
    return await connection.all(_PAGE, workspace_id=workspace_id, after=after or "", most=limit)


async def get(connection: Connection, workspace_id: WorkspaceId, name: str) -> Variable | None:
    return await connection.maybe(_GET, workspace_id=workspace_id, name=name)


async def create(
    connection: Connection,
    workspace_id: WorkspaceId,
    name: str,
    value: Json,
    user_id: UserId | None = None,
    *,
    variable_id: VariableId | None = None,
    closed: bytes | None = None,
) -> Variable | None:
    """None when the name is taken. With `closed` it is a secret, which was closed for the row of `variable_id`; `value` is then its shape."""
    return await connection.maybe(
        _CREATE,
        workspace_id=workspace_id,
        variable_id=variable_id or new_variable_id(),
        name=name,
        value=dumps(value),
        closed=closed,
        user_id=user_id,
    )


async def put(
    connection: Connection,
    workspace_id: WorkspaceId,
    variable: Variable,
    value: Json,
    user_id: UserId | None = None,
    *,
    closed: bytes | None = None,
) -> Variable | None:
    """A new value; None when the variable is gone, or has become a secret or ceased to be one since it was read."""
    return await connection.maybe(
        _PUT,
        workspace_id=workspace_id,
        variable_id=variable.variable_id,
        was_secret=variable.secret,
        value=dumps(value),
        closed=closed,
        user_id=user_id,
    )


async def delete(connection: Connection, workspace_id: WorkspaceId, variable: Variable) -> bool:
    """False when it is gone, or has become a secret or ceased to be one since it was read."""
    done = await connection.count(
        _DELETE, workspace_id=workspace_id, variable_id=variable.variable_id, was_secret=variable.secret
    )
    return done > 0


async def closed(connection: Connection, workspace_id: WorkspaceId, names: Sequence[str]) -> list[Closed]:
    """Those of the names that are secrets."""
    return await connection.all(_CLOSED, workspace_id=workspace_id, names=list(names))


def new_variable_id() -> VariableId:
    return VariableId(new_uuid7())
