"""From rows of files to what modules and the API see."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC
from uuid import UUID

from db.connection import Connection
from db.errors import DatabaseUnavailable
from db.files import FileRow
from db.ids import FileId, WorkspaceId
from db.json import Json
from db.pool import Database
from modules.sdk.files import File
from modules.sdk.verdicts import ModuleError, Rejected


@asynccontextmanager
async def acting(database: Database, workspace_id: WorkspaceId) -> AsyncGenerator[Connection]:
    """A transaction of the workspace; a database that is gone is a store that doesn't answer: ModuleError `files.unavailable`."""
    try:
        async with database.tenant(workspace_id) as connection:
            yield connection
    except DatabaseUnavailable:
        raise ModuleError(
            "files.unavailable", "the store of files doesn't answer: its database can't be reached", retryable=True
        ) from None


def file_of(row: FileRow) -> File:
    expires = None
    if row.expires_at is not None:
        expires = row.expires_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return File(str(row.file_id), row.name, row.mime_type, row.size, row.sha256, tuple(row.tags), expires)


def file_from(answer: Json) -> File:
    """The file that the answer of an operation told of."""
    assert isinstance(answer, dict), "what is kept under a write's operation is one of our answers"
    size, tags, expires = answer["size"], answer["tags"], answer["expires_at"]
    return File(
        str(answer["file_id"]),
        str(answer["name"]),
        str(answer["mime_type"]),
        size if isinstance(size, int) else 0,
        str(answer["sha256"]),
        tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        None if expires is None else str(expires),
    )


def id_of(file_id: str) -> FileId:
    """Raises Rejected `file.unknown`: what can't be an id names nothing."""
    try:
        return FileId(UUID(file_id))
    except ValueError:
        raise unknown(file_id) from None


def unknown(file_id: str) -> ModuleError:
    return Rejected("file.unknown", f"there is no file {file_id[:100]!r} in this workspace")


def expired(file_id: str) -> ModuleError:
    return Rejected("file.expired", f"the time of the file {file_id[:100]!r} is over: it can't be read any more")
