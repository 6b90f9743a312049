"""Takes away what nobody may read any more: by one process of many, from time to time.

    retire   expired files, uploads that were abandoned, files of workspaces that are gone: their rows become `removed`
    sweep    the objects of removed files; again a day later, and then the row goes too

Each step may be cut short anywhere and made again: removing objects twice harms nobody, and a row goes only after its objects were removed in
a sweep that began when nothing could write them any more.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from db import files
from db.files import Removed
from db.pool import Database
from modules.sdk.verdicts import ModuleError
from workspace.files.objects import Objects

log = logging.getLogger("millstream.files")

_BATCH = 100
_MANY = 5_000
_MOST_BATCHES = 50


@dataclass(frozen=True, slots=True)
class Sweeper:
    """`silent` seconds after its last sign an upload is abandoned; `again` seconds after the first sweep comes the second."""

    database: Database
    objects: Objects
    silent: float = 3600.0
    again: float = 86400.0

    async def round(self) -> None:
        """What is due, in bounded pieces. Raises `DatabaseError`; a store that doesn't answer is left for the next round."""
        async with self.database.engine() as connection:
            await files.retire(connection, self.silent, _MANY)
        for _ in range(_MOST_BATCHES):
            async with self.database.engine() as connection:
                due = await files.to_sweep(connection, self.again, _BATCH)
            done: list[Removed] = []
            for each in due:
                try:
                    await self.objects.remove(each.workspace_id, each.file_id)
                except ModuleError as error:
                    log.info("files can't be swept now: %s", error.message)
                    break
                done.append(each)
            if done:
                async with self.database.engine() as connection:
                    await files.swept(connection, done)
            if len(done) < _BATCH:
                return
