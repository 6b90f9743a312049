"""Files: their rows. The states stand at the head of migrations/0013_files.sql; their bytes are no business of this package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.connection import Connection
from db.data import fitting_key
from db.ids import FileId, UserId, WorkspaceId
from db.json import Json, dumps
from db.statements import command, rows, values


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file that may be read. `size` and `piece_size` are bytes, `sha256` is in hexadecimal digits."""

    file_id: FileId
    name: str
    mime_type: str
    piece_size: int
    size: int
    sha256: str
    tags: list[str]
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Removed:
    """`swept`: its objects were taken away once already."""

    workspace_id: WorkspaceId
    file_id: FileId
    swept: bool


_BEGIN = command("files", "begin")
_TOUCH = values("files", "touch", bool)
_FINISH = rows("files", "finish", FileRow)
_GIVE_UP = command("files", "give_up")
_GET = rows("files", "get", FileRow)
_EXPIRED = values("files", "expired", bool)
_LIST = rows("files", "list", FileRow)
_EXISTING = values("files", "existing", UUID)
_CHANGE = rows("files", "change", FileRow)
_REMOVE = values("files", "remove", bool)
_ANSWERED = values("files", "answered", object)
_ANSWER = values("files", "answer", bool)
_ENDING = tuple(command("files", name) for name in ("expire", "bereave"))
_ABANDON = command("files", "abandon")
_TO_SWEEP = rows("files", "to_sweep", Removed)
_SWEPT = command("files", "swept")
_FORGET = command("files", "forget")
_OLD_OPERATIONS = command("files", "old_operations")


async def begin(
    connection: Connection,
    workspace_id: WorkspaceId,
    file_id: FileId,
    name: str,
    mime_type: str,
    piece_size: int,
    created_by: UserId | None,
) -> None:
    """An upload begins. Commit before the first object is written."""
    await connection.count(
        _BEGIN,
        workspace_id=workspace_id,
        file_id=file_id,
        name=name,
        mime_type=mime_type,
        piece_size=piece_size,
        created_by=created_by,
    )


async def touch(connection: Connection, workspace_id: WorkspaceId, file_id: FileId) -> bool:
    """The upload lives. False: it was given up, and may write nothing more."""
    return await connection.maybe(_TOUCH, workspace_id=workspace_id, file_id=file_id) is not None


async def finish(
    connection: Connection,
    workspace_id: WorkspaceId,
    file_id: FileId,
    *,
    name: str,
    mime_type: str,
    size: int,
    sha256: str,
    tags: Sequence[str],
    ttl_s: float | None,
) -> FileRow | None:
    """All objects are there. None: the upload was given up."""
    return await connection.maybe(
        _FINISH,
        workspace_id=workspace_id,
        file_id=file_id,
        name=name,
        mime_type=mime_type,
        size=size,
        sha256=sha256,
        tags=list(tags),
        ttl_s=ttl_s,
    )


async def give_up(connection: Connection, workspace_id: WorkspaceId, file_id: FileId) -> None:
    """The upload failed. One that was finished meanwhile stays."""
    await connection.count(_GIVE_UP, workspace_id=workspace_id, file_id=file_id)


async def get(connection: Connection, workspace_id: WorkspaceId, file_id: FileId) -> FileRow | None:
    """A file that may be read."""
    return await connection.maybe(_GET, workspace_id=workspace_id, file_id=file_id)


async def is_expired(connection: Connection, workspace_id: WorkspaceId, file_id: FileId) -> bool:
    """Whether a file that can't be read is one whose time was over lately."""
    return await connection.maybe(_EXPIRED, workspace_id=workspace_id, file_id=file_id) is not None


async def list_files(
    connection: Connection,
    workspace_id: WorkspaceId,
    tags: Sequence[str],
    name: str | None,
    before: FileId | None,
    most: int,
) -> list[FileRow]:
    """The newest first, those that have all of `tags` and whose name holds `name`, whatever its case."""
    return await connection.all(_LIST, workspace_id=workspace_id, tags=list(tags), name=name, before=before, most=most)


async def existing(connection: Connection, workspace_id: WorkspaceId, file_ids: Sequence[FileId]) -> set[FileId]:
    """Those of the files that may be read."""
    found = await connection.all(_EXISTING, workspace_id=workspace_id, file_ids=list(file_ids))
    return {FileId(each) for each in found}


async def change(
    connection: Connection,
    workspace_id: WorkspaceId,
    file_id: FileId,
    *,
    name: str | None,
    tags: Sequence[str] | None,
    expiry: bool,
    ttl_s: float | None,
) -> FileRow | None:
    """Name and tags unless None; with `expiry` the time that is left, None for ever. None where there is no such file."""
    return await connection.maybe(
        _CHANGE,
        workspace_id=workspace_id,
        file_id=file_id,
        name=name,
        tags=None if tags is None else list(tags),
        expiry=expiry,
        ttl_s=ttl_s,
    )


async def remove(connection: Connection, workspace_id: WorkspaceId, file_id: FileId) -> bool:
    """Whether there was such a file."""
    return await connection.maybe(_REMOVE, workspace_id=workspace_id, file_id=file_id) is not None


async def answered(connection: Connection, workspace_id: WorkspaceId, operation: str) -> Json:
    """What a write of that operation answered before; None if there was none."""
    found = await connection.all(_ANSWERED, workspace_id=workspace_id, operation=fitting_key(operation))
    return _json(found[0]) if found else None


async def answer(connection: Connection, workspace_id: WorkspaceId, operation: str, given: Json, kept_s: float) -> bool:
    """Keep what a write answered. False: another one of the same operation came first, and its answer holds."""
    kept = await connection.maybe(
        _ANSWER, workspace_id=workspace_id, operation=fitting_key(operation), answer=dumps(given), kept_s=kept_s
    )
    return kept is not None


async def retire(connection: Connection, silent_s: float, most: int) -> None:
    """Let go of what is expired, was abandoned for `silent_s` seconds, or belongs to no workspace any more, `most` of each."""
    for query in _ENDING:
        await connection.count(query, most=most)
    await connection.count(_ABANDON, silent_s=silent_s, most=most)
    await connection.count(_OLD_OPERATIONS, most=most)


async def to_sweep(connection: Connection, again_s: float, most: int) -> list[Removed]:
    """Files whose objects are to be taken away: at once, and `again_s` seconds after that."""
    return await connection.all(_TO_SWEEP, again_s=again_s, most=most)


async def swept(connection: Connection, removed: Sequence[Removed]) -> None:
    """Their objects were taken away. The rows of those for which it was the second time go."""
    await connection.count(_SWEPT, file_ids=[each.file_id for each in removed if not each.swept])
    await connection.count(_FORGET, file_ids=[each.file_id for each in removed if each.swept])


def _json(value: object) -> Json:
    """The column is JSON, which the driver has read."""
    return value  # pyright: ignore[reportReturnType]
