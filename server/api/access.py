"""Who asks, and whether their role may do what the route does.

One function authenticates, one place authorises: the route's declared action against the table `access_rights`. Handlers get a `Caller` and
need not ask again.

`Gate` is the seam for other ways in: a sign-in with sessions is a second one, which finds a `Caller` as well (a person, their role in the
workspace that the session is for, no key) and asks the same `Rights`. `server/process.py` chooses it; no route knows which it was.

A wrong, revoked and expired key, and one whose person has left, are told apart by nothing: one statement, one answer. So are a foreign thing
and one that isn't there: the database shows neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fastapi import Request

from db import api_keys
from db.ids import ApiKeyId, UserId, WorkspaceId
from db.pool import Database
from db.workspaces import Role
from engine.problems import Problem

HOOK, ALL, READ = "hook", "api", "read"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who stands behind a request, and the workspace that they act in."""

    workspace_id: WorkspaceId
    slug: str
    """The workspace's, as it stands in the addresses of its webhooks."""
    api_key_id: ApiKeyId
    key_name: str
    user_id: UserId | None
    email: str | None
    role: Role
    """The lesser of the key's and its person's."""
    scopes: frozenset[str]

    @property
    def narrowed(self) -> bool:
        """Whether the key may do less than its role."""
        return bool(self.scopes) and ALL not in self.scopes


class Gate(Protocol):
    """Opens for a request that may pass. Raises `Problem` 401 or 403."""

    async def __call__(self, request: Request, action: str) -> Caller: ...


class Rights:
    """The matrix of roles and actions, and what scopes leave of it. It changes with the program only."""

    def __init__(self, rights: frozenset[tuple[Role, str]]) -> None:
        self._rights = rights

    def check(self, caller: Caller, action: str) -> None:
        """Raises `Problem` 403."""
        if (caller.role, action) not in self._rights:
            raise Problem(403, "auth.forbidden", f"The role {caller.role!r} may not do this ({action}).")
        if caller.narrowed and not any(self._covers(scope, action) for scope in caller.scopes):
            raise Problem(403, "key.scope", f"None of the key's scopes allows this ({action}).")

    def may(self, caller: Caller, action: str) -> bool:
        """The same as a question."""
        try:
            self.check(caller, action)
        except Problem:
            return False
        return True

    def scopes(self) -> list[str]:
        """All that a key may be narrowed to: what viewers may do, a noun, or one action."""
        actions = {action for _, action in self._rights}
        nouns = {action.partition(".")[0] for action in actions}
        return [HOOK, ALL, READ, *sorted(nouns | actions)]

    def _covers(self, scope: str, action: str) -> bool:
        if scope == READ:
            return ("viewer", action) in self._rights
        return scope in (action, action.partition(".")[0])


class KeyGate:
    """Bearer keys against the matrix."""

    def __init__(self, db: Database, rights: Rights) -> None:
        self._db = db
        self._rights = rights

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
        caller = Caller(
            workspace_id=found.workspace_id,
            slug=found.slug,
            api_key_id=found.api_key_id,
            key_name=found.name,
            user_id=found.user_id,
            email=found.email,
            role=found.role,
            scopes=frozenset(found.scopes),
        )
        self._rights.check(caller, action)
        return caller


def current(request: Request) -> Caller:
    """The dependency by which a handler gets its caller: the route has let it in already."""
    caller = request.state.caller
    assert isinstance(caller, Caller), "every route below the prefix is an `ApiRoute`"
    return caller
