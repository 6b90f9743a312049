"""Migrations: from nothing, twice, by two processes at once, cut short, changed, and newer than the program."""

import asyncio
import sys

import asyncpg
import pytest

from db.errors import NewerDatabase, WrongDatabase
from db.migrate import Migration, migrate, migrations
from tests.fixtures.database import url_of

_BY_A_PROCESS = "import asyncio, sys; from db.migrate import migrate; print(asyncio.run(migrate(sys.argv[1])))"


async def _process(code: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


async def test_a_second_time_changes_nothing(empty_database_url: str) -> None:
    names = await migrate(empty_database_url)
    assert names == tuple(step.name for step in migrations())
    assert await migrate(empty_database_url) == ()


async def test_two_processes_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    both = [await _process(_BY_A_PROCESS, empty_database_url) for _ in range(2)]
    outputs = [await process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    said = sorted(len(eval(out)) for out, _ in outputs)
    assert said == [0, len(migrations())]


async def test_several_databases_of_one_server_at_once(postgres_url: str) -> None:
    admin = await asyncpg.connect(postgres_url)
    names = [f"together_{number}" for number in range(3)]
    for name in names:
        await admin.execute(f"create database {name}")
    try:
        done = await asyncio.gather(*(migrate(url_of(postgres_url, name)) for name in names))
        assert {len(names) for names in done} == {len(migrations())}
    finally:
        for name in names:
            await admin.execute(f"drop database {name} with (force)")
        await admin.close()


async def test_a_kill_in_the_middle_leaves_whole_migrations(empty_database_url: str) -> None:
    steps = migrations()
    slow = Migration(len(steps) + 1, "9998_slow", "create table half (); select pg_sleep(600)")
    code = (
        "import asyncio, sys; from db.migrate import Migration, migrate, migrations; "
        f"slow = Migration({slow.version}, {slow.name!r}, {slow.sql!r}); "
        "asyncio.run(migrate(sys.argv[1], [*migrations(), slow]))"
    )
    process = await _process(code, empty_database_url)
    watcher = await asyncpg.connect(empty_database_url)
    try:
        while not await watcher.fetchval(
            "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()"
        ):
            assert process.returncode is None, await process.communicate()
            await asyncio.sleep(0.02)
        process.kill()
        await process.wait()
        # The server notices the end of the connection when the statement ends; somebody ends it here.
        await watcher.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        assert await watcher.fetchval("select to_regclass('half')") is None
    finally:
        await watcher.close()
    assert await migrate(empty_database_url) == ()


async def test_a_changed_migration_is_refused(database_url: str) -> None:
    first, *rest = migrations()
    other = Migration(first.version, first.name, first.sql + "\n-- changed")
    with pytest.raises(WrongDatabase, match="another form"):
        await migrate(database_url, [other, *rest])


async def test_a_newer_database_is_left_alone(database_url: str) -> None:
    with pytest.raises(NewerDatabase, match="newer Millstream"):
        await migrate(database_url, migrations()[:-1])


async def test_a_failing_migration_says_which_and_changes_nothing(database_url: str) -> None:
    steps = migrations()
    bad = Migration(len(steps) + 1, "9997_bad", "create table half (); select 1/0")
    with pytest.raises(WrongDatabase, match=r"9997_bad.*division by zero"):
        await migrate(database_url, [*steps, bad])
    assert await migrate(database_url) == ()


async def test_an_ordinary_owner_of_the_database_may_migrate(postgres_url: str) -> None:
    """On a server that is not ours: a login user without superuser rights, to whom a superuser gave the four roles."""
    admin = await asyncpg.connect(postgres_url)
    await admin.execute("create role plain_owner login password 'plain'")
    await admin.execute("create database plain owner plain_owner")
    try:
        for role in ("ms_owner", "ms_app", "ms_engine", "ms_search"):
            await admin.execute(
                f"do $$ begin create role {role} nologin; exception when duplicate_object then null; end $$"
            )
            await admin.execute(f"grant {role} to plain_owner")
        tail = url_of(postgres_url, "plain").partition("@")[2]
        assert len(await migrate(f"postgresql://plain_owner:plain@{tail}")) == len(migrations())
    finally:
        await admin.execute("drop database plain with (force)")
        await admin.execute("drop role plain_owner")
        await admin.close()
