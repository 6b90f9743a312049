"""Another data key: all is readable while it comes, nothing at rest is under the old one then, and that goes when nothing needs it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from db import keys
from db.pool import Database
from db.record import record
from tests.db.data_of_tests import Tenant, accept, new_run, succeeded, workflow
from tests.workspace.sealed_rows import CLOSED_COLUMNS, Rows, furnished, numbers, until
from workspace.data_rotation import LEAST_RETIRED_S, DataRotation
from workspace.key_store import DatabaseKeys
from workspace.keys import LocalKey, MasterKeys, Unreadable, Vault, master_key_from_file, read_master_keys

MASTER = LocalKey(b"a master key that only tests use")
NO_CIPHERTEXT = {
    ("api_keys", "hash"): "a hash",
    ("events_to_be_processed", "raw"): "readable data, or data of runs that goes with its week",
    ("idempotency_keys", "body_hash"): "a hash; the answer is json, and a sealed one expires",
    ("interim_app_credentials", "state_hash"): "a hash",
    ("master_root", "wrapped"): "wrapped by the master key",
    ("workflow_payloads", "bytes"): "readable data, or what only a history refers to",
    ("workspace_keys", "wrapped"): "the data keys themselves",
}


def rotation(db: Database, known_after_s: float = 0.0) -> DataRotation:
    return DataRotation(db, MASTER, known_after_s=known_after_s)


def another_process(rows: Rows) -> Rows:
    """One that starts now."""
    return replace(rows, vault=Vault(MASTER, DatabaseKeys(rows.db)))


async def changed(database_url: str, statement: str) -> None:
    admin = await asyncpg.connect(database_url)
    await admin.execute(statement)
    await admin.close()


async def test_no_column_that_may_hold_a_ciphertext_is_forgotten(database_url: str) -> None:
    admin = await asyncpg.connect(database_url)
    found = await admin.fetch(
        "select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid "
        "where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition "
        "and a.atttypid = 'bytea'::regtype and a.attnum > 0 and not a.attisdropped"
    )
    await admin.close()
    assert {(row[0], row[1]) for row in found} == CLOSED_COLUMNS | set(NO_CIPHERTEXT)


async def test_all_at_rest_is_under_the_new_key_and_says_what_it_said(db: Database, database_url: str) -> None:
    rows, other = await furnished(db, MASTER), await furnished(db, MASTER, "other")
    assert set(map(frozenset, (await numbers(database_url, rows.workspace_id)).values())) == {frozenset({1})}
    (told,) = await rotation(db).rotate("acme")
    assert (told.workspace, told.number, told.unreadable) == ("acme", 2, [])
    assert (
        told.values == 5 + 5 + 1 + 1
    )  # two of the secret, two of the connection, the client; items; the consent; what a model was asked
    after = await numbers(database_url, rows.workspace_id)
    assert set(after) == CLOSED_COLUMNS
    assert set(map(frozenset, after.values())) == {frozenset({2})}
    assert set(map(frozenset, (await numbers(database_url, other.workspace_id)).values())) == {frozenset({1})}
    for process in (rows, another_process(rows)):
        await process.check()
        assert await process.items() == [{"n": n} for n in range(5)]
    # All of them, and once more.
    assert [(one.workspace, one.number) for one in await rotation(db).rotate()] == [("acme", 3), ("other", 2)]
    await rows.check()
    await other.check()


async def test_a_ciphertext_that_is_moved_doesnt_open_and_is_told_by_its_place(db: Database, database_url: str) -> None:
    rows = await furnished(db, MASTER)
    await rows.write_secret("SECOND", "another value")
    await changed(
        database_url,
        "update workflows_variables v set closed = w.closed from workflows_variables w where v.name = 'SECOND' and w.name = 'TOKEN'",
    )
    (told,) = await rotation(db).rotate()
    assert len(told.unreadable) == 1
    assert told.unreadable[0].startswith("workflows_variables.closed of ")
    del rows.last["SECOND"]
    await rows.check()
    # A new key doesn't make it readable, and its old one stays.
    await changed(database_url, "update workspace_keys set retired_at = now() - interval '1 year' where number = 1")
    (kept,) = await rotation(db).drop(0)
    assert kept.why == "1 values that don't open are under it"
    # What is moved under the new key doesn't open either.
    await changed(
        database_url,
        "update workflows_variables v set closed = w.closed from workflows_variables w where v.name = 'SECOND' and w.name = 'TOKEN'",
    )
    rows.last["SECOND"] = "another value"
    with pytest.raises(Unreadable):
        await another_process(rows).check()


async def test_all_is_readable_and_writable_while_it_turns(db: Database, database_url: str) -> None:
    """Three processes at work, each finding out about the key by itself, through four rotations."""
    rows = await furnished(db, MASTER, fresh_s=0.05)
    processes = [replace(rows, vault=Vault(MASTER, DatabaseKeys(db), fresh_s=0.05)) for _ in range(3)]
    done, added = asyncio.Event(), 0

    async def change(times: int) -> None:
        process = processes[times % 3]
        await process.write_secret("TOKEN", f"value {times}")
        await process.write_credentials(f"value {times}")
        await processes[(times + 1) % 3].check()

    async def add(times: int) -> None:
        nonlocal added
        await processes[times % 3].add_items({"n": 5 + 2 * times}, {"n": 6 + 2 * times})
        added += 2
        # What a batch does to its items at its end.
        if times % 5 == 0:
            async with db.engine(rows.workspace_id) as conn:
                await conn.script("update app_queue set attempts = attempts + 1")

    async def read(times: int) -> None:
        found = await processes[times % 3].items()
        # Those of one millisecond have no order.
        assert sorted(item["n"] for item in found) == list(range(len(found)))

    at_work = [asyncio.create_task(until(done, work)) for work in (change, add, read)]
    for number in range(2, 6):
        (told,) = await rotation(db, known_after_s=0.3).rotate()
        assert (told.number, told.unreadable) == (number, [])
        assert all(under == {number} for under in (await numbers(database_url, rows.workspace_id)).values())
    done.set()
    times = await asyncio.gather(*at_work)
    assert min(times) > 3, times
    await rows.check()
    assert sorted(item["n"] for item in await rows.items()) == list(range(5 + added))


async def test_what_somebody_holds_or_changes_meanwhile_is_theirs(db: Database, database_url: str) -> None:
    rows = await furnished(db, MASTER)
    holder = await asyncpg.connect(database_url)
    held = holder.transaction()
    await held.start()
    await holder.execute(
        "update app_queue set attempts = 7 where item_id = (select min(item_id::text)::uuid from app_queue)"
    )
    turning = asyncio.create_task(rotation(db).rotate())
    while {number for under in (await numbers(database_url, rows.workspace_id)).values() for number in under} != {
        1,
        2,
    } or (await numbers(database_url, rows.workspace_id))["connections", "secret"] != {2}:
        await asyncio.sleep(0.02)
    assert not turning.done()
    await holder.execute("commit")
    await holder.close()
    (told,) = await turning
    assert told.unreadable == []
    assert (await numbers(database_url, rows.workspace_id))["app_queue", "data"] == {2}
    await rows.check()


async def test_many_and_large_items_are_taken_piece_by_piece(db: Database, database_url: str) -> None:
    rows = await furnished(db, MASTER)
    for _ in range(5):
        await rows.add_items(*("x" * 900_000 for _ in range(4)))
    await rows.add_items(*range(2_500))
    (told,) = await rotation(db).rotate()
    assert told.values == 7 + 5 + 20 + 2_500
    assert (await numbers(database_url, rows.workspace_id))["app_queue", "data"] == {2}
    assert [item for item in await rows.items() if isinstance(item, int)] == list(range(2_500))


async def test_a_key_goes_when_no_run_and_no_history_can_need_it(db: Database, database_url: str) -> None:
    rows = await furnished(db, MASTER)
    owner = Tenant(rows.workspace_id, await workflow(db, rows.workspace_id, "orders"))
    run = new_run(owner)
    await accept(db, run)
    await rotation(db).rotate()
    (kept,) = await rotation(db).drop(0)
    assert kept.why is not None
    assert "a run is open" in kept.why
    async with db.single() as conn:
        await record(conn, owner.workspace_id, run.run_id, [], end=succeeded())
    (kept,) = await rotation(db).drop(5 * 86_400)
    assert kept.why == "histories may hold what it closed for another 120.0 h"
    await changed(
        database_url, f"update workspace_keys set retired_at = now() - interval '{LEAST_RETIRED_S} s' where number = 1"
    )
    (kept,) = await rotation(db).drop(5 * 86_400)
    assert kept.why is not None
    (gone,) = await rotation(db).drop(0)
    assert gone.why is None
    async with db.engine() as conn:
        assert [key.number for key in await keys.wrapped(conn, rows.workspace_id)] == [2]
    await another_process(rows).check()
    assert (await rotation(db).rotate())[0].number == 3


async def test_a_key_stays_while_a_run_is_kept_whose_data_it_closed(db: Database, database_url: str) -> None:
    rows = await furnished(db, MASTER)
    owner = Tenant(rows.workspace_id, await workflow(db, rows.workspace_id, "orders"))
    run = new_run(owner)
    await accept(db, run)
    async with db.single() as conn:
        await record(conn, owner.workspace_id, run.run_id, [], end=succeeded())
    await rotation(db, known_after_s=0.1).rotate()
    await changed(
        database_url,
        "update workspaces set logs_encrypted_at = now(); "
        "update workspace_keys set retired_at = now() - interval '1 year' where number = 1",
    )
    (kept,) = await rotation(db).drop(0)
    assert "runs are kept" in str(kept.why)
    await changed(database_url, "delete from workflow_runs")
    (gone,) = await rotation(db).drop(0)
    assert gone.why is None


async def test_a_late_write_under_the_old_key_is_found_before_it_goes(db: Database, database_url: str) -> None:
    rows = await furnished(db, MASTER)
    await rotation(db).rotate()
    await rows.write_secret("LATE", "written by a process that hadn't asked")
    assert 1 in (await numbers(database_url, rows.workspace_id))["workflows_variables", "closed"]
    await changed(database_url, "update workspace_keys set retired_at = now() - interval '1 year' where number = 1")
    (gone,) = await rotation(db).drop(0)
    assert gone.why is None
    await another_process(rows).check()


DEATHS = (
    "before:keys.add",
    "mid:keys.add@2",
    "after:keys.add",
    "before:sealed_values.put_variable",
    "mid:sealed_values.put_former_variable",
    "after:sealed_values.put_connection",
    "before:sealed_values.put_tokens",
    "mid:sealed_values.put_provider",
    "after:sealed_values.put_consent",
    "mid:sealed_values.put_items",
    "after:sealed_values.put_items",
    "mid:keys.settle",
    "after:keys.settle@2",
    "before:keys.retire",
)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_killed_at_each_border_the_same_command_goes_on(db: Database, database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    master_key_from_file(path, create=True)
    provider = MasterKeys(lambda: read_master_keys(path))
    all_rows = [await furnished(db, provider, f"w{number}") for number in range(3)]

    async def run(failpoint: str | None = None) -> int:
        """How the command ends; negative: the signal that killed it."""
        told = {"MILLSTREAM_HOME": str(tmp_path), "MILLSTREAM_DATABASE_URL": database_url}
        if failpoint is not None:
            told["MILLSTREAM_FAILPOINT"] = failpoint
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server.cli.main", "keys", "rotate-data", env={**os.environ, **told}
        )
        return await process.wait()

    for death in DEATHS:
        assert await run(death) == -signal.SIGKILL, death
        for rows in all_rows:
            await rows.check()
            await replace(rows, vault=Vault(provider, DatabaseKeys(db))).check()
            await rows.write_secret("TOKEN", f"after {death}")
    assert await run() == 0
    for rows in all_rows:
        under = await numbers(database_url, rows.workspace_id)
        assert len({number for some in under.values() for number in some}) == 1
        await rows.check()
        assert await rows.items() == [{"n": n} for n in range(5)]
