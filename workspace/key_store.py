"""Wrapped data keys in the rows of `workspace_keys`."""

from __future__ import annotations

from db import keys
from db.ids import WorkspaceId
from db.pool import Database
from workspace.keys import WrappedKey


class DatabaseKeys:
    """`KeyStore` over the database. Raises `DatabaseUnavailable`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def wrapped_keys(self, workspace_id: int) -> list[WrappedKey]:
        async with self._db.single() as connection:
            return [_wrapped(row) for row in await keys.wrapped(connection, WorkspaceId(workspace_id))]

    async def add_wrapped_key(self, workspace_id: int, key: WrappedKey) -> list[WrappedKey]:
        row = keys.KeyRow(key.number, key.master, key.wrapped)
        async with self._db.single() as connection:
            return [_wrapped(row) for row in await keys.add(connection, WorkspaceId(workspace_id), row)]

    async def any_wrapped_key(self) -> tuple[int, WrappedKey] | None:
        async with self._db.single() as connection:
            found = await keys.some(connection)
        return None if found is None else (found.workspace_id, WrappedKey(found.number, found.master, found.wrapped))

    async def wrapped_root(self) -> WrappedKey | None:
        async with self._db.single() as connection:
            found = await keys.root(connection)
        return None if found is None else WrappedKey(0, found.master, found.wrapped)


def _wrapped(row: keys.KeyRow) -> WrappedKey:
    return WrappedKey(row.number, row.master, row.wrapped)
