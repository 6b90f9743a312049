"""Another master key, with a process that dies at each border: every value stays readable, and the former key is then needed by nothing."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from db import workspaces
from db.connection import Connection
from db.ids import WorkspaceId
from db.pool import Database
from workspace.key_store import DatabaseKeys
from workspace.keys import MasterKeys, Place, Vault, master_key_from_file, read_master_keys

DEATHS = (
    "before:keys.keep_root",
    "mid:keys.keep_root",
    "after:keys.keep_root",
    "before:keys.rewrap",
    "mid:keys.rewrap",
    "after:keys.rewrap",
    "mid:keys.rewrap@2",
    "after:keys.rewrap@2",
    "before:keys.rewrap@3",
    "after:keys.rewrap@3",
)


async def rotate(database_url: str, home: Path, failpoint: str | None = None) -> int:
    told = {"MILLSTREAM_HOME": str(home), "MILLSTREAM_DATABASE_URL": database_url}
    if failpoint is not None:
        told["MILLSTREAM_FAILPOINT"] = failpoint
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.cli.main", "keys", "rotate-master", env={**os.environ, **told}
    )
    return await process.wait()


async def made(connection: Connection, slug: str) -> WorkspaceId:
    workspace = await workspaces.create(connection, slug, slug)
    assert workspace is not None
    return workspace.workspace_id


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_killed_at_ten_points_every_value_is_readable(db: Database, database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    former = master_key_from_file(path, create=True)
    running = Vault(MasterKeys(lambda: read_master_keys(path)), DatabaseKeys(db))
    await running.check()
    derived = running.derive("resume", b"run")
    closed: dict[Place, bytes] = {}
    async with db.engine() as connection:
        ids = [await made(connection, f"w{number}") for number in range(20)]
    for workspace_id in ids:
        place = Place("workflows_variables", "closed", workspace_id, "1")
        closed[place] = await running.encrypt(place, f"value of {workspace_id}".encode())
    async with db.engine() as connection:
        newest = await made(connection, "late")
    for death in DEATHS:
        assert await rotate(database_url, tmp_path, death) != 0, death
        await readable(db, path, closed, derived)
    late = Place("workflows_variables", "closed", newest, "1")
    closed[late] = await running.encrypt(late, f"value of {newest}".encode())  # a process that was there all the time
    assert await rotate(database_url, tmp_path) == 0
    (new,) = read_master_keys(path)
    assert new.fingerprint != former.fingerprint
    await readable(db, path, closed, derived)
    assert running.derive("resume", b"run") == derived
    assert await rotate(database_url, tmp_path) == 0  # and once more, from a root that is kept
    await readable(db, path, closed, derived)


async def readable(db: Database, path: Path, closed: dict[Place, bytes], derived: bytes) -> None:
    """By a process that starts now."""
    vault = Vault(MasterKeys(lambda: read_master_keys(path)), DatabaseKeys(db))
    await vault.check()
    assert vault.derive("resume", b"run") == derived
    for place, data in closed.items():
        assert await vault.decrypt(place, data) == f"value of {place.workspace_id}".encode()
