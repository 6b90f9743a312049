"""Connections over a real database, without an API: what a process has of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from db import connections, workspaces
from db.connections import Connection
from db.ids import ConnectionId, WorkspaceId
from db.pool import Database
from engine.connections.connections import Connections
from engine.connections.providers import Providers
from tests.fixtures.oauth_provider import CALLBACK, OAuthProvider
from workspace.connections.in_use import RunConnections
from workspace.connections.oauth.consent import Answer, Consents
from workspace.connections.oauth.refresh import Refresher
from workspace.connections.opening import Opened, Opener
from workspace.connections.sealed import Sealed
from workspace.connections.trying import Trials
from workspace.egress.client import Egress
from workspace.egress.policy import make_policy
from workspace.key_store import DatabaseKeys
from workspace.keys import LocalKey, Vault

MASTER = b"a master key that only tests use"


@dataclass
class Stand:
    db: Database
    workspace_id: WorkspaceId
    faces: Connections
    providers: Providers
    consents: Consents
    refresher: Refresher
    opener: Opener
    runs: RunConnections
    learned: list[str] = field(default_factory=list)

    async def create(self, name: str, kind: str, **more: Any) -> dict[str, Any]:
        return await self.faces.create(self.workspace_id, None, {"name": name, "app": "shop", "kind": kind, **more})

    async def consented(self, provider: OAuthProvider, name: str = "crm", **config: Any) -> ConnectionId:
        """A connection that a person has authorized."""
        made = await self.create(
            name, "oauth2", config={**provider.config, **config}, secret={"client_secret": provider.client_secret}
        )
        address = await self.faces.authorize(self.workspace_id, None, name)
        back = await provider.consent(str(address["url"]))
        await self.consents.end(Answer(back["state"], back["code"], None, back.get("iss")))
        return ConnectionId(UUID(str(made["connection_id"])))

    async def row(self, name: str = "crm") -> Connection:
        async with self.db.tenant(self.workspace_id) as db:
            found = await connections.by_name(db, self.workspace_id, name)
        assert found is not None
        return found

    async def open(self, name: str = "crm") -> Opened:
        return await self.opener.open(self.workspace_id, name, self.learned.append)

    async def age(self, name: str = "crm", *, seconds: float) -> None:
        """As if the present tokens had been there for so long."""
        async with self.db.tenant(self.workspace_id) as db:
            await db.script(
                f"update connections set expires_at = expires_at - interval '{seconds} s', "
                f"refresh_at = refresh_at - interval '{seconds} s' where name = '{name}'"
            )


@asynccontextmanager
async def opened(db: Database) -> AsyncIterator[Stand]:
    async with AsyncExitStack() as stack:
        async with db.engine() as conn:
            workspace = await workspaces.by_slug(conn, "acme") or await workspaces.create(conn, "acme", "Acme")
        assert workspace is not None
        sealed = Sealed(Vault(LocalKey(MASTER), DatabaseKeys(db)))
        egress = await stack.enter_async_context(Egress(make_policy(["127.0.0.0/8"])))
        refresher = Refresher(db, sealed, egress)
        stack.push_async_callback(refresher.close)
        opener = Opener(db, sealed, refresher)
        consents = Consents(db, sealed, egress, CALLBACK)
        yield Stand(
            db=db,
            workspace_id=workspace.workspace_id,
            faces=Connections(db, sealed, opener, consents, Trials(egress, {}), egress),
            providers=Providers(db, sealed),
            consents=consents,
            refresher=refresher,
            opener=opener,
            runs=RunConnections(db, opener, egress),
        )
