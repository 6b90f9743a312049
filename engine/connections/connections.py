"""Connections for people: what the routes and commands do, with answers as JSON. A secret goes in and never comes out.

What happens to a connection is decided under its row's lock, so that a change, a revocation and a refresh see each other's outcome.
"""

from __future__ import annotations

from collections.abc import Sequence

from db import connection_providers, connections, mailboxes
from db.connection import Connection as Db
from db.connections import Connection, Settings, State
from db.data import storable
from db.ids import ConnectionId, ProviderId, UserId, WorkspaceId
from db.pool import Database
from db.workspaces import Role
from engine.connections.given import Given, goes_elsewhere, read_change, read_new
from engine.connections.views import connection_name, connection_view
from engine.expressions.values import Json
from engine.mistakes import Mistakes
from engine.problems import Conflict, NotFound, Problem
from engine.runs.pages import Page, cursor_id
from engine.runs.reading import acting
from modules.sdk.context import Http
from modules.sdk.verdicts import ModuleError
from workspace.connections.kinds.registry import KINDS
from workspace.connections.oauth.client import Client, client_of
from workspace.connections.oauth.consent import Consents
from workspace.connections.oauth.endpoint import give_back
from workspace.connections.oauth.tokens import Tokens, tokens_of
from workspace.connections.opening import Opener
from workspace.connections.sealed import Sealed
from workspace.connections.trying import Trials
from workspace.keys import Unreadable

JsonObject = dict[str, Json]

_UNCONSENTED = "nobody has authorized it yet"
_CHANGED = "its client, its scopes or its hosts changed"
_REVOKED = "its credential was revoked"
_CLIENT = ("grant", "provider", "authorization_url", "token_url", "client_id", "scopes", "issuer")
"""What a consent is given for."""


