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


@dataclass(frozen=True, slots=True)
class Newest:
    """`settled`: nothing in the tables is closed under an older number. `age_s`: seconds since it was made."""

    workspace_id: WorkspaceId
    slug: str
    number: int
    settled: bool
    age_s: float


@dataclass(frozen=True, slots=True)
class Older:
    """`retired_s`: for how many seconds no history can have got anything under it; None while one may.

    `kept_runs`: the workspace keeps data of runs encrypted, or did, and runs are kept that began while it was used.
    """

    workspace_id: WorkspaceId
    slug: str
    number: int
    retired_s: float | None
    kept_runs: bool


_OF_WORKSPACE = rows("keys", "of_workspace", KeyRow)
_ADD = command("keys", "add")
_SOME = rows("keys", "some", SomeKey)
_ROOT = rows("keys", "root", RootKey)
_KEEP_ROOT = command("keys", "keep_root")
_REWRAP_ROOT = command("keys", "rewrap_root")
_OTHERS = rows("keys", "of_other_masters", SomeKey)
_REWRAP = command("keys", "rewrap")
_NEWEST = rows("keys", "newest", Newest)
_SETTLE = command("keys", "settle")
_RETIRE = command("keys", "retire")
_OLDER = rows("keys", "older", Older)
_DROP = command("keys", "drop")


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


async def newest(connection: Connection, slug: str | None = None) -> list[Newest]:
    """Of all workspaces that have a data key, or of the one of that slug."""
    return await connection.all(_NEWEST, slug=slug)


async def settle(connection: Connection, workspace_id: WorkspaceId, number: int, known_after_s: float) -> bool:
    """False: the key is younger than that, or was settled already."""
    done = await connection.count(_SETTLE, workspace_id=workspace_id, number=number, known_after_s=known_after_s)
    return done > 0


async def retire(connection: Connection, known_after_s: float) -> int:
    """Of all workspaces; gives how many keys were. A key is used by runs that began up to `known_after_s` after the next one was made."""
    return await connection.count(_RETIRE, known_after_s=known_after_s)


async def older(connection: Connection, known_after_s: float, slug: str | None = None) -> list[Older]:
    """All keys but the newest ones, in order of workspaces and numbers."""
    return await connection.all(_OLDER, known_after_s=known_after_s, slug=slug)


async def drop(connection: Connection, workspace_id: WorkspaceId, number: int, retired_s: float) -> bool:
    """False: it hasn't been retired for that long, or is gone."""
    return await connection.count(_DROP, workspace_id=workspace_id, number=number, retired_s=retired_s) > 0
