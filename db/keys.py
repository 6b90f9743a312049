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


@dataclass(frozen=True, slots=True)
class RootKey:
    """The root of what is derived, wrapped."""

    master: str
    wrapped: bytes


_OF_WORKSPACE = rows("keys", "of_workspace", KeyRow)
_ADD = command("keys", "add")
_SOME = rows("keys", "some", SomeKey)
_ROOT = rows("keys", "root", RootKey)
_KEEP_ROOT = command("keys", "keep_root")
_REWRAP_ROOT = command("keys", "rewrap_root")
_OTHERS = rows("keys", "of_other_masters", SomeKey)
_REWRAP = command("keys", "rewrap")


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


async def root(connection: Connection) -> RootKey | None:
    """None before the first rotation of the master key."""
    return await connection.maybe(_ROOT)


async def keep_root(connection: Connection, key: RootKey) -> None:
    """One that stands stays."""
    await connection.count(_KEEP_ROOT, master=key.master, wrapped=key.wrapped)


async def rewrap_root(connection: Connection, key: RootKey, former: str) -> None:
    """Does nothing where it isn't under `former` any more."""
    await connection.count(_REWRAP_ROOT, master=key.master, wrapped=key.wrapped, former=former)


async def of_other_masters(connection: Connection, master: str, most: int) -> list[SomeKey]:
    """Data keys of all workspaces that aren't wrapped by `master`."""
    return await connection.all(_OTHERS, master=master, most=most)


async def rewrap(connection: Connection, key: SomeKey, former: str) -> bool:
    """False where it isn't under `former` any more."""
    done = await connection.count(
        _REWRAP,
        workspace_id=key.workspace_id,
        number=key.number,
        master=key.master,
        wrapped=key.wrapped,
        former=former,
    )
    return done > 0
