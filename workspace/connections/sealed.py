"""Credentials as rows keep them: each closed for its own table, column, workspace and row."""

from __future__ import annotations

from db.connections import Connection
from db.ids import ConnectionId, ProviderId, WorkspaceId
from modules.sdk.json import JsonObject
from modules.sdk.json_bytes import dumps, loads
from workspace.keys import Place, Vault


class Sealed:
    """Raises `Unreadable` and `WrongMasterKey` where something doesn't open."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def close_secret(
        self, workspace_id: WorkspaceId, connection_id: ConnectionId, secret: JsonObject | None
    ) -> bytes | None:
        """None for a connection without a secret."""
        return None if secret is None else await self._close(_secret(workspace_id, connection_id), secret)

    async def secret(self, of: Connection) -> JsonObject:
        """Empty for a connection without one."""
        return {} if of.secret is None else await self._open(_secret(of.workspace_id, of.connection_id), of.secret)

    async def close_tokens(self, workspace_id: WorkspaceId, connection_id: ConnectionId, tokens: JsonObject) -> bytes:
        return await self._close(_tokens(workspace_id, connection_id), tokens)

    async def tokens(self, of: Connection) -> JsonObject | None:
        if of.tokens is None:
            return None
        return await self._open(_tokens(of.workspace_id, of.connection_id), of.tokens)

    async def close_client_secret(
        self, workspace_id: WorkspaceId, provider_id: ProviderId, secret: JsonObject | None
    ) -> bytes | None:
        return None if secret is None else await self._close(_client(workspace_id, provider_id), secret)

    async def client_secret(
        self, workspace_id: WorkspaceId, provider_id: ProviderId, closed: bytes | None
    ) -> JsonObject:
        return {} if closed is None else await self._open(_client(workspace_id, provider_id), closed)

    async def close_consent(self, workspace_id: WorkspaceId, state_hash: bytes, secret: JsonObject) -> bytes:
        return await self._close(_consent(workspace_id, state_hash), secret)

    async def consent(self, workspace_id: WorkspaceId, state_hash: bytes, closed: bytes) -> JsonObject:
        return await self._open(_consent(workspace_id, state_hash), closed)

    async def _close(self, place: Place, value: JsonObject) -> bytes:
        return await self._vault.encrypt(place, dumps(value))

    async def _open(self, place: Place, closed: bytes) -> JsonObject:
        value = loads(await self._vault.decrypt(place, closed))
        assert isinstance(value, dict), "nothing else is closed here"
        return value


def _secret(workspace_id: WorkspaceId, connection_id: ConnectionId) -> Place:
    return Place("connections", "secret", workspace_id, str(connection_id))


def _tokens(workspace_id: WorkspaceId, connection_id: ConnectionId) -> Place:
    return Place("connections", "tokens", workspace_id, str(connection_id))


def _client(workspace_id: WorkspaceId, provider_id: ProviderId) -> Place:
    return Place("connections_providers", "client_secret", workspace_id, str(provider_id))


def _consent(workspace_id: WorkspaceId, state_hash: bytes) -> Place:
    return Place("interim_app_credentials", "secret", workspace_id, state_hash.hex())
