"""The workspace's files as a module sees them. Runs pass files on by their ids; bytes go through a module piece by piece, and are never a
step's input or output."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from modules.sdk.json import JsonObject

LARGEST_FILE = 5 * 2**30
"""Bytes."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that may be read. `size` is bytes, `sha256` hexadecimal, `expires_at` RFC 3339 or None for one that is kept."""

    file_id: str
    name: str
    mime_type: str
    size: int
    sha256: str
    tags: tuple[str, ...]
    expires_at: str | None

    def to_json(self) -> JsonObject:
        """As a step's output and the API have it."""
        return {
            "file_id": self.file_id,
            "name": self.name,
            "mime_type": self.mime_type,
            "size": self.size,
            "sha256": self.sha256,
            "tags": list(self.tags),
            "expires_at": self.expires_at,
        }


@dataclass(frozen=True, slots=True)
class NewFile:
    """What a file is to be called and how long it is kept: `expires_in` seconds, None for ever. Without `mime_type` the name tells it."""

    name: str
    mime_type: str | None = None
    tags: tuple[str, ...] = ()
    expires_in: float | None = None


class Files(Protocol):
    """The files of one workspace; whatever another one has isn't there.

    Raises `ModuleError` `file.unknown`, `file.expired`, `file.lost` (its bytes are gone from the store), `files.full`, `files.unavailable`
    (the store doesn't answer; retryable), `payload.too_large`, and `input.invalid` for a name, tags or a media type that can't be.
    """

    async def stat(self, file_id: str) -> File: ...

    def open_read(self, file_id: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end`, which isn't among them; pieces of some megabytes at most."""
        ...

    async def write(
        self, content: AsyncIterator[bytes], new: NewFile, *, operation: str, most: int = LARGEST_FILE
    ) -> File:
        """A new file of these bytes, `most` at most. It can be read once this returns; of a write that fails nothing remains.

        `operation` is the idempotency key of the step: the same one again gives the first file, and another content is dropped.
        """
        ...

    async def delete(self, file_id: str, *, operation: str) -> bool:
        """Whether there was such a file; the same `operation` again gives the first answer."""
        ...
