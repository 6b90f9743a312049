"""Files as a step writes them: what they are called never holds a secret.

A file's bytes are whatever they are and nobody's to change; its name, tags and type stand in rows, lists and logs. An answer from outside names
the file that is made of it, and may say there what it was sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from modules.sdk.files import LARGEST_FILE, File, Files, NewFile
from workspace.secrets.used import Used


@dataclass(frozen=True, slots=True)
class CleanFiles:
    """Implements `modules.sdk.files.Files` for one attempt. `used` knows its secrets."""

    files: Files
    used: Used

    async def stat(self, file_id: str) -> File:
        return await self.files.stat(file_id)

    def open_read(self, file_id: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        return self.files.open_read(file_id, start=start, end=end)

    async def write(
        self, content: AsyncIterator[bytes], new: NewFile, *, operation: str, most: int = LARGEST_FILE
    ) -> File:
        redactor = self.used.redactor()
        if not redactor.idle:
            kind = new.mime_type
            new = replace(
                new,
                name=redactor.text(new.name),
                mime_type=kind if kind is None or redactor.text(kind) == kind else None,
                tags=tuple(map(redactor.text, new.tags)),
            )
        return await self.files.write(content, new, operation=operation, most=most)

    async def delete(self, file_id: str, *, operation: str) -> bool:
        return await self.files.delete(file_id, operation=operation)
