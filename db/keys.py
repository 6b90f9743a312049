"""Data keys of workspaces as they are kept: wrapped. Unwrapping is `workspace.keys`."""

from __future__ import annotations

from dataclasses import dataclass

from db.connection import Connection
from db.ids import WorkspaceId
from db.statements import command, rows


@dataclass(frozen=True, slots=True)
class KeyRow:
    """`number` counts from 1 in its workspace; `master` is the fingerprint of the key that wrapped it."""

    number: int
    master: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class SomeKey:
    workspace_id: WorkspaceId
    number: int
    master: str
    wrapped: bytes


_OF_WORKSPACE = rows("keys", "of_workspace", KeyRow)
_ADD = command("keys", "add")
_SOME = rows("keys", "some", SomeKey)


async def wrapped(connection: Connection, workspace_id: WorkspaceId) -> list[KeyRow]:
    """In order of number."""
    return await connection.all(_OF_WORKSPACE, workspace_id=workspace_id)


async def add(connection: Connection, workspace_id: WorkspaceId, key: KeyRow) -> list[KeyRow]:
    """All keys afterwards: where a key of that number stands already, it stays and `key` is dropped."""
    await connection.count(_ADD, workspace_id=workspace_id, number=key.number, master=key.master, wrapped=key.wrapped)
    return await wrapped(connection, workspace_id)


async def some(connection: Connection) -> SomeKey | None:
    """Some workspace's newest key, None where there is none yet."""
    return await connection.maybe(_SOME)
