"""`postgres.query` on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from engine.isolated.pool import IsolatedPool
from modules.postgres.query import MODULE
from modules.sdk.declaration import Effect, EffectByInput
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import ModuleError
from server.module_tools.host import example_context
from tests.workspace.postgres.server import server_of
from workspace.egress.guard import Guard
from workspace.egress.policy import make_policy
from workspace.postgres.pools import PoolKey, Pools


class Database:
    """The module with a connection to a fresh database."""

    def __init__(self, pool: IsolatedPool, pools: Pools, url: str) -> None:
        self._pool = pool
        self._sql = pools.of(PoolKey((1, "shop", "1")), server_of(url))

    async def ask(self, **inputs: Json) -> JsonObject:
        context = replace(example_context(self._pool, 20), sql=self._sql)
        assert MODULE.run is not None
        output = (await MODULE.run(inputs, context)).output
        assert isinstance(output, dict)
        return output

    async def code(self, **inputs: Json) -> str:
        with pytest.raises(ModuleError) as caught:
            await self.ask(**inputs)
        return caught.value.code


@pytest.fixture
async def database(isolated_pool: IsolatedPool, empty_database_url: str) -> AsyncIterator[Database]:
    guard = Guard(make_policy(["127.0.0.1"]))
    pools = Pools(guard)
    yield Database(isolated_pool, pools, empty_database_url)
    await pools.close()
    guard.close()


async def test_each_mode_gives_rows_the_first_one_and_a_count(database: Database) -> None:
    assert await database.ask(sql="create table t (n int)", mode="execute") == {"rows": [], "row": None, "count": 0}
    added = await database.ask(sql="insert into t values ($1), ($2) returning n", params=[1, 2], mode="execute")
    assert added == {"rows": [{"n": 1}, {"n": 2}], "row": {"n": 1}, "count": 2}
    assert await database.ask(sql="select n from t order by n") == added
    assert await database.ask(sql="select n from t order by n", mode="one") == {
        "rows": [{"n": 1}],
        "row": {"n": 1},
        "count": 1,
    }
    assert (await database.ask(sql="delete from t", mode="execute"))["count"] == 2


async def test_only_execute_writes(database: Database) -> None:
    assert await database.code(sql="create table t (n int)") == "postgres.25"
    assert await database.code(sql="create table t (n int)", read_only=False) == "input.invalid"
    assert await database.code(sql="create table t (n int)", mode="execute", read_only=True) == "postgres.25"


async def test_the_step_says_how_many_rows_and_how_long(database: Database) -> None:
    assert await database.code(sql="select generate_series(1, 3)", max_rows=2) == "postgres.rows"
    assert await database.code(sql="select pg_sleep(60)", timeout="100ms") == "postgres.timeout"


async def test_without_a_connection_it_says_so(isolated_pool: IsolatedPool) -> None:
    assert MODULE.run is not None
    with pytest.raises(ModuleError) as caught:
        await MODULE.run({"sql": "select 1"}, example_context(isolated_pool, 20))
    assert caught.value.code == "connection.missing"


def test_what_is_not_known_to_read_counts_as_a_write() -> None:
    assert isinstance(MODULE.effect, EffectByInput)
    assert MODULE.effect.default.effect is Effect.WRITE
    assert {name for name, case in MODULE.effect.cases.items() if case.effect is Effect.READ} == {"ALL", "ONE"}
