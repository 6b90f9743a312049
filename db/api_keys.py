"""API keys: `ms_` and 256 random bits in base64url. The database has only their SHA-256, which lookups go by.

A key belongs to one workspace, and as a rule to a person. It is worth no more than that person: it ends when they leave the workspace, and
may do what the lesser of its own role and theirs may.
"""

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


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a key that holds lets in. `role` is the lesser of the key's and its person's; `email` is the person's, None for a key of nobody."""

    workspace_id: WorkspaceId
    slug: str
    api_key_id: ApiKeyId
    user_id: UserId | None
    email: str | None
    name: str
    role: Role
    scopes: Sequence[str]


_AUTHENTICATE = rows("api_keys", "authenticate", Holder)
_CREATE = rows("api_keys", "create", ApiKey)
_FORGET_OPERATIONS = command("api_keys", "forget_operations")
_REISSUE = rows("api_keys", "reissue", ApiKey)
_PAGE = rows("api_keys", "page", ApiKey)
_REVOKE = command("api_keys", "revoke")
_REVOKE_OF_USER = command("api_keys", "revoke_of_user")


async def authenticate(connection: Connection, key: str) -> Holder | None:
    """Whose key this is; None for one that is unknown, revoked, expired, or of somebody who left. For `single()`: nobody is known yet.

    One statement whatever the key is, so that its time tells nothing either.
    """
    if len(key) > _LONGEST:
        key = ""
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
    made = await create_once(
        connection,
        workspace_id,
        None,
        name=name,
        role=role,
        user_id=user_id,
        scopes=scopes,
        expires_at=expires_at,
    )
    assert made is not None, "without an operation nothing stands against it"
    return made


async def create_once(
    connection: Connection,
    workspace_id: WorkspaceId,
    operation: str | None,
    *,
    name: str,
    role: Role,
    user_id: UserId | None = None,
    scopes: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str] | None:
    """One key for each operation within a day, and its text: shown here once and nowhere again.

    The same operation again gives the same key another text, since the one before wasn't kept and whoever asks has lost it. None when that was
    used already, or the key was revoked.
    """
    if operation is not None:
        await connection.count(_FORGET_OPERATIONS, workspace_id=workspace_id, operation=operation)
        again = await reissue(connection, workspace_id, operation)
        if again is not None:
            return again
    text = _new_text()
    made = await connection.maybe(
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
        operation=operation,
    )
    return None if made is None else (made, text)


async def reissue(connection: Connection, workspace_id: WorkspaceId, operation: str) -> tuple[ApiKey, str] | None:
    """Another text for the key that the operation made; the one before no longer holds. None where it made none, or somebody has used it."""
    text = _new_text()
    found = await connection.maybe(
        _REISSUE, workspace_id=workspace_id, operation=operation, hash=_hash(text), prefix=text[:_PREFIX]
    )
    return None if found is None else (found, text)


async def list_keys(
    connection: Connection, workspace_id: WorkspaceId, before: ApiKeyId | None, limit: int
) -> list[ApiKey]:
    """Keys that were not revoked, newest first, older than `before`."""
    return await connection.all(_PAGE, workspace_id=workspace_id, below=before or MAX_UUID, most=limit)


async def revoke(connection: Connection, workspace_id: WorkspaceId, api_key_id: ApiKeyId) -> bool:
    """End a key at once. False when there is none that holds."""
    return await connection.count(_REVOKE, workspace_id=workspace_id, api_key_id=api_key_id) > 0


async def revoke_of_user(connection: Connection, workspace_id: WorkspaceId, user_id: UserId) -> int:
    """End all keys of a person in this workspace; gives how many held."""
    return await connection.count(_REVOKE_OF_USER, workspace_id=workspace_id, user_id=user_id)


def _new_text() -> str:
    return f"ms_{secrets.token_urlsafe(32)}"


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
