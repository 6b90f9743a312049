"""Tokens that are good to use: renewed before they end, by one process at a time.

The model. A refresh token may be good for one use only, and using it twice may end the whole consent. So:

- Within a process one task, a *flight*, renews a connection's tokens; all who need them wait for it. It is nobody's but its own: a caller
  who is cancelled leaves it going, since its answer may be the only copy of the next refresh token.
- Between processes the lease in the row decides. Whoever hasn't got it looks again until there are other tokens, or uses the present ones
  while they last.
- New tokens are committed before anybody uses them, where the row still has the version that was read. A database that is away is waited
  for, since nothing else can keep the answer.
- A refusal counts only while version and epoch are those of the refused request: somebody whose lease had run out may have been served.
- A failure that may pass gives the lease back and lets it rest, so that a provider that is down isn't asked by every step.

What is left: a process that dies after the provider renewed and before the commit loses the new tokens. The next one sends the old refresh
token; providers that allow that for a moment give new ones, and others refuse, which says `needs_reauth` as it is. Nothing here can know
better, as OAuth has no way to ask for the same answer again.

Rejected: a row lock held over the request (pins a connection of the pool for each who waits); a leader who renews for all (a run would
wait for its rounds).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping

import structlog

from db import connection_tokens, connections
from db.connections import Connection
from db.errors import DatabaseUnavailable
from db.ids import ConnectionId, WorkspaceId
from db.pool import Database
from modules.sdk.context import Http
from workspace.connections.oauth.client import Client, client_of
from workspace.connections.oauth.endpoint import Granted, Refused, Unreached, ask_tokens
from workspace.connections.oauth.tokens import Tokens, closed_tokens, tokens_of
from workspace.connections.sealed import Sealed

log = structlog.get_logger("millstream.connections")

LEASE_S = 30.0
"""Longer than a request to a provider may take."""
REST_S = 10.0
_PATIENCE_S = 90.0
"""For somebody else's refresh: two leases and more."""
_COMMIT_S = 600.0
"""For a database that is away while an answer waits to be kept."""
_LOOK_S = 0.05
_LONGEST_LOOK_S = 0.5
ENOUGH_S = 30.0
"""What an access token must still be good for, to be used while others are fetched."""


class NotUsable(Exception):
    """The connection has no credential that could be used: see `row`, as it is now; None: it is gone."""

    def __init__(self, row: Connection | None) -> None:
        super().__init__("not usable")
        self.row = row


