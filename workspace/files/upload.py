"""One file on its way in.

    begin: a row `uploading`  →  pieces, one after the other  →  finish: the row is `ready`, with size and hash
                              └→  give up: the row is `removed`; the sweeper takes what was written

- The row is committed before the first piece. A process that dies at any place leaves a row that the sweeper finds within an hour or so.
- Before a piece is written the row is touched, at most once a minute. A row that was given up meanwhile (this process stood still for an hour)
  can't be touched, and the upload fails; one piece that was on its way even then is taken by the second sweep, a day later.
- A keyed upload writes its answer in the transaction that makes it ready. Of two with one key the first to finish wins, and the
  other's file is removed in its own transaction: both give the first one's answer.
- At most one piece is in memory, whatever the file's size.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from db import files
from db.errors import DatabaseUnavailable
from db.ids import FileId, UserId, WorkspaceId, new_uuid7
from db.pool import Database
from modules.sdk.files import LARGEST_FILE, File, NewFile
from modules.sdk.verdicts import ModuleError, Rejected
from workspace.files.naming import checked
from workspace.files.objects import PIECE, Objects
from workspace.files.rows import acting, file_from, file_of

KEPT_S = 90 * 86400.0
"""How long the answer of a step's write is kept: no run repeats a step that long after."""
_TOUCH_S = 60.0


class Upload:
    """`add` bytes, then `finish`. Made by `uploading`, which gives up what isn't finished."""

    def __init__(
        self,
        database: Database,
        objects: Objects,
        workspace_id: WorkspaceId,
        user_id: UserId | None,
        most: int,
        piece: int,
        touch_s: float,
    ) -> None:
        self._database = database
        self._objects = objects
        self._workspace_id = workspace_id
        self._user_id = user_id
        self._most = most
        self._piece = piece
        self._touch_s = touch_s
        self._file_id = FileId(new_uuid7())
        self._begun = False
        self._touched = 0.0
        self._held = bytearray()
        self._pieces = 0
        self._size = 0
        self._hash = hashlib.sha256()
        self.finished = False

    @property
    def size(self) -> int:
        return self._size

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    async def add(self, data: bytes) -> None:
        """Raises ModuleError `payload.too_large`, `files.full`, `files.unavailable`."""
        self._size += len(data)
        if self._size > self._most:
            raise too_large(self._most)
        self._hash.update(data)
        self._held += data
        while len(self._held) >= self._piece:
            await self._put(bytes(memoryview(self._held)[: self._piece]))
            del self._held[: self._piece]

    async def finish(self, new: NewFile, operation: str | None, kept_s: float = KEPT_S) -> tuple[File, bool]:
        """The file, and whether it is this one: of two uploads of one operation both give the first.

        Raises ModuleError `input.invalid` (name, tags, media type), and those of `add`.
        """
        new = checked(new)
        if self._held:
            await self._put(bytes(self._held))
            self._held.clear()
        await self._begin()
        async with acting(self._database, self._workspace_id) as connection:
            row = await files.finish(
                connection,
                self._workspace_id,
                self._file_id,
                name=new.name,
                mime_type=new.mime_type or "",
                size=self._size,
                sha256=self.sha256,
                tags=new.tags,
                ttl_s=new.expires_in,
            )
            if row is None:
                raise _given_up()
            file, mine = file_of(row), True
            if operation is not None:
                mine = await files.answer(connection, self._workspace_id, operation, file.to_json(), kept_s)
                if not mine:
                    await files.remove(connection, self._workspace_id, self._file_id)
                    file = file_from(await files.answered(connection, self._workspace_id, operation))
        self.finished = True
        return file, mine

    async def give_up(self) -> None:
        """What was written is for the sweeper."""
        if not self._begun or self.finished:
            return
        with suppress(DatabaseUnavailable):  # it will find the row by its silence
            async with self._database.tenant(self._workspace_id) as connection:
                await files.give_up(connection, self._workspace_id, self._file_id)

    async def _put(self, data: bytes) -> None:
        await self._begin()
        await self._objects.put(self._workspace_id, self._file_id, self._pieces, data)
        self._pieces += 1

    async def _begin(self) -> None:
        """The row is there, and knows that this lives."""
        now = time.monotonic()
        if self._begun and now - self._touched < self._touch_s:
            return
        async with acting(self._database, self._workspace_id) as connection:
            if self._begun:
                if not await files.touch(connection, self._workspace_id, self._file_id):
                    raise _given_up()
            else:
                self._begun = True
                await files.begin(
                    connection,
                    self._workspace_id,
                    self._file_id,
                    "upload",
                    "application/octet-stream",
                    self._piece,
                    self._user_id,
                )
        self._touched = now


@asynccontextmanager
async def uploading(
    database: Database,
    objects: Objects,
    workspace_id: WorkspaceId,
    *,
    user_id: UserId | None = None,
    most: int = LARGEST_FILE,
    piece: int = PIECE,
    touch_s: float = _TOUCH_S,
) -> AsyncGenerator[Upload]:
    """An upload that is given up at the block's end unless it was finished. It says that it lives at most every `touch_s` seconds."""
    upload = Upload(database, objects, workspace_id, user_id, most, piece, touch_s)
    try:
        yield upload
    finally:
        if not upload.finished:
            await asyncio.shield(upload.give_up())


def too_large(most: int) -> ModuleError:
    """The content is over what may be taken."""
    size = f"{most / 2**30:.4g} GB" if most >= 2**30 else f"{most / 2**20:.4g} MB"
    return Rejected("payload.too_large", f"the content is larger than {size}")


def _given_up() -> ModuleError:
    return ModuleError(
        "files.unavailable", "the upload took too long between two pieces and was given up", retryable=True
    )
