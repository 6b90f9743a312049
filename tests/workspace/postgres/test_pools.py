"""Statements through the pool, on a real server."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from modules.sdk.context import SqlMode, SqlResult
from modules.sdk.json import Json
from modules.sdk.verdicts import AuthExpired, ModuleError
from tests.workspace.postgres.server import server_of
from workspace.egress.guard import Guard
from workspace.egress.policy import make_policy
from workspace.postgres.pools import PER_POOL, PooledSql, PoolKey, Pools

KEY = PoolKey((1, "shop", "1"))


@pytest.fixture
async def pools() -> AsyncIterator[Pools]:
    guard = Guard(make_policy(["127.0.0.1"]))
    made = Pools(guard)
    yield made
    await made.close()
    guard.close()


@pytest.fixture
def sql(pools: Pools, empty_database_url: str) -> PooledSql:
    return pools.of(KEY, server_of(empty_database_url))


async def ask(
    sql: PooledSql,
    text: str,
    *params: Json,
    mode: SqlMode = "all",
    read_only: bool | None = None,
    timeout: float = 10,
    max_rows: int = 100,
) -> SqlResult:
    writes = mode == "execute"
    return await sql.query(
        text,
        params,
        mode=mode,
        read_only=not writes if read_only is None else read_only,
        timeout=timeout,
        max_rows=max_rows,
    )


async def failure(sql: PooledSql, text: str, *params: Json, **options: object) -> ModuleError:
    with pytest.raises(ModuleError) as caught:
        await ask(sql, text, *params, **options)  # type: ignore[arg-type]
    return caught.value


async def backends(sql: PooledSql) -> list[int]:
    """The pid of each connection of as many queries at once as a pool has connections."""
    found = await asyncio.gather(*(ask(sql, "select pg_backend_pid() as pid, pg_sleep(0.05)") for _ in range(PER_POOL)))
    return sorted({int(str(each.rows[0]["pid"])) for each in found})


async def test_rows_are_written_and_read(sql: PooledSql) -> None:
    await ask(sql, "create table orders (id int primary key, note text)", mode="execute")
    made = await ask(sql, "insert into orders values ($1, $2), ($3, 'b') returning id", 1, "a", 2, mode="execute")
    assert (made.rows, made.count) == ([{"id": 1}, {"id": 2}], 2)
    assert await ask(sql, "update orders set note = $1", "x'; drop table orders; --", mode="execute") == SqlResult(
        [], 2
    )
    assert (await ask(sql, "select * from orders order by id")).rows == [
        {"id": 1, "note": "x'; drop table orders; --"},
        {"id": 2, "note": "x'; drop table orders; --"},
    ]
    assert (await ask(sql, "select id from orders order by id desc", mode="one")).rows == [{"id": 2}]
    assert await ask(sql, "select id from orders where false", mode="one") == SqlResult([], 0)


@pytest.mark.parametrize(
    "text",
    [
        "create table more (x int)",
        "insert into here values (1)",
        "with made as (insert into here values (1) returning x) select * from made",
        "select set_config('transaction_read_only', 'off', true)",
        "set transaction read write",
        "select nextval('number')",
        "copy here from program 'true'",
    ],
)
async def test_what_only_reads_can_only_read(sql: PooledSql, text: str) -> None:
    await ask(sql, "create table here (x int)", mode="execute")
    await ask(sql, "create sequence number", mode="execute")
    assert (await failure(sql, text)).code.startswith("postgres.")
    assert (await ask(sql, "select count(*) as n from here")).rows == [{"n": 0}]


async def test_one_text_is_one_statement(sql: PooledSql) -> None:
    for text in ("select 1; select 2", "commit; create table x (y int)"):
        error = await failure(sql, text, mode="execute")
        assert error.code in ("postgres.42", "input.invalid"), text
    for text in ("commit", "rollback", "begin", "end"):  # of no use, and of no harm
        await ask(sql, text, mode="execute")
    assert (await ask(sql, "select current_setting('transaction_read_only') as ro")).rows == [{"ro": "on"}]


async def test_nothing_of_one_step_is_seen_by_the_next(sql: PooledSql) -> None:
    await ask(sql, "create role guest", mode="execute")
    for text in (
        "set search_path = pg_catalog",
        "create temp table mine (x int)",
        "select pg_advisory_lock(7)",
        "set session characteristics as transaction read only",
        "set role guest",
    ):
        await ask(sql, text, mode="execute")
    [row] = (
        await ask(
            sql,
            "select current_setting('search_path') as path, to_regclass('mine')::text as mine, current_user = session_user as me,"
            " (select count(*) from pg_locks where locktype = 'advisory' and objid = 7) as locks",
        )
    ).rows
    assert row == {"path": '"$user", public', "mine": None, "me": True, "locks": 0}
    await ask(sql, "drop role guest", mode="execute")


async def test_a_statement_over_its_time_is_ended_by_the_server(sql: PooledSql) -> None:
    error = await failure(sql, "select pg_sleep(60)", timeout=0.1)
    assert error.code == "postgres.timeout"
    assert (
        await ask(
            sql,
            "select count(*) as n from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()",
        )
    ).rows == [{"n": 0}]


@pytest.mark.timeout(60)
async def test_a_step_that_is_called_off_leaves_no_statement_running(sql: PooledSql) -> None:
    # Its own limit is far beyond the test's: what ends it is that it was called off.
    task = asyncio.create_task(ask(sql, "select pg_sleep(600) as called_off", timeout=600))
    running = "select count(*) as n from pg_stat_activity where state = 'active' and query like '%called_off' and pid <> pg_backend_pid()"
    while (await ask(sql, running)).rows == [{"n": 0}]:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while (await ask(sql, running)).rows != [{"n": 0}]:
        await asyncio.sleep(0.01)


async def test_too_many_rows_are_refused_and_change_nothing(sql: PooledSql) -> None:
    assert len((await ask(sql, "select generate_series(1, 100) as n")).rows) == 100
    assert (await failure(sql, "select generate_series(1, 101) as n")).code == "postgres.rows"
    await ask(sql, "create table t (n int)", mode="execute")
    error = await failure(sql, "insert into t select generate_series(1, 101) returning n", mode="execute")
    assert error.code == "postgres.rows"
    assert (await ask(sql, "select count(*) as n from t")).rows == [{"n": 0}]
    assert (await ask(sql, "insert into t select generate_series(1, 1000)", mode="execute")).count == 1000


async def test_rows_beyond_what_a_step_may_give_are_refused(sql: PooledSql) -> None:
    error = await failure(sql, "select repeat('x', 1000000) as x from generate_series(1, 50)")
    assert error.code == "payload.too_large"


@pytest.mark.parametrize(
    ("text", "code", "retryable"),
    [
        ("select * from nowhere", "postgres.42", False),
        ("select 1 +", "postgres.42", False),
        ("select 1 / 0", "postgres.22", False),
        ("select 'abc'::int", "postgres.22", False),
        ("insert into t values (1)", "postgres.23", False),
        ("do $$ begin raise exception using errcode = '40001'; end $$", "postgres.40", True),
        ("do $$ begin raise exception using errcode = '53300'; end $$", "postgres.53", True),
        ("do $$ begin raise exception 'mine'; end $$", "postgres.p0", False),
        ("select 1 as a, 2 as a", "input.invalid", False),
        ("select $1::int as a", "input.invalid", False),
    ],
)
async def test_what_a_database_refuses_has_the_class_of_its_state(
    sql: PooledSql, text: str, code: str, retryable: bool
) -> None:
    await ask(sql, "create table t (n int check (n > 1))", mode="execute")
    error = await failure(sql, text, mode="execute")
    assert error.code.startswith(code)
    assert (error.retryable is True) == retryable
    assert (await ask(sql, "select 1 as n")).rows == [{"n": 1}]


async def test_connections_are_kept_bounded_and_made_anew(sql: PooledSql, empty_database_url: str) -> None:
    first = await backends(sql)
    await asyncio.gather(*(ask(sql, "select pg_sleep(0.01)") for _ in range(4 * PER_POOL)))
    assert await backends(sql) == first
    assert len(first) == PER_POOL
    await ask(
        sql,
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()",
    )
    assert (await ask(sql, "select 1 as n")).rows == [{"n": 1}]


async def test_a_new_version_of_a_credential_has_connections_of_its_own(pools: Pools, empty_database_url: str) -> None:
    server = server_of(empty_database_url)
    old = pools.of(KEY, server)
    before = await ask(old, "select pg_backend_pid() as pid")
    wrong = pools.of(PoolKey((1, "shop", "2")), dataclasses.replace(server, password="wrong-password"))
    with pytest.raises(AuthExpired) as caught:
        await ask(wrong, "select 1")
    assert "wrong-password" not in caught.value.message
    after = await ask(pools.of(PoolKey((1, "shop", "3")), server), "select pg_backend_pid() as pid")
    assert before.rows != after.rows


async def test_a_lost_connection_is_told_and_no_other_step_meets_it(sql: PooledSql, empty_database_url: str) -> None:
    error = await failure(sql, "select pg_terminate_backend(pg_backend_pid())")
    assert error.code in ("postgres.57", "postgres.08")
    assert error.retryable is True
    error = await failure(sql, "select pg_terminate_backend(pg_backend_pid())", mode="execute")
    assert error.retryable is not True
    assert (await ask(sql, "select 1 as n")).rows == [{"n": 1}]


async def test_what_the_guard_refuses_sees_no_connection(empty_database_url: str) -> None:
    guard = Guard(make_policy())
    pools = Pools(guard)
    error = await failure(pools.of(KEY, server_of(empty_database_url)), "select 1")
    assert error.code == "postgres.blocked"
    await pools.close()
    guard.close()


async def test_a_server_that_is_not_there_or_is_none(pools: Pools, empty_database_url: str) -> None:
    async def talks_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talks_http, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        server = dataclasses.replace(server_of(empty_database_url), port=port, sslmode="disable")
        assert (await failure(pools.of(KEY, server), "select 1")).code == "postgres.connect"
        tls = dataclasses.replace(server, sslmode="require")
        assert (await failure(pools.of(PoolKey((1, "tls", "1")), tls), "select 1")).code == "postgres.connect"
    assert (await failure(pools.of(PoolKey((1, "gone", "1")), server), "select 1")).code == "postgres.connect"


async def test_types_of_the_users_own(sql: PooledSql) -> None:
    await ask(sql, "create type mood as enum ('ok', 'bad')", mode="execute")
    await ask(sql, "create domain positive as int check (value > 0)", mode="execute")
    await ask(sql, "create type pair as (a int, b text)", mode="execute")
    await ask(sql, "create table t (m mood, ms mood[], p positive, q pair)", mode="execute")
    await ask(sql, "insert into t values ($1, $2, $3, row(1, 'x')::pair)", "ok", ["bad", "ok"], 5, mode="execute")
    assert (await ask(sql, "select * from t")).rows == [
        {"m": "ok", "ms": ["bad", "ok"], "p": 5, "q": {"a": 1, "b": "x"}}
    ]
    assert (await failure(sql, "insert into t (m) values ($1)", "great", mode="execute")).code == "postgres.22"


async def test_the_steps_own_role_is_what_the_connection_says(sql: PooledSql, empty_database_url: str) -> None:
    name = urlsplit(empty_database_url).path.removeprefix("/")
    admin = await asyncpg.connect(empty_database_url)
    [row] = (await ask(sql, "select current_database() as db, current_setting('application_name') as app")).rows
    assert row == {"db": name, "app": "millstream"}
    await admin.close()
