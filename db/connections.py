"""Connections: settings, closed credentials, and which workflows use them. Tokens are `db.connection_tokens`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from db.connection import Connection as Db
from db.ids import MAX_UUID, ConnectionId, ProviderId, UserId, WorkflowId, WorkspaceId, new_uuid7
from db.json import Json, dumps
from db.statements import command, rows, values

Kind = Literal["api_key", "basic", "bearer", "header", "oauth2", "postgres", "smtp", "imap", "llm"]
State = Literal["ok", "needs_reauth", "revoked"]
UsableBy = Literal["owner", "editor"]


@dataclass(frozen=True, slots=True)
class Connection:
    """`secret` and `tokens` are closed. `reason` says why the state isn't `ok`.

    As of the reading: the access token is good for `lasts_s` seconds (None: nobody knows), a refresh is `due`, the last one failed and
    the next one is `resting`.
    """

    workspace_id: WorkspaceId
    connection_id: ConnectionId
    name: str
    app: str
    kind: Kind
    config: Json
    secret: bytes | None
    secret_version: int
    allowed_hosts: Sequence[str]
    rate_count: int | None
    rate_per: float | None
    usable_by: UsableBy
    state: State
    reason: str | None
    provider_id: ProviderId | None
    provider: str | None
    tokens: bytes | None
    token_version: int
    expires_at: datetime | None
    lasts_s: float | None
    due: bool
    resting: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person may change. `rate_per` is seconds."""

    config: dict[str, Json]
    allowed_hosts: Sequence[str]
    rate_count: int | None
    rate_per: float | None
    usable_by: UsableBy
    provider_id: ProviderId | None
    state: State
    reason: str | None


@dataclass(frozen=True, slots=True)
class Known:
    connection_id: ConnectionId
    name: str
    app: str
    kind: Kind
    usable_by: UsableBy


@dataclass(frozen=True, slots=True)
class _Use:
    connection_id: UUID
    workflow: str


_CREATE = values("connections", "create", UUID)
_GET = rows("connections", "get", Connection)
_BY_NAME = rows("connections", "by_name", Connection)
_LIST = rows("connections", "list_connections", Connection)
_KNOWN = rows("connections", "known", Known)
_LIMITED = values("connections", "limited", str)
_LOCK = values("connections", "lock", UUID)
_CHANGE = command("connections", "change")
_REVOKE = command("connections", "revoke")
_DELETE = command("connections", "delete")
_USES = rows("connections", "uses", _Use)
_UNUSE = command("connections", "unuse")
_USE = values("connections", "use", UUID)


async def create(
    connection: Db,
    workspace_id: WorkspaceId,
    connection_id: ConnectionId,
    *,
    name: str,
    app: str,
    kind: Kind,
    settings: Settings,
    secret: bytes | None,
    user_id: UserId | None = None,
) -> bool:
    """False when the name is taken. The id is the caller's, since the secret is closed for that row."""
    made = await connection.maybe(
        _CREATE,
        workspace_id=workspace_id,
        connection_id=connection_id,
        name=name,
        app=app,
        kind=kind,
        config=dumps(settings.config),
        secret=secret,
        allowed_hosts=list(settings.allowed_hosts),
        rate_count=settings.rate_count,
        rate_per=settings.rate_per,
        usable_by=settings.usable_by,
        state=settings.state,
        reason=settings.reason,
        provider_id=settings.provider_id,
        user_id=user_id,
    )
    return made is not None


def new_id() -> ConnectionId:
    return ConnectionId(new_uuid7())


async def get(connection: Db, workspace_id: WorkspaceId, connection_id: ConnectionId) -> Connection | None:
    return await connection.maybe(_GET, workspace_id=workspace_id, connection_id=connection_id)


async def by_name(connection: Db, workspace_id: WorkspaceId, name: str) -> Connection | None:
    return await connection.maybe(_BY_NAME, workspace_id=workspace_id, name=name)


async def find(connection: Db, workspace_id: WorkspaceId, reference: str) -> Connection | None:
    """By its name, or else by its id as text."""
    found = await by_name(connection, workspace_id, reference)
    if found is None:
        try:
            connection_id = ConnectionId(UUID(reference))
        except ValueError:
            return None
        found = await get(connection, workspace_id, connection_id)
    return found


async def list_connections(
    connection: Db, workspace_id: WorkspaceId, before: ConnectionId | None, limit: int
) -> list[Connection]:
    """Newest first."""
    return await connection.all(_LIST, workspace_id=workspace_id, before=before or MAX_UUID, most=limit)


async def known(connection: Db, workspace_id: WorkspaceId) -> list[Known]:
    """Every connection of the workspace, for checking documents that name connections."""
    return await connection.all(_KNOWN, workspace_id=workspace_id)


async def limited(connection: Db, workspace_id: WorkspaceId, names: Sequence[str]) -> list[str]:
    """Which of these connections have a rate limit."""
    return await connection.all(_LIMITED, workspace_id=workspace_id, names=list(names))


async def lock(connection: Db, workspace_id: WorkspaceId, connection_id: ConnectionId) -> bool:
    """Hold it alone until the transaction's end; False: it is gone."""
    return await connection.maybe(_LOCK, workspace_id=workspace_id, connection_id=connection_id) is not None


async def change(
    connection: Db,
    workspace_id: WorkspaceId,
    connection_id: ConnectionId,
    settings: Settings,
    *,
    fresh: bool,
    secret: bytes | None,
    forget: bool,
) -> None:
    """New settings. `fresh`: `secret` takes the old one's place; `forget`: what the provider gave is dropped."""
    await connection.count(
        _CHANGE,
        workspace_id=workspace_id,
        connection_id=connection_id,
        config=dumps(settings.config),
        allowed_hosts=list(settings.allowed_hosts),
        rate_count=settings.rate_count,
        rate_per=settings.rate_per,
        usable_by=settings.usable_by,
        provider_id=settings.provider_id,
        fresh=fresh,
        secret=secret,
        forget=forget,
        state=settings.state,
        reason=settings.reason,
    )


async def revoke(connection: Db, workspace_id: WorkspaceId, connection_id: ConnectionId, reason: str) -> None:
    """Its credential is erased."""
    await connection.count(_REVOKE, workspace_id=workspace_id, connection_id=connection_id, reason=reason)


async def delete(connection: Db, workspace_id: WorkspaceId, connection_id: ConnectionId) -> bool:
    """Whoever uses it no longer does. False: it was gone."""
    return await connection.count(_DELETE, workspace_id=workspace_id, connection_id=connection_id) > 0


async def uses(connection: Db, connection_ids: Sequence[ConnectionId]) -> dict[ConnectionId, list[str]]:
    """The names of the workflows whose live versions name them."""
    found: dict[ConnectionId, list[str]] = {}
    for row in await connection.all(_USES, connection_ids=list(connection_ids)):
        found.setdefault(ConnectionId(row.connection_id), []).append(row.workflow)
    return found


async def bind(
    connection: Db, workspace_id: WorkspaceId, workflow_id: WorkflowId, names: Sequence[str]
) -> set[ConnectionId]:
    """The workflow's live version names exactly these from now on; gives those that there are."""
    await connection.count(_UNUSE, workspace_id=workspace_id, workflow_id=workflow_id)
    if not names:
        return set()
    bound = await connection.all(_USE, workspace_id=workspace_id, workflow_id=workflow_id, names=list(names))
    return {ConnectionId(connection_id) for connection_id in bound}