class Connections:
    """References are names or ids. Everything raises `NotFound` `connection.unknown`, and 503 without the database."""

    def __init__(
        self, db: Database, sealed: Sealed, opener: Opener, consents: Consents, trials: Trials, http: Http
    ) -> None:
        self._db = db
        self._sealed = sealed
        self._opener = opener
        self._consents = consents
        self._trials = trials
        self._http = http

    async def create(self, workspace_id: WorkspaceId, by: UserId | None, body: Json) -> JsonObject:
        """Of `{name, app, kind, config, secret, allowed_hosts?, rate_limit?, use?}`. Raises `Invalid`, `Conflict` 409 `connection.taken`."""
        new = read_new(body)
        connection_id = connections.new_id()
        secret = await self._sealed.close_secret(workspace_id, connection_id, new.secret)
        state, reason = _first_state(new.kind.name, new.given.config)
        async with acting(self._db, workspace_id) as db:
            provider_id = await _provider(db, workspace_id, new.given.config)
            made = await connections.create(
                db,
                workspace_id,
                connection_id,
                name=new.name,
                app=new.app,
                kind=new.kind.name,
                settings=_settings(new.given, provider_id, state, reason),
                secret=secret,
                user_id=by,
            )
            if not made:
                raise Conflict("connection.taken", f"There is a connection {new.name!r} in this workspace already.")
            await mailboxes.hurry(db, workspace_id, new.name)
            return await _view(db, await _found(db, workspace_id, str(connection_id)))

    async def list_connections(
        self, workspace_id: WorkspaceId, role: Role, cursor: Sequence[Json] | None, limit: int
    ) -> Page:
        """Newest first. Viewers see names, apps, kinds and states."""
        before = cursor_id(cursor)
        async with acting(self._db, workspace_id) as db:
            last = None if before is None else ConnectionId(before)
            found = await connections.list_connections(db, workspace_id, last, limit + 1)
            shown = found[:limit]
            used = await connections.uses(db, [row.connection_id for row in shown])
        items: list[Json] = [
            connection_name(row) if role == "viewer" else connection_view(row, used.get(row.connection_id, ()))
            for row in shown
        ]
        return Page(items, [str(shown[-1].connection_id)] if len(found) > limit else None)

    async def get(self, workspace_id: WorkspaceId, reference: str) -> JsonObject:
        async with acting(self._db, workspace_id) as db:
            return await _view(db, await _found(db, workspace_id, reference))

    async def change(self, workspace_id: WorkspaceId, reference: str, body: Json) -> JsonObject:
        """Any of `{config, secret, allowed_hosts, rate_limit, use}`, each replaced whole. It holds from each step's next attempt on."""
        async with acting(self._db, workspace_id) as db:
            row = await _locked(db, workspace_id, reference)
            present = _given(row)
            given, secret = read_change(body, KINDS[row.kind], present, has_secret=row.secret is not None)
            fresh = isinstance(body, dict) and "secret" in body
            closed = await self._sealed.close_secret(workspace_id, row.connection_id, secret) if fresh else None
            forget = row.kind == "oauth2" and _consent_ends(present, given)
            state, reason = _next_state(row, given, fresh=fresh, forget=forget)
            settings = _settings(given, await _provider(db, workspace_id, given.config), state, reason)
            await connections.change(
                db, workspace_id, row.connection_id, settings, fresh=fresh, secret=closed, forget=forget
            )
            await mailboxes.hurry(db, workspace_id, row.name)
            return await _view(db, await _found(db, workspace_id, str(row.connection_id)))

    async def delete(self, workspace_id: WorkspaceId, reference: str, *, force: bool = False) -> None:
        """Raises `Conflict` 409 `connection.used` while deployed workflows name it, unless `force`: their steps then fail."""
        async with acting(self._db, workspace_id) as db:
            row = await _locked(db, workspace_id, reference)
            used = (await connections.uses(db, [row.connection_id])).get(row.connection_id, [])
            if used and not force:
                raise Conflict(
                    "connection.used",
                    f"The connection is used by {', '.join(map(repr, used[:20]))}. Nothing was deleted: change them, or delete with `force`.",
                    extra={"used_by": [*used]},
                )
            held = await self._held(db, row)
            await connections.delete(db, workspace_id, row.connection_id)
        await self._give_back(held)

    async def revoke(self, workspace_id: WorkspaceId, reference: str) -> JsonObject:
        """The credential is erased here, at once, and given back to a provider that takes it. A new one makes the connection `ok` again."""
        async with acting(self._db, workspace_id) as db:
            row = await _locked(db, workspace_id, reference)
            held = await self._held(db, row)
            await connections.revoke(db, workspace_id, row.connection_id, _REVOKED)
            shown = await _view(db, await _found(db, workspace_id, str(row.connection_id)))
        await self._give_back(held)
        return shown

    async def test(self, workspace_id: WorkspaceId, role: Role, reference: str) -> JsonObject:
        """Really uses it once: `{ok, detail, status, duration_ms}`."""
        async with acting(self._db, workspace_id) as db:
            row = await _found(db, workspace_id, reference)
        if row.usable_by == "owner" and role != "owner":
            raise Problem(403, "connection.forbidden", f"The connection {row.name!r} is kept for owners.")
        try:
            trial = await self._trials.try_(await self._opener.open_row(row, lambda _: None))
        except ModuleError as error:
            return {"ok": False, "detail": error.message, "status": None, "duration_ms": 0.0}
        return {"ok": trial.ok, "detail": trial.detail, "status": trial.status, "duration_ms": trial.duration_ms}

    async def authorize(self, workspace_id: WorkspaceId, by: UserId | None, reference: str) -> JsonObject:
        """`{url}` where a person consents, within a day. Raises `Conflict` 409 for a connection that nobody consents to."""
        async with acting(self._db, workspace_id) as db:
            row = await _found(db, workspace_id, reference)
        url = await self._consents.begin(row, by) if row.kind == "oauth2" else None
        if url is None:
            raise Conflict("connection.no_consent", f"Nobody consents to a connection of this kind ({row.kind}).")
        return {"url": url}

    async def _held(self, db: Db, row: Connection) -> tuple[Client, Tokens] | None:
        """What a provider gave; None where there is nothing to give back, or it can't be read."""
        try:
            tokens = await tokens_of(row, self._sealed) if row.kind == "oauth2" else None
            return None if tokens is None else (await client_of(db, row, self._sealed), tokens)
        except Unreadable:
            return None

    async def _give_back(self, held: tuple[Client, Tokens] | None) -> None:
        """As far as the provider can be reached: here the tokens are gone already."""
        if held is not None:
            client, tokens = held
            await give_back(self._http, client, tokens.refresh_token or tokens.access_token)


