"""The ways into the database: whom a connection acts for, and what happens when the server is gone."""

import asyncio
import sys

import asyncpg
import pytest

from db.connection import Connection
from db.errors import DatabaseUnavailable, NewerDatabase, WrongDatabase
from db.ids import WorkspaceId
from db.pool import Database
from db.workspaces import create, get


async def _whoami(connection: Connection) -> tuple[str, str]:
    row = await connection._driver.fetchrow("select current_user, coalesce(current_setting('app.ws', true), '')")
    assert row is not None
    return str(row[0]), str(row[1])


async def test_each_way_acts_as_its_role_and_leaves_nothing_behind(database_url: str) -> None:
    db = await Database.open(database_url, max_size=1)
    async with db.tenant(WorkspaceId(7)) as connection:
        assert await _whoami(connection) == ("ms_app", "7")
    async with db.single() as connection:
        assert await _whoami(connection) == ("ms_engine", "")
    async with db.engine(WorkspaceId(3)) as connection:
        assert await _whoami(connection) == ("ms_engine", "3")
    async with db.engine() as connection:
        assert await _whoami(connection) == ("ms_engine", "")
    await db.close()


async def test_what_fails_is_undone_whole(db: Database) -> None:
    async def fail() -> None:
        async with db.engine() as connection:
            assert await create(connection, "gone", "Gone")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        await fail()
    async with db.engine() as connection:
        assert await get(connection, WorkspaceId(1)) is None


async def test_a_caught_error_does_not_look_like_a_commit(db: Database) -> None:
    async def careless() -> None:
        async with db.engine() as connection:
            await create(connection, "half", "Half")
            with pytest.raises(asyncpg.PostgresError):
                await connection.script("select 1/0")

    with pytest.raises(RuntimeError, match="nothing was written"):
        await careless()


async def test_a_savepoint_undoes_its_own_part_only(db: Database) -> None:
    async def part(connection: Connection) -> None:
        async with connection.savepoint():
            await create(connection, "undone", "Undone")
            await connection.script("select 1/0")

    async with db.engine() as connection:
        kept = await create(connection, "kept", "Kept")
        with pytest.raises(asyncpg.PostgresError):
            await part(connection)
        again = await create(connection, "undone", "Again")
    assert kept is not None
    assert again is not None


async def test_a_cancelled_task_leaves_a_usable_pool(database_url: str) -> None:
    db = await Database.open(database_url, max_size=1)

    async def sleeper() -> None:
        async with db.engine() as connection:
            await create(connection, "cancelled", "C")
            began.set()
            await connection.script("select pg_sleep(60)")

    began = asyncio.Event()
    task = asyncio.create_task(sleeper())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with db.engine() as connection:
        assert await create(connection, "cancelled", "free again") is not None
    await db.close()


HOLDER = """
import asyncio, sys
from db.pool import Database
from db.workspaces import create

async def main():
    db = await Database.open(sys.argv[1], max_size=1)
    async with db.engine() as connection:
        await create(connection, "killed", "K")
        await connection.script("select pg_sleep(60)")

asyncio.run(main())
"""


async def test_what_a_killed_process_held_is_let_go_though_its_statement_runs_on(
    db: Database, database_url: str
) -> None:
    holder = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLDER, database_url)
    admin = await asyncpg.connect(database_url)
    try:
        while not await admin.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() and query = 'select pg_sleep(60)'"
        ):
            await asyncio.sleep(0.05)
    finally:
        await admin.close()
        holder.kill()
        await holder.wait()
    async with db.engine() as connection:
        # Within the limit of one statement, which is far shorter than the sleep.
        assert await create(connection, "killed", "free again") is not None


async def test_a_lost_connection_is_unavailable_and_the_next_one_works(db: Database, postgres_url: str) -> None:
    async def lose() -> None:
        async with db.engine() as connection:
            row = await connection._driver.fetchrow("select pg_backend_pid()")
            assert row is not None
            admin = await asyncpg.connect(postgres_url)
            await admin.execute("select pg_terminate_backend($1, 5000)", row[0])
            await admin.close()
            await create(connection, "lost", "Lost")

    with pytest.raises(DatabaseUnavailable):
        await lose()
    async with db.engine() as connection:
        assert await create(connection, "lost", "Found") is not None


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(DatabaseUnavailable):
        await Database.open("postgresql://nobody@127.0.0.1:1/none")


async def test_a_wrong_password_is_said_without_the_password(database_url: str) -> None:
    head, _, tail = database_url.partition("@")
    wrong = f"{head.rsplit(':', 1)[0]}:not-it@{tail}"
    with pytest.raises(WrongDatabase) as caught:
        await Database.open(wrong)
    assert "not-it" not in str(caught.value)


async def test_an_unmigrated_database_is_refused(empty_database_url: str) -> None:
    with pytest.raises(WrongDatabase, match="millstream migrate"):
        await Database.open(empty_database_url)


async def test_a_newer_database_is_refused_in_one_sentence(database_url: str) -> None:
    admin = await asyncpg.connect(database_url)
    await admin.execute("insert into schema_migrations (version, name, checksum) values (9999, '9999_later', 'x')")
    await admin.close()
    with pytest.raises(NewerDatabase, match="9999_later"):
        await Database.open(database_url)
