"""A workspace's own OAuth clients, for people."""

from __future__ import annotations

from collections.abc import Sequence

from db import connection_providers
from db.connection import Connection as Db
from db.connection_providers import Provider
from db.data import storable
from db.ids import ProviderId, UserId, WorkspaceId
from db.pool import Database
from engine.connections.given import check_config, object_of, read_name, read_secret
from engine.connections.views import provider_view
from engine.expressions.values import Json
from engine.mistakes import Mistakes
from engine.problems import Conflict, NotFound
from engine.runs.pages import Page, cursor_id
from engine.runs.reading import acting
from workspace.connections.kinds.oauth2 import CLIENT_SECRET, PROVIDER_CONFIG
from workspace.connections.sealed import Sealed

JsonObject = dict[str, Json]

_KEPT = ("token_url", "authorization_url", "revocation_url", "client_id")
"""What connections were authorized by: it doesn't change while there are any."""


class Providers:
    """References are names or ids. Everything raises `NotFound` 404 `provider.unknown`, and 503 without the database."""

    def __init__(self, db: Database, sealed: Sealed) -> None:
        self._db = db
        self._sealed = sealed

    async def create(self, workspace_id: WorkspaceId, by: UserId | None, body: Json) -> JsonObject:
        """Of `{name, config, secret?: {client_secret}}`. Raises `Invalid`, `Conflict` 409 `provider.taken`."""
        given, mistakes = object_of(body), Mistakes()
        mistakes.unknown("", given, ("name", "config", "secret"))
        name = read_name(given.get("name"), mistakes)
        config = check_config(PROVIDER_CONFIG, given.get("config"), mistakes)
        secret = read_secret("provider", CLIENT_SECRET, given.get("secret"), mistakes)
        mistakes.check()
        provider_id = connection_providers.new_id()
        closed = await self._sealed.close_client_secret(workspace_id, provider_id, secret)
        async with acting(self._db, workspace_id) as db:
            made = await connection_providers.create(db, workspace_id, provider_id, name, config, closed, by)
        if made is None:
            raise Conflict("provider.taken", f"There is a provider {name!r} in this workspace already.")
        return provider_view(made, ())

    async def list_providers(self, workspace_id: WorkspaceId, cursor: Sequence[Json] | None, limit: int) -> Page:
        """Newest first."""
        before = cursor_id(cursor)
        async with acting(self._db, workspace_id) as db:
            last = None if before is None else ProviderId(before)
            found = await connection_providers.list_providers(db, workspace_id, last, limit + 1)
            shown: list[Json] = [await _view(db, row) for row in found[:limit]]
        return Page(shown, [str(found[limit - 1].provider_id)] if len(found) > limit else None)

    async def get(self, workspace_id: WorkspaceId, reference: str) -> JsonObject:
        async with acting(self._db, workspace_id) as db:
            return await _view(db, await _found(db, workspace_id, reference))

    async def change(self, workspace_id: WorkspaceId, reference: str, body: Json) -> JsonObject:
        """`config` and `secret`, each replaced whole. Raises `Conflict` 409 `provider.used` for its addresses and id while it is used."""
        given, mistakes = object_of(body), Mistakes()
        if "name" in given:
            mistakes.add("/name", "a provider's name doesn't change, because connections name it", "make another one")
        mistakes.unknown("", (name for name in given if name != "name"), ("config", "secret"))
        async with acting(self._db, workspace_id) as db:
            row = await _found(db, workspace_id, reference)
            present: JsonObject = row.config if isinstance(row.config, dict) else {}
            config = check_config(PROVIDER_CONFIG, given["config"], mistakes) if "config" in given else present
            secret = read_secret("provider", CLIENT_SECRET, given.get("secret"), mistakes)
            moved = [name for name in _KEPT if config.get(name) != present.get(name)]
            if moved and row.client_secret is not None and "secret" not in given:
                mistakes.add("/secret", "where the secret goes changes, so it has to be given again")
            mistakes.check()
            if moved:
                await _must_be_unused(db, row, f"`{moved[0]}` can't change")
            closed = await self._sealed.close_client_secret(workspace_id, row.provider_id, secret)
            changed = await connection_providers.change(
                db, workspace_id, row.provider_id, config, fresh="secret" in given, client_secret=closed
            )
            if changed is None:
                raise NotFound("provider", reference)
            return await _view(db, changed)

    async def delete(self, workspace_id: WorkspaceId, reference: str) -> None:
        """Raises `Conflict` 409 `provider.used` while a connection refers to it."""
        async with acting(self._db, workspace_id) as db:
            row = await _found(db, workspace_id, reference)
            await _must_be_unused(db, row, "it can't be deleted")
            await connection_providers.delete(db, workspace_id, row.provider_id)


async def _found(db: Db, workspace_id: WorkspaceId, reference: str) -> Provider:
    found = await connection_providers.find(db, workspace_id, reference) if storable(reference) else None
    if found is None:
        raise NotFound("provider", reference)
    return found


async def _view(db: Db, row: Provider) -> JsonObject:
    return provider_view(row, await connection_providers.users_of(db, row.workspace_id, row.provider_id))


async def _must_be_unused(db: Db, row: Provider, what: str) -> None:
    users = await connection_providers.users_of(db, row.workspace_id, row.provider_id)
    if users:
        raise Conflict(
            "provider.used",
            f"The provider {row.name!r} is used by {', '.join(map(repr, users[:20]))}, so {what}.",
            extra={"used_by": [*users]},
        )
