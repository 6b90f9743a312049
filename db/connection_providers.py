"""A workspace's own OAuth clients, which connections refer to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.connection import Connection as Db
from db.ids import MAX_UUID, ProviderId, UserId, WorkspaceId, new_uuid7
from db.json import Json, dumps
from db.statements import command, rows, values


@dataclass(frozen=True, slots=True)
class Provider:
    """`client_secret` is closed; None for a public client."""

    workspace_id: WorkspaceId
    provider_id: ProviderId
    name: str
    config: Json
    client_secret: bytes | None
    created_at: datetime
    updated_at: datetime


_CREATE = rows("connection_providers", "create", Provider)
_GET = rows("connection_providers", "get", Provider)
_BY_NAME = rows("connection_providers", "by_name", Provider)
_LIST = rows("connection_providers", "list_providers", Provider)
_CHANGE = rows("connection_providers", "change", Provider)
_USERS_OF = values("connection_providers", "users_of", str)
_DELETE = command("connection_providers", "delete")


def new_id() -> ProviderId:
    return ProviderId(new_uuid7())


async def create(
    connection: Db,
    workspace_id: WorkspaceId,
    provider_id: ProviderId,
    name: str,
    config: dict[str, Json],
    client_secret: bytes | None,
    user_id: UserId | None = None,
) -> Provider | None:
    """None when the name is taken. The id is the caller's, since the secret is closed for that row."""
    return await connection.maybe(
        _CREATE,
        workspace_id=workspace_id,
        provider_id=provider_id,
        name=name,
        config=dumps(config),
        client_secret=client_secret,
        user_id=user_id,
    )


async def get(connection: Db, workspace_id: WorkspaceId, provider_id: ProviderId) -> Provider | None:
    return await connection.maybe(_GET, workspace_id=workspace_id, provider_id=provider_id)


async def find(connection: Db, workspace_id: WorkspaceId, reference: str) -> Provider | None:
    """By its name, or else by its id as text."""
    found = await connection.maybe(_BY_NAME, workspace_id=workspace_id, name=reference)
    if found is None:
        try:
            provider_id = ProviderId(UUID(reference))
        except ValueError:
            return None
        found = await get(connection, workspace_id, provider_id)
    return found


async def list_providers(
    connection: Db, workspace_id: WorkspaceId, before: ProviderId | None, limit: int
) -> list[Provider]:
    """Newest first."""
    return await connection.all(_LIST, workspace_id=workspace_id, before=before or MAX_UUID, most=limit)


async def change(
    connection: Db,
    workspace_id: WorkspaceId,
    provider_id: ProviderId,
    config: dict[str, Json],
    *,
    fresh: bool,
    client_secret: bytes | None,
) -> Provider | None:
    """`fresh`: `client_secret` takes the old one's place. None when there is none."""
    return await connection.maybe(
        _CHANGE,
        workspace_id=workspace_id,
        provider_id=provider_id,
        config=dumps(config),
        fresh=fresh,
        client_secret=client_secret,
    )


async def users_of(connection: Db, workspace_id: WorkspaceId, provider_id: ProviderId) -> list[str]:
    """The names of the connections that refer to it."""
    return await connection.all(_USERS_OF, workspace_id=workspace_id, provider_id=provider_id)


async def delete(connection: Db, workspace_id: WorkspaceId, provider_id: ProviderId) -> bool:
    """False while a connection refers to it, or when it is gone."""
    return await connection.count(_DELETE, workspace_id=workspace_id, provider_id=provider_id) > 0
