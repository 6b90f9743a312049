"""Compiled documents: what runs execute, each distinct one once, under the hash of its bytes."""

from __future__ import annotations

from dataclasses import dataclass

from db.connection import Connection
from db.ids import WorkspaceId
from db.json import Json
from db.statements import rows


@dataclass(frozen=True, slots=True)
class CompiledDocument:
    """What a run executes. `hash` is of `compiled`'s bytes; `content_hash` of the document in it."""

    hash: str
    content_hash: str
    compiled: Json


_GET = rows("documents", "get", CompiledDocument)


async def get(connection: Connection, workspace_id: WorkspaceId, compiled_hash: str) -> CompiledDocument | None:
    """The document under that hash: a run's `compiled_hash` names it as long as the run is kept."""
    return await connection.maybe(_GET, workspace_id=workspace_id, hash=compiled_hash)