async def _found(db: Db, workspace_id: WorkspaceId, reference: str) -> Connection:
    found = await connections.find(db, workspace_id, reference) if storable(reference) else None
    if found is None:
        raise NotFound("connection", reference, [known.name for known in await connections.known(db, workspace_id)])
    return found


async def _locked(db: Db, workspace_id: WorkspaceId, reference: str) -> Connection:
    """As it is once nobody else changes it."""
    found = await _found(db, workspace_id, reference)
    await connections.lock(db, workspace_id, found.connection_id)
    return await _found(db, workspace_id, str(found.connection_id))


async def _view(db: Db, row: Connection) -> JsonObject:
    used = await connections.uses(db, [row.connection_id])
    return connection_view(row, used.get(row.connection_id, ()))


async def _provider(db: Db, workspace_id: WorkspaceId, config: JsonObject) -> ProviderId | None:
    name = config.get("provider")
    if not isinstance(name, str):
        return None
    found = await connection_providers.find(db, workspace_id, name) if storable(name) else None
    mistakes = Mistakes()
    if found is None:
        mistakes.add("/config/provider", f"the workspace has no provider {name!r}", "make it first")
    else:
        about: JsonObject = found.config if isinstance(found.config, dict) else {}
        if config.get("grant") != "client_credentials" and "authorization_url" not in about:
            mistakes.add("/config/provider", f"the provider {name!r} has no `authorization_url`")
    mistakes.check()
    assert found is not None
    return found.provider_id


def _given(row: Connection) -> Given:
    rate = None if row.rate_count is None or row.rate_per is None else (row.rate_count, row.rate_per)
    config = row.config if isinstance(row.config, dict) else {}
    return Given(config, tuple(row.allowed_hosts), rate, row.usable_by)


def _settings(given: Given, provider_id: ProviderId | None, state: State, reason: str | None) -> Settings:
    return Settings(
        config=given.config,
        allowed_hosts=given.hosts,
        rate_count=None if given.rate is None else given.rate[0],
        rate_per=None if given.rate is None else given.rate[1],
        usable_by=given.usable_by,
        provider_id=provider_id,
        state=state,
        reason=reason,
    )


def _first_state(kind: str, config: JsonObject) -> tuple[State, str | None]:
    if kind == "oauth2" and config.get("grant") != "client_credentials":
        return "needs_reauth", _UNCONSENTED
    return "ok", None


def _consent_ends(before: Given, after: Given) -> bool:
    """Whether tokens that were given for the one are none for the other."""
    same = all(before.config.get(name) == after.config.get(name) for name in _CLIENT)
    return not same or goes_elsewhere(before, after)


def _next_state(row: Connection, given: Given, *, fresh: bool, forget: bool) -> tuple[State, str | None]:
    if row.kind != "oauth2":
        return ("ok", None) if fresh else (row.state, row.reason)
    if given.config.get("grant") == "client_credentials":
        return ("ok", None) if fresh or forget or row.state == "ok" else (row.state, row.reason)
    if forget:
        return "needs_reauth", _CHANGED
    if row.tokens is None and row.state != "revoked":
        return "needs_reauth", row.reason or _UNCONSENTED
    return ("ok", None) if fresh and row.tokens is not None else (row.state, row.reason)
