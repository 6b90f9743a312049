"""A connection of a tenant, with all that may hang on it."""

from __future__ import annotations

from db import connection_providers, connection_tokens, connections
from db.connection import Connection as Db
from db.connections import Settings
from db.ids import WorkflowId, WorkspaceId


async def connected(db: Db, workspace_id: WorkspaceId, workflow_id: WorkflowId, name: str = "crm") -> None:
    """A provider, a connection that the workflow uses, and a consent under way."""
    provider = await connection_providers.create(db, workspace_id, connection_providers.new_id(), name, {}, None)
    assert provider is not None
    connection_id = connections.new_id()
    settings = Settings(
        config={},
        allowed_hosts=["shop.example"],
        rate_count=None,
        rate_per=None,
        usable_by="editor",
        provider_id=provider.provider_id,
        state="ok",
        reason=None,
    )
    made = await connections.create(
        db, workspace_id, connection_id, name=name, app="shop", kind="oauth2", settings=settings, secret=b"closed"
    )
    assert made
    assert await connections.bind(db, workspace_id, workflow_id, [name]) == {connection_id}
    state = workspace_id.to_bytes(32, "big")
    await connection_tokens.begin_consent(db, workspace_id, connection_id, None, state, b"closed", 60.0)
