"""From the name that a step has to a connection that can be used: the one place where credentials are opened for runs.

It is asked at each attempt, so that what was changed, revoked or renewed between two attempts takes effect. Nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from db import connections
from db.connections import Connection as Row
from db.ids import ConnectionId, WorkspaceId
from db.pool import Database
from modules.sdk.context import Connection
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import ModuleError, Rejected
from workspace.connections.kinds.kind import Carried
from workspace.connections.kinds.registry import KINDS
from workspace.connections.oauth.endpoint import Unreached
from workspace.connections.oauth.refresh import NotUsable, Refresher
from workspace.connections.oauth.tokens import Tokens
from workspace.connections.sealed import Sealed
from workspace.egress.attached import Attached
from workspace.keys import Unreadable

Learned = Callable[[str], None]
"""Told of each text that must not be shown anywhere."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection with its credential. `attached` None: its credential is no matter of HTTP.

    `version` changes whenever config or secret do: pools of what was made with them are kept under it. `rate`: starts and seconds.
    """

    workspace_id: WorkspaceId
    connection_id: ConnectionId
    about: Connection
    attached: Attached | None = field(repr=False)
    secret: JsonObject = field(repr=False)
    version: str
    rate: tuple[int, float] | None
    tokens: Tokens | None = None


class Opener:
    """Raises `DatabaseUnavailable` and ModuleError.

    `connection.missing`, `connection.needs_reauth`, `connection.revoked`, `connection.refresh` (may pass), `connection.unreadable`.
    """

    def __init__(self, db: Database, sealed: Sealed, refresher: Refresher) -> None:
        self._db = db
        self._sealed = sealed
        self._refresher = refresher

    async def open(self, workspace_id: WorkspaceId, name: str, learned: Learned) -> Opened:
        """The workspace's connection of that name."""
        return await self.open_row(await self._row(workspace_id, name), learned)

    async def renewed(self, opened: Opened, learned: Learned) -> Opened | None:
        """The same with another access token, after its target refused this one; None where no other can be had."""
        if opened.tokens is None:
            return None
        row = await self._row(opened.workspace_id, opened.about.name)
        if row.connection_id != opened.connection_id:
            return None
        return await self.open_row(row, learned, worn=opened.tokens.version)

    async def open_row(self, row: Row, learned: Learned, worn: int | None = None) -> Opened:
        """The same of a row that was just read. Tokens of version `worn` are no good."""
        if row.state != "ok":
            raise _unusable(row, row.name)
        kind = KINDS[row.kind]
        try:
            secret = await self._sealed.secret(row)
            tokens = await self._tokens(row, worn) if row.kind == "oauth2" else None
        except Unreadable:
            raise Rejected(
                "connection.unreadable", f"the credential of the connection {row.name!r} can't be decrypted"
            ) from None
        for text in _texts(secret):
            learned(text)
        config = _object(row.config)
        carried = None if kind.carry is None else kind.carry(config, secret)
        if tokens is not None:
            carried = Carried(headers={"Authorization": f"Bearer {tokens.access_token}"})
            for text in (tokens.access_token, tokens.refresh_token):
                if text is not None:
                    learned(text)
        if carried is not None:
            for text in (*carried.headers.values(), *carried.query.values()):
                learned(text)
        rate = None if row.rate_count is None or row.rate_per is None else (row.rate_count, row.rate_per)
        return Opened(
            workspace_id=row.workspace_id,
            connection_id=row.connection_id,
            about=Connection(row.name, row.app, row.kind, config),
            attached=None if carried is None else Attached(carried.headers, carried.query, tuple(row.allowed_hosts)),
            secret=secret,
            version=f"{row.connection_id}:{row.secret_version}:{row.updated_at.timestamp()}",
            rate=rate,
            tokens=tokens,
        )

    async def _tokens(self, row: Row, worn: int | None) -> Tokens:
        try:
            return await self._refresher.tokens(row, worn)
        except NotUsable as problem:
            raise _unusable(problem.row, row.name) from None
        except Unreached as problem:
            raise ModuleError(
                "connection.refresh", f"the connection {row.name!r} has no token now: {problem.reason}", retryable=True
            ) from None

    async def _row(self, workspace_id: WorkspaceId, name: str) -> Row:
        async with self._db.single() as db:
            row = await connections.by_name(db, workspace_id, name)
        if row is None:
            raise _unusable(None, name)
        return row


def _unusable(row: Row | None, name: str) -> ModuleError:
    if row is None:
        return Rejected("connection.missing", f"the workspace has no connection {name!r}")
    if row.state == "revoked":
        return Rejected("connection.revoked", f"the connection {name!r} was revoked: give it a credential again")
    return Rejected(
        "connection.needs_reauth",
        f"the connection {name!r} needs somebody to authorize it: {row.reason or 'its credential was refused'}",
        details={"connection": name},
    )


def _texts(value: Json) -> Iterator[str]:
    """Every text in a secret."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
