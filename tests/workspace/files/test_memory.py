"""A gigabyte goes in and out through a process that holds a few pieces of it at a time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from db.pool import Database
from tests.fixtures.files import new_workspace_id

BOUND = 120 * 2**20
PROCESS = """
import asyncio, resource, sys
from pathlib import Path
from db.pool import Database
from db.ids import WorkspaceId
from modules.sdk.files import NewFile
from workspace.files.objects import open_objects
from workspace.files.store import StoredFiles

def held():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

async def content(size):
    for _ in range(size // 2**18):
        yield b"x" * 2**18

async def main(database, folder, workspace_id):
    db = await Database.open(database, max_size=2)
    async with open_objects(None, Path(folder)) as objects:
        files = StoredFiles(db, objects, WorkspaceId(int(workspace_id)))
        before = held()
        made = await files.write(content(2**30), NewFile("large"), operation="1")
        size = 0
        async for piece in files.open_read(made.file_id):
            size += len(piece)
        print(size, held() - before)
    await db.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
async def test_a_gigabyte_takes_little_memory(database_url: str, tmp_path: Path) -> None:
    db = await Database.open(database_url, max_size=1)
    workspace_id = await new_workspace_id(db)
    await db.close()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROCESS, database_url, str(tmp_path), str(workspace_id), stdout=subprocess.PIPE
    )
    said, _ = await process.communicate()
    size, grown = map(int, said.split())
    assert size == 2**30
    assert grown < BOUND, f"it took {grown / 2**20:.0f} MiB"
