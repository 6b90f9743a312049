"""The files of one workspace, over the database and the store of objects: what modules, the API and the check of documents work with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from uuid import UUID

from db import files
from db.files import FileRow
from db.ids import FileId, UserId, WorkspaceId
from db.pool import Database
from modules.sdk.files import LARGEST_FILE, File, NewFile
from modules.sdk.verdicts import ModuleError
from workspace.files.naming import checked_life, checked_name, checked_tags
from workspace.files.objects import PIECE, Objects
from workspace.files.rows import acting, expired, file_from, file_of, id_of, unknown
from workspace.files.upload import KEPT_S, Upload, uploading

_READ = 2 * 2**20
"""Bytes of one request to the store: what each reader holds in memory."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be another one. None leaves it; `expires_in` counts with `expiry` only, and is None for ever."""

    name: str | None = None
    tags: tuple[str, ...] | None = None
    expiry: bool = False
    expires_in: float | None = None


def files_over(database: Database, objects: Objects) -> Callable[[int], StoredFiles]:
    """Gives the files of a workspace by its id."""
    return lambda workspace_id: StoredFiles(database, objects, WorkspaceId(workspace_id))


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """Implements `modules.sdk.files.Files`. `piece` is bytes of an object."""

    database: Database
    objects: Objects
    workspace_id: WorkspaceId
    piece: int = PIECE

    async def stat(self, file_id: str) -> File:
        return file_of(await self._row(file_id))

    async def open_read(self, file_id: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        row = await self._row(file_id)
        place, last = max(start, 0), row.size if end is None else min(end, row.size)
        while place < last:
            number, inside = divmod(place, row.piece_size)
            count = min(_READ, row.piece_size - inside, last - place)
            yield await self.objects.get(self.workspace_id, row.file_id, number, inside, inside + count)
            place += count

    async def write(
        self, content: AsyncIterator[bytes], new: NewFile, *, operation: str, most: int = LARGEST_FILE
    ) -> File:
        async with acting(self.database, self.workspace_id) as connection:
            earlier = await files.answered(connection, self.workspace_id, operation)
        if earlier is not None:
            return file_from(earlier)
        async with uploading(self.database, self.objects, self.workspace_id, most=most, piece=self.piece) as upload:
            async for data in content:
                await upload.add(data)
            file, _ = await upload.finish(new, operation)
        return file

    def uploading(self, user_id: UserId | None = None) -> AbstractAsyncContextManager[Upload]:
        """An upload whose bytes come from outside; it is given up at the block's end unless it was finished."""
        return uploading(self.database, self.objects, self.workspace_id, user_id=user_id, piece=self.piece)

    async def delete(self, file_id: str, *, operation: str | None) -> bool:
        try:
            chosen = id_of(file_id)
        except ModuleError:
            return False
        async with acting(self.database, self.workspace_id) as connection:
            if operation is not None:
                earlier = await files.answered(connection, self.workspace_id, operation)
                if earlier is not None:
                    return earlier is True
            gone = await files.remove(connection, self.workspace_id, chosen)
            if operation is not None and not await files.answer(connection, self.workspace_id, operation, gone, KEPT_S):
                return await files.answered(connection, self.workspace_id, operation) is True
        return gone

    async def change(self, file_id: str, change: Change) -> File:
        """Raises ModuleError `file.unknown`, `file.expired`, `input.invalid`."""
        name = None if change.name is None else checked_name(change.name)
        tags = None if change.tags is None else checked_tags(change.tags)
        chosen = id_of(file_id)
        async with acting(self.database, self.workspace_id) as connection:
            row = await files.change(
                connection,
                self.workspace_id,
                chosen,
                name=name,
                tags=tags,
                expiry=change.expiry,
                ttl_s=checked_life(change.expires_in),
            )
        if row is None:
            raise await self._absent(chosen)
        return file_of(row)

    async def list_files(self, tags: Sequence[str], name: str | None, before: UUID | None, most: int) -> list[File]:
        """The newest first: those with all the tags, whose name holds `name` whatever its case."""
        async with acting(self.database, self.workspace_id) as connection:
            found = await files.list_files(
                connection, self.workspace_id, tags, name, None if before is None else FileId(before), most
            )
        return [file_of(row) for row in found]

    async def _row(self, file_id: str) -> FileRow:
        chosen = id_of(file_id)
        async with acting(self.database, self.workspace_id) as connection:
            row = await files.get(connection, self.workspace_id, chosen)
        if row is None:
            raise await self._absent(chosen)
        return row

    async def _absent(self, file_id: FileId) -> ModuleError:
        async with acting(self.database, self.workspace_id) as connection:
            over = await files.is_expired(connection, self.workspace_id, file_id)
        return expired(str(file_id)) if over else unknown(str(file_id))


async def exists(database: Database, workspace_id: WorkspaceId, ids: Collection[str]) -> set[str]:
    """Those of the ids that name a file of the workspace which can be read now: for the check of what a document refers to."""
    known: dict[FileId, str] = {}
    for each in ids:
        try:
            known[id_of(each)] = each
        except ModuleError:
            continue
    if not known:
        return set()
    async with acting(database, workspace_id) as connection:
        found = await files.existing(connection, workspace_id, list(known))
    return {known[each] for each in found}
