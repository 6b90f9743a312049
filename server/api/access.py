"""Who asks, and whether their role may do what the route does.

One function authenticates, one place authorises: the route's declared action against the table `access_rights`. Handlers get a `Caller` and
need not ask again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fastapi import Request

from db import api_keys, workspaces
from db.ids import ApiKeyId, UserId, WorkspaceId
from db.pool import Database
from db.workspaces import Role
from engine.problems import Problem


@dataclass(frozen=True, slots=True)
class Caller:
    """The key that a request carries, and the workspace it belongs to."""

    workspace_id: WorkspaceId
    slug: str
    """The workspace's, as it stands in the addresses of its webhooks."""
    api_key_id: ApiKeyId
    user_id: UserId | None
    role: Role
    scopes: frozenset[str]


class Gate(Protocol):
    """Opens for a request that may pass. Raises `Problem` 401 or 403."""

    async def __call__(self, request: Request, action: str) -> Caller: ...


class KeyGate:
    """Bearer keys against the matrix, which is read once: it changes with the program only."""

    def __init__(self, db: Database, rights: frozenset[tuple[Role, str]]) -> None:
        self._db = db
        self._rights = rights
        self._slugs: dict[WorkspaceId, str] = {}
        """A slug never changes: addresses hold it."""

    async def __call__(self, request: Request, action: str) -> Caller:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            detail = "This needs an API key: send it as `Authorization: Bearer <key>`."
            raise Problem(401, "auth.required", detail, headers={"WWW-Authenticate": "Bearer"})
        async with self._db.single() as connection:
            found = await api_keys.authenticate(connection, key.strip())
        if found is None:
            detail = "This API key is not known, or no longer holds."
            raise Problem(401, "auth.invalid", detail, headers={"WWW-Authenticate": "Bearer"})
        if (found.role, action) not in self._rights:
            raise Problem(403, "auth.forbidden", f"The role {found.role!r} may not do this ({action}).")
        slug = await self._slug(found.workspace_id)
        return Caller(found.workspace_id, slug, found.api_key_id, found.user_id, found.role, frozenset(found.scopes))

    async def _slug(self, workspace_id: WorkspaceId) -> str:
        slug = self._slugs.get(workspace_id)
        if slug is None:
            async with self._db.tenant(workspace_id) as connection:
                found = await workspaces.get(connection, workspace_id)
            assert found is not None, "a key's workspace can't be deleted while the key holds"
            slug = self._slugs[workspace_id] = found.slug
        return slug


def current(request: Request) -> Caller:
    """The dependency by which a handler gets its caller: the route has let it in already."""
    caller = request.state.caller
    assert isinstance(caller, Caller), "every route below the prefix is an `ApiRoute`"
    return caller