class Refresher:
    """One per process; `close` it before the database."""

    def __init__(self, db: Database, sealed: Sealed, http: Http) -> None:
        self._db = db
        self._sealed = sealed
        self._http = http
        self._flights: dict[ConnectionId, asyncio.Task[Tokens]] = {}

    async def close(self) -> None:
        """Waits for flights: each may hold the only copy of what a provider gave."""
        while self._flights:
            await asyncio.wait([*self._flights.values()])

    async def tokens(self, row: Connection, worn: int | None = None) -> Tokens:
        """Tokens to use now, for a row that was just read. Those of version `worn` were refused by their target, so there must be others.

        Raises `NotUsable`, `Unreached` (no others could be had now), `DatabaseUnavailable`.
        """
        while True:
            present = await self._present(row, worn)
            if present is not None and not row.due:
                return present
            flight = self._flight(row.workspace_id, row.connection_id, worn)
            if present is not None and row.lasts_s is not None and row.lasts_s > ENOUGH_S:
                return present
            tokens = await asyncio.shield(flight)
            if tokens.version != worn:
                return tokens
            # The flight was under way for a reason of its own; now there is ours.
            again = await self._read(row.workspace_id, row.connection_id)
            row = again

    def _flight(self, workspace_id: WorkspaceId, connection_id: ConnectionId, worn: int | None) -> asyncio.Task[Tokens]:
        flight = self._flights.get(connection_id)
        if flight is None:
            flight = asyncio.create_task(self._renew(workspace_id, connection_id, worn), name="oauth refresh")
            self._flights[connection_id] = flight

            def landed(task: asyncio.Task[Tokens]) -> None:
                self._flights.pop(connection_id, None)
                if not task.cancelled():
                    task.exception()  # told to whoever waits; perhaps nobody does

            flight.add_done_callback(landed)
        return flight

    async def _renew(self, workspace_id: WorkspaceId, connection_id: ConnectionId, worn: int | None) -> Tokens:
        until, look = time.monotonic() + _PATIENCE_S, _LOOK_S
        while True:
            row = await self._read(workspace_id, connection_id)
            present = await self._present(row, worn)
            if present is not None and not row.due:
                return present
            async with self._db.single() as db:
                epoch = await connection_tokens.lease(db, row, LEASE_S)
            if epoch is not None:
                renewed = await self._ask(row, epoch)
                if renewed is not None:
                    return renewed
            elif present is not None:
                return present
            elif row.resting:
                raise Unreached("the provider didn't answer just now, and isn't asked again at once")
            if time.monotonic() > until:
                raise Unreached("another process has been asking the provider for too long")
            await asyncio.sleep(look * (0.5 + random.random()))  # noqa: S311  # spreads looks, guards nothing
            look = min(look * 2, _LONGEST_LOOK_S)

    async def _ask(self, row: Connection, epoch: int) -> Tokens | None:
        """With the lease in hand. None: the row has changed meanwhile, look again."""
        async with self._db.tenant(row.workspace_id) as db:
            client = await client_of(db, row, self._sealed)
        before = await tokens_of(row, self._sealed)
        kept = None if before is None else before.refresh_token
        try:
            got = await ask_tokens(self._http, client, _grant(client, kept))
        except Refused as refused:
            log.warning("a connection's refresh was refused", connection=str(row.connection_id), reason=refused.reason)
            async with self._db.single() as db:
                await connection_tokens.refuse(db, row, epoch, refused.reason, forget=refused.gone)
            return None
        except Unreached as unreached:
            log.warning("a connection's refresh failed", connection=str(row.connection_id), reason=unreached.reason)
            async with self._db.single() as db:
                await connection_tokens.rest(db, row, epoch, REST_S)
            present = await self._present(row, None)
            if present is not None:
                return present
            raise
        return await self._keep(row, client, got, kept)

    async def _keep(self, row: Connection, client: Client, got: Granted, kept: str | None) -> Tokens | None:
        by_client = client.grant == "client_credentials"
        until, pause = time.monotonic() + _COMMIT_S, _LOOK_S
        while True:
            try:
                new = await closed_tokens(row, got, self._sealed, kept=kept, by_client=by_client)
                async with self._db.single() as db:
                    written = await connection_tokens.put_refreshed(db, row, new)
            except DatabaseUnavailable:
                # Perhaps it was written all the same; then the next try writes nothing, and looking again finds it.
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
                continue
            if not written:
                return None
            return Tokens(got.access_token, got.refresh_token or kept, time.time(), row.token_version + 1)

    async def _read(self, workspace_id: WorkspaceId, connection_id: ConnectionId) -> Connection:
        async with self._db.tenant(workspace_id) as db:
            row = await connections.get(db, workspace_id, connection_id)
        if row is None:
            raise NotUsable(None)
        return row

    async def _present(self, row: Connection, worn: int | None) -> Tokens | None:
        """The row's tokens, if they may still be used."""
        if row.state != "ok":
            raise NotUsable(row)
        if row.tokens is None or row.token_version == worn or (row.lasts_s is not None and row.lasts_s <= 0):
            return None
        return await tokens_of(row, self._sealed)


def _grant(client: Client, refresh_token: str | None) -> Mapping[str, str]:
    """RFC 6749 sections 4.4.2 and 6. Raises `Refused` where there is nothing to ask by."""
    if client.grant == "client_credentials":
        scope = {"scope": " ".join(client.scopes)} if client.scopes else {}
        return {"grant_type": "client_credentials", **scope}
    if refresh_token is None:
        raise Refused("the access has ended, and the provider gave nothing to renew it by", gone=True)
    return {"grant_type": "refresh_token", "refresh_token": refresh_token}
