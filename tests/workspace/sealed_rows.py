"""A workspace with a value in each place where something closed is at rest, and who reads and changes them as the product does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from db import (
    app_queues,
    connection_providers,
    connection_tokens,
    connections,
    copilot_llm_calls,
    queue_items,
    variables,
    workspaces,
)
from db.connection_tokens import NewTokens
from db.connections import Settings
from db.copilot_llm_calls import Start
from db.ids import ConnectionId, ProviderId, QueueId, WorkspaceId, new_uuid7
from db.log_seal import LogPlace
from db.pool import Database
from engine.queues.sealed_items import SealedItems
from modules.sdk.context import QueueItem
from workspace.connections.sealed import Sealed
from workspace.key_store import DatabaseKeys
from workspace.keys import KeyProvider, Place, Unreadable, Vault, number_of
from workspace.secrets.variables import SecretVariables

SETTINGS = Settings(
    config={},
    allowed_hosts=["shop.example"],
    rate_count=None,
    rate_per=None,
    usable_by="editor",
    provider_id=None,
    state="ok",
    reason=None,
)
CLOSED_COLUMNS = {
    ("app_queue", "data"),
    ("connections", "secret"),
    ("connections", "tokens"),
    ("connections_providers", "client_secret"),
    ("interim_app_credentials", "secret"),
    ("llm_bodies", "body"),
    ("workflows_variables", "closed"),
    ("workflows_variables", "former"),
}


@dataclass(frozen=True)
class EveryLog:
    """A `LogSeal` of workspaces that all want it."""

    vault: Vault

    async def wanted(self, workspace_id: WorkspaceId) -> bool:
        return True

    async def close(self, place: LogPlace, plain: bytes) -> bytes:
        return await self.vault.encrypt(Place(place.table, place.column, int(place.workspace_id), place.row), plain)

    async def open(self, place: LogPlace, closed: bytes) -> bytes | None:
        try:
            return await self.vault.decrypt(
                Place(place.table, place.column, int(place.workspace_id), place.row), closed
            )
        except Unreadable:
            return None


@dataclass
class Rows:
    """One process's view of the workspace: each has a vault of its own."""

    db: Database
    vault: Vault
    workspace_id: WorkspaceId
    connection_id: ConnectionId
    provider_id: ProviderId
    queue_id: QueueId
    last: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the secrets are now, by name."""

    async def write_secret(self, name: str, value: str) -> None:
        secrets = SecretVariables(self.db, self.vault)
        async with self.db.engine(self.workspace_id) as conn:
            found = await variables.get(conn, self.workspace_id, name)
        given = await secrets.close(self.workspace_id, value, None if found is None else found.variable_id)
        async with self.db.engine(self.workspace_id) as conn:
            if found is None:
                made = await variables.create(
                    conn, self.workspace_id, name, given.shape, variable_id=given.variable_id, closed=given.closed
                )
            else:
                made = await variables.put(conn, self.workspace_id, found, given.shape, closed=given.closed)
        assert made is not None
        self.last[name] = value

    async def write_credentials(self, value: str) -> None:
        sealed = Sealed(self.vault)
        closed = await sealed.close_secret(self.workspace_id, self.connection_id, {"v": value})
        async with self.db.engine(self.workspace_id) as conn:
            await connections.change(
                conn, self.workspace_id, self.connection_id, SETTINGS, fresh=True, forget=False, secret=closed
            )
        tokens = await sealed.close_tokens(self.workspace_id, self.connection_id, {"t": value})
        async with self.db.engine(self.workspace_id) as conn:
            await connection_tokens.put_consented(
                conn, self.workspace_id, self.connection_id, NewTokens(tokens, None, None)
            )
        client = await sealed.close_client_secret(self.workspace_id, self.provider_id, {"c": value})
        async with self.db.engine(self.workspace_id) as conn:
            await connection_providers.change(
                conn, self.workspace_id, self.provider_id, {}, fresh=True, client_secret=client
            )
        self.last["credentials"] = value

    async def add_items(self, *values: Any) -> None:
        sealed = await SealedItems(self.vault).seal(self.workspace_id, [QueueItem(value) for value in values])
        async with self.db.engine(self.workspace_id) as conn:
            done = await queue_items.enqueue(conn, self.workspace_id, self.queue_id, sealed)
        assert done.outcome == "accepted"

    async def check(self) -> None:
        """Everything opens, for a process that has been there all the time, and holds what was written last."""
        names = [name for name in self.last if name != "credentials"]
        found = await SecretVariables(self.db, self.vault).open(self.workspace_id, names)
        assert {name: secret.now.reveal() for name, secret in found.items()} == {
            name: self.last[name] for name in names
        }
        sealed = Sealed(self.vault)
        async with self.db.engine(self.workspace_id) as conn:
            connection = await connections.get(conn, self.workspace_id, self.connection_id)
            provider = await connection_providers.get(conn, self.workspace_id, self.provider_id)
        assert connection is not None
        assert provider is not None
        value = self.last["credentials"]
        assert await sealed.secret(connection) == {"v": value}
        assert await sealed.tokens(connection) == {"t": value}
        assert await sealed.client_secret(self.workspace_id, self.provider_id, provider.client_secret) == {"c": value}
        async with self.db.engine(self.workspace_id) as conn:
            conn.seal = EveryLog(self.vault)
            [call] = await copilot_llm_calls.page(conn, self.workspace_id, copilot_llm_calls.Filter(), None, 1)
            assert await copilot_llm_calls.body(conn, self.workspace_id, call.request_hash) == {"asked": "this"}

    async def items(self) -> list[Any]:
        """What the items hold, oldest first."""
        async with self.db.tenant(self.workspace_id) as conn:
            found = await queue_items.list_items(conn, self.queue_id, None, 10_000)
        opened = SealedItems(self.vault)
        return [await opened.open(self.workspace_id, item) for item in reversed(found)]


async def furnished(db: Database, provider: KeyProvider, slug: str = "acme", *, fresh_s: float = 30.0) -> Rows:
    """A new workspace with something closed in each of `CLOSED_COLUMNS`."""
    async with db.engine() as conn:
        workspace = await workspaces.create(conn, slug, slug)
    assert workspace is not None
    ws = workspace.workspace_id
    vault = Vault(provider, DatabaseKeys(db), fresh_s=fresh_s)
    connection_id, provider_id = connections.new_id(), connection_providers.new_id()
    async with db.tenant(ws) as conn:
        assert await connections.create(
            conn, ws, connection_id, name="crm", app="shop", kind="oauth2", settings=SETTINGS, secret=None
        )
        assert await connection_providers.create(conn, ws, provider_id, "own", {}, None)
        queue_id = await app_queues.create(conn, ws, "mill", app_queues.QueueSettings())
    assert queue_id is not None
    rows = Rows(db, vault, ws, connection_id, provider_id, queue_id)
    for value in ("first value", "second value"):
        await rows.write_secret("TOKEN", value)
        await rows.write_credentials(value)
    await rows.add_items(*({"n": n} for n in range(5)))
    state = ws.to_bytes(32, "big")
    consent = await Sealed(vault).close_consent(ws, state, {"verifier": "words"})
    async with db.engine(ws) as conn:
        await connection_tokens.begin_consent(conn, ws, connection_id, None, state, consent, 3600.0)
        conn.seal = EveryLog(vault)
        call = Start(ws, new_uuid7(), "chat", "models.example", "m", {"asked": "this"}, {})
        assert await copilot_llm_calls.start(conn, call, days=30, lease_s=30)
    return rows


async def numbers(database_url: str, workspace_id: WorkspaceId) -> dict[tuple[str, str], set[int]]:
    """Under which keys each column's values are closed."""
    admin = await asyncpg.connect(database_url)
    try:
        return {
            (table, column): {
                number_of(row[0])
                for row in await admin.fetch(
                    f"select {column} from {table} where workspace_id = {workspace_id} and {column} is not null"
                )
            }
            for table, column in sorted(CLOSED_COLUMNS)
        }
    finally:
        await admin.close()


async def until(done: asyncio.Event, work: Any) -> int:
    """Does the work again and again until then; how often."""
    times = 0
    while not done.is_set():
        await work(times)
        times += 1
        await asyncio.sleep(0)
    return times
