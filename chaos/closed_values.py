"""A workspace that has a value closed in each place where something closed is at rest: for rounds that turn its data key."""

from __future__ import annotations

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
from db.ids import ConnectionId, ProviderId, WorkspaceId, new_uuid7
from db.pool import Database
from engine.queues.sealed_items import SealedItems
from modules.sdk.context import QueueItem
from workspace.connections.sealed import Sealed
from workspace.key_store import DatabaseKeys
from workspace.keys import KeyProvider, Vault
from workspace.log_seal import WorkspaceLogSeal
from workspace.secrets.variables import SecretVariables

SLUG = "rounds-of-keys"
_SETTINGS = Settings(
    config={},
    allowed_hosts=["shop.example"],
    rate_count=None,
    rate_per=None,
    usable_by="editor",
    provider_id=None,
    state="ok",
    reason=None,
)


async def have_closed_values(db: Database, provider: KeyProvider) -> None:
    """Makes it where it isn't; a workspace that was left half made gets what it lacks. Raises `DatabaseUnavailable`."""
    async with db.engine() as connection:
        found = await workspaces.by_slug(connection, SLUG) or await workspaces.create(connection, SLUG, SLUG)
    assert found is not None
    ws, vault = found.workspace_id, Vault(provider, DatabaseKeys(db))
    await _secret(db, ws, vault)
    await _credentials(db, ws, Sealed(vault))
    await _item(db, ws, vault)
    await _call(db, ws, vault)


async def _secret(db: Database, ws: WorkspaceId, vault: Vault) -> None:
    """One that was changed, so that it has a former value."""
    secrets = SecretVariables(db, vault)
    for value in ("the first value", "the second value"):
        async with db.engine(ws) as connection:
            found = await variables.get(connection, ws, "TOKEN")
        closed = await secrets.close(ws, value, None if found is None else found.variable_id)
        async with db.engine(ws) as connection:
            if found is None:
                await variables.create(
                    connection, ws, "TOKEN", closed.shape, variable_id=closed.variable_id, closed=closed.closed
                )
            else:
                await variables.put(connection, ws, found, closed.shape, closed=closed.closed)


async def _credentials(db: Database, ws: WorkspaceId, sealed: Sealed) -> None:
    async with db.engine(ws) as connection:
        there = await connections.by_name(connection, ws, "crm")
        own = await connection_providers.find(connection, ws, "own")
    connection_id = connections.new_id() if there is None else there.connection_id
    provider_id = connection_providers.new_id() if own is None else own.provider_id
    await _connection(db, ws, sealed, connection_id, made=there is not None)
    await _provider(db, ws, sealed, provider_id, made=own is not None)
    state = b"s" * 32
    consent = await sealed.close_consent(ws, state, {"verifier": "words"})
    async with db.engine() as connection:
        await connection_tokens.end_consent(connection, state)
        await connection_tokens.begin_consent(connection, ws, connection_id, None, state, consent, 3600.0)


async def _connection(
    db: Database, ws: WorkspaceId, sealed: Sealed, connection_id: ConnectionId, *, made: bool
) -> None:
    secret = await sealed.close_secret(ws, connection_id, {"client_secret": "words"})
    tokens = NewTokens(await sealed.close_tokens(ws, connection_id, {"access_token": "words"}), None, None)
    async with db.engine(ws) as connection:
        if not made:
            await connections.create(
                connection, ws, connection_id, name="crm", app="shop", kind="oauth2", settings=_SETTINGS, secret=secret
            )
        await connection_tokens.put_consented(connection, ws, connection_id, tokens)


async def _provider(db: Database, ws: WorkspaceId, sealed: Sealed, provider_id: ProviderId, *, made: bool) -> None:
    secret = await sealed.close_client_secret(ws, provider_id, {"client_secret": "words"})
    if not made:
        async with db.engine(ws) as connection:
            await connection_providers.create(connection, ws, provider_id, "own", {}, secret)


async def _item(db: Database, ws: WorkspaceId, vault: Vault) -> None:
    async with db.engine(ws) as connection:
        if await app_queues.find(connection, ws, "mill") is not None:
            return
        queue_id = await app_queues.create(connection, ws, "mill", app_queues.QueueSettings())
        assert queue_id is not None
        items = await SealedItems(vault).seal(ws, [QueueItem({"n": 1})])
        await queue_items.enqueue(connection, ws, queue_id, items)


async def _call(db: Database, ws: WorkspaceId, vault: Vault) -> None:
    """What a language model was asked, in a workspace that keeps such things closed."""
    async with db.engine(ws) as connection:
        await connection.script(f"update workspaces set encrypt_logs = true where slug = '{SLUG}'")  # noqa: S608  a constant
    async with db.single() as connection:
        connection.seal = WorkspaceLogSeal(db, vault, fresh_s=0.0)
        call = Start(ws, new_uuid7(), "chat", "none", "m", {"asked": "words"}, {})
        await copilot_llm_calls.start(connection, call, days=30, lease_s=30.0)
