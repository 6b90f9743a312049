"""A long file of rows becomes another one through a process that holds a few windows of it at a time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from db.pool import Database
from tests.fixtures.files import new_workspace_id

BOUND = 200 * 2**20
SIZE = 256 * 2**20
PROCESS = """
import asyncio, resource, sys
from dataclasses import replace
from pathlib import Path
from db.pool import Database
from db.ids import WorkspaceId
from engine.isolated.pool import IsolatedPool
from modules.data import format, parse
from modules.sdk.files import NewFile
from server.module_tools.host import example_context
from workspace.files.objects import open_objects
from workspace.files.store import StoredFiles

def held():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

async def content(size):
    line = b'{"sku": "a", "n": 1, "note": "' + b"x" * 4000 + b'"}\\n'
    for _ in range(size // len(line) // 64):
        yield line * 64

async def main(database, folder, workspace_id, size):
    db = await Database.open(database, max_size=2)
    async with open_objects(None, Path(folder)) as objects, IsolatedPool(1) as pool:
        before = held()
        files = StoredFiles(db, objects, WorkspaceId(int(workspace_id)))
        made = await files.write(content(int(size)), NewFile("long"), operation="1")
        context = replace(example_context(pool, 600), files=files)
        rows_from = {"format": "jsonl", "file_ids": [made.file_id]}
        inputs = {"format": "csv", "rows_from": rows_from, "file": {"name": "table.csv"}}
        table = (await format.MODULE.run(inputs, context)).output
        place = table["file"]["size"] - len("a,1,\\n") - 4000  # the last row
        last = {"format": "csv", "file_id": table["file_id"], "offset": place, "limit": 10}
        found = (await parse.MODULE.run(last, context)).output
        print(made.size - table["file"]["size"] > 0, len(found["rows"]), found["next"], held() - before)
    await db.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_quarter_of_a_gigabyte_of_rows_takes_little_memory(database_url: str, tmp_path: Path) -> None:
    db = await Database.open(database_url, max_size=1)
    workspace_id = await new_workspace_id(db)
    await db.close()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROCESS, database_url, str(tmp_path), str(workspace_id), str(SIZE)),
        stdout=subprocess.PIPE,
    )
    said, _ = await process.communicate()
    print(said.decode())
    smaller, rows, following, grown = said.decode().split()

    assert (smaller, rows, following) == ("True", "1", "None")
    assert int(grown) < BOUND, f"it took {int(grown) / 2**20:.0f} MiB"
