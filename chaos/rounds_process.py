"""What runs seldom, cut short at each of its borders: `python -m chaos.rounds_process URL TIMES WORK`, in processes of its own.

A stack does its rounds every ten minutes, and a person rotates keys once a year; so their borders are tried here, on a database of their own in
the server at URL: at each place of one work so many rounds are killed, and so many are cut off from the server; at last a whole round must
succeed. Writes `{PLACE: [killed, cut off]}` in JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from chaos.closed_values import SLUG, have_closed_values
from chaos.evidence import FIRED
from chaos.scale.admin import administering
from chaos.scale.backlog import past_weeks
from db import copilot_llm_calls, workspaces
from db.copilot_llm_calls import Start
from db.errors import DatabaseError
from db.failing import FailingDatabase
from db.failpoints import Failpoints, read_points
from db.ids import new_uuid7
from db.migrate import migrate
from db.pool import Database
from engine.maintenance import Maintenance
from modules.sdk.verdicts import ModuleError
from server.failpoints import places
from server.settings import load_settings
from workspace.data_rotation import DataRotation
from workspace.files.objects import open_objects
from workspace.files.sweeper import Sweeper
from workspace.files.upload import uploading
from workspace.keys import MasterKeys, read_master_keys
from workspace.rotation import new_key_text, rewrap_all, write_keys

_OLD_WEEKS = (6, 7)
"""Weeks ago, beyond what is kept. Two: of a week whose drop was cut short only the rest is dropped."""
Work: TypeAlias = Callable[[Path, Database], Awaitable[None]]


async def _leads(name: str) -> bool:
    del name
    return True


async def _maintenance(home: Path, db: Database) -> None:
    del home
    await Maintenance(db, _leads).round()


async def _files(home: Path, db: Database) -> None:
    """An upload that comes to nothing, and two rounds of the sweeper: what was removed goes in the second."""
    objects = open_objects(None, home / "files")
    try:
        async with db.engine() as connection:
            main = await workspaces.by_slug(connection, "main")
        assert main is not None
        async with uploading(db, objects, main.workspace_id, piece=10, touch_s=0) as upload:
            await upload.add(b"x" * 30)
        for _ in range(2):
            await Sweeper(db, objects, again=0).round()
    finally:
        await objects.close()


async def _models(home: Path, db: Database) -> None:
    """A step of a turn whose call was left open by the dead, and the sweep of such calls and of what is past its time."""
    del home
    async with db.engine() as connection:
        main = await workspaces.by_slug(connection, "main")
    assert main is not None
    turn_id = new_uuid7()
    for step in (0, 1):
        call = Start(
            main.workspace_id, new_uuid7(), "chat", "none", "m", {"asked": step}, {}, turn_id=turn_id, step=step
        )
        async with db.single() as connection:
            await copilot_llm_calls.start(connection, call, days=0, lease_s=0)
            await copilot_llm_calls.put_off(connection, [call.call_id], 0)
    async with db.engine(main.workspace_id) as connection:
        await copilot_llm_calls.enter(connection, main.workspace_id, turn_id, 0)
    async with db.engine() as connection:
        await copilot_llm_calls.sweep(connection)
    async with db.engine() as connection:
        await copilot_llm_calls.delete_old(connection, 0)


async def _rotation(home: Path, db: Database) -> None:
    """From the first of two keys to the second, and back."""
    path = _key_file(home)
    await have_closed_values(db, MasterKeys(lambda: read_master_keys(path)))
    for turn in (1, -1):
        both = read_master_keys(path)[::turn]
        await rewrap_all(db, MasterKeys(lambda both=both: both))


async def _data_keys(home: Path, db: Database) -> None:
    """What an earlier one left is ended; then other data keys for all, and those that are old enough go."""
    path = _key_file(home)
    provider = MasterKeys(lambda: read_master_keys(path))
    await have_closed_values(db, provider)
    rotation = DataRotation(db, provider, known_after_s=0.0)
    for _ in range(2):
        await rotation.rotate(SLUG)
    await rotation.drop(0.0, SLUG)


WORKS: Mapping[str, tuple[Work, tuple[str, ...]]] = {
    "maintenance": (
        _maintenance,
        (
            "maintenance.",
            "weeks.",
            "rates.expired",
            "flushes.delete_old_",
            "connection_tokens.expired",
            "audit.delete_old",
        ),
    ),
    "files": (_files, ("files.",)),
    "models": (
        _models,
        (
            "copilot_llm_calls.enter",
            "copilot_llm_calls.old_",
            "copilot_llm_calls.put_off",
            "copilot_llm_calls.sweep",
        ),
    ),
    "rotation": (_rotation, ("keys.rewrap",)),
    "data_keys": (_data_keys, ("sealed_values.", "keys.settle", "keys.retire", "keys.drop")),
}
"""By name; with what the names of their statements begin with."""
SELDOM = (
    "maintenance.delete_documents",
    "maintenance.expired_",
    "maintenance.old_",
    "maintenance.retire_",
    "maintenance.strip_",
    *(name for _, names in WORKS.values() for name in names if name not in {"maintenance.", "files."}),
    "files.abandon",
    "files.bereave",
    "files.expire",
    "files.forget",
    "files.give_up",
    "files.old_operations",
    "files.swept",
    "files.touch",
)
"""What the names of those begin with that no route and no run passes."""


async def _made(server: str, name: str, url: str) -> None:
    """The database, with its first workspace."""
    async with administering(server) as admin:
        await admin.execute(f"create database {name}")
    await migrate(url)
    db = await Database.open(url, max_size=2, application="rounds")
    try:
        async with db.engine() as connection:
            await workspaces.create(connection, "main", "Main")
    finally:
        await db.close()


async def _once(work: Work, home: Path, url: str, points: Failpoints) -> None:
    async with administering(url) as admin:
        if work is _maintenance:
            await past_weeks(admin, _OLD_WEEKS)
        if work is _data_keys:
            await admin.execute("update workspace_keys set retired_at = retired_at - interval '3 days'")
    db = await Database.open(url, max_size=2, application="rounds")
    try:
        await work(home, FailingDatabase(db, points) if points else db)
    finally:
        await db.close()


def _in_a_child(work: Callable[[], None]) -> tuple[int, str]:
    """How it ended, and which failpoint fired in it, `PLACE:ACTION`, or nothing."""
    with tempfile.TemporaryFile() as said:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.dup2(said.fileno(), 2)
                work()
                code = 0
            except (DatabaseError, ModuleError):
                pass
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        said.seek(0)
        text = said.read().decode("utf-8", "replace")
    fired = FIRED.search(text)
    if fired is None:
        sys.stderr.write(text)
    return os.waitstatus_to_exitcode(status), ":".join(fired.groups()) if fired else ""


def _key_file(home: Path) -> Path:
    return load_settings({"MILLSTREAM_HOME": str(home)}).master_key_path


def main() -> int:
    url, times, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with tempfile.TemporaryDirectory(prefix="millstream-rounds-") as home:
        return _all(Path(home), url, times, name)


def _all(home: Path, server: str, times: int, name: str) -> int:
    work, names = WORKS[name]
    write_keys(_key_file(home), [new_key_text(), new_key_text()])
    database = f"rounds_{name}"
    url = urlsplit(server)._replace(path=f"/{database}").geturl()
    made, _ = _in_a_child(lambda: asyncio.run(_made(server, database, url)))
    if made:
        return made

    def tried(points: str) -> tuple[int, str]:
        return _in_a_child(lambda: asyncio.run(_once(work, home, url, read_points(points, places()))))

    whole = tried("")[0]
    counted: dict[str, list[int]] = {}
    for place in places():
        if not place.partition(":")[2].startswith(names):
            continue
        counts = [0, 0]
        for kind, action in enumerate(("kill", "error")):
            for number in range(times):
                fired = tried(f"{place}:{action}")[1] == f"{place}:{action}"
                counts[kind] += fired
                if number == 0 and not fired:
                    break  # it isn't passed
        counted[place] = counts
    whole = whole or tried("")[0]
    print(json.dumps(counted))
    return whole


if __name__ == "__main__":
    sys.exit(main())
