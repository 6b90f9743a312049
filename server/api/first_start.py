"""The first start of an installation: one workspace, one owner, one API key in the home, mode 0600.

The key's text is nowhere but in that file. A start that was interrupted between the commit and the file, or a file that was lost, is
mended by another key.
"""

from __future__ import annotations

import os
from pathlib import Path

from db import bootstrap
from db.pool import Database

SLUG, NAME, OWNER = "main", "Main", "owner@localhost.localdomain"


async def ensure_first_workspace(db: Database, file: Path) -> None:
    """Does nothing where there is a workspace and the file is in its place."""
    async with db.engine() as connection:
        made = await bootstrap.first_start(connection, SLUG, NAME, OWNER)
    if made is None and not file.exists():  # noqa: ASYNC240 - one look, before anything is served
        async with db.engine() as connection:
            made = await bootstrap.new_owner_key(connection)
    if made is not None:
        _write(file, made.key)


def _write(file: Path, key: str) -> None:
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(key + "\n")
        out.flush()
        os.fsync(out.fileno())
    aside.replace(file)
