"""API keys: `ms_` and 256 random bits in base64url. The database has only their SHA-256, which lookups go by."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from db.connection import Connection
from db.ids import MAX_UUID, ApiKeyId, UserId, WorkspaceId, new_uuid7
from db.statements import command, rows
from db.workspaces import Role

_PREFIX = 10
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. `prefix` is its first characters, to tell keys apart."""

    workspace_id: WorkspaceId
    api_key_id: ApiKeyId
    user_id: UserId | None
    name: str
    prefix: str
    role: Role
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


_AUTHENTICATE = rows("api_keys", "authenticate", ApiKey)
_CREATE = rows("api_keys", "create", ApiKey)
_PAGE = rows("api_keys", "page", ApiKey)
_REVOKE = command("api_keys", "revoke")


async def authenticate(connection: Connection, key: str) -> ApiKey | None:
    """Whose key this is; None for one that is unknown, revoked or expired. For `single()`: nobody is known yet."""
    if not key or len(key) > _LONGEST:
        return None
    return await connection.maybe(_AUTHENTICATE, hash=_hash(key))


async def create(
    connection: Connection,
    workspace_id: WorkspaceId,
    *,
    name: str,
    role: Role,
    user_id: UserId | None = None,
    scopes: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key, and its text: shown here once and nowhere again."""
    text = f"ms_{secrets.token_urlsafe(32)}"
    made = await connection.one(
        _CREATE,
        workspace_id=workspace_id,
        api_key_id=new_uuid7(),
        user_id=user_id,
        name=name,
        prefix=text[:_PREFIX],
        hash=_hash(text),
        role=role,
        scopes=list(scopes),
        expires_at=expires_at,
    )
    return made, text


async def list_keys(
    connection: Connection, workspace_id: WorkspaceId, before: ApiKeyId | None, limit: int
) -> list[ApiKey]:
    """Keys that were not revoked, newest first, older than `before`."""
    return await connection.all(_PAGE, workspace_id=workspace_id, below=before or MAX_UUID, most=limit)


async def revoke(connection: Connection, workspace_id: WorkspaceId, api_key_id: ApiKeyId) -> bool:
    """End a key at once. False when there is none that holds."""
    return await connection.count(_REVOKE, workspace_id=workspace_id, api_key_id=api_key_id) > 0


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
