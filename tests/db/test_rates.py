"""At most so many starts in any window, no start later than it must be, everybody in turn; also for many at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from itertools import count as counter

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import rates
from db.connection import Connection
from db.pool import Database
from tests.db.data_of_tests import START, tenant
from tests.fixtures.database import fresh_database

_TAKE = "select due, wait_s from take_start(1, $1, $2, $3, $4)"
_STEP = timedelta(milliseconds=250)

Limit = tuple[int, float]

_LIMITS = st.tuples(st.integers(1, 5), st.sampled_from([0.25, 0.5, 1.0, 3.0]))
_NAMES = counter()
_LAW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_GAPS = st.integers(0, 8)
"""Between two calls, in steps of the clock."""


class Asked:
    """A ledger's answers over a clock that the test moves."""

    def __init__(self, connection: asyncpg.Connection, key: str) -> None:
        self.now = START
        self.given: list[datetime] = []
        self._connection = connection
        self._key = key

    async def take(self, gap: int, limit: Limit, *, reserve: bool) -> datetime:
        self.now += gap * _STEP
        await self._connection.execute("select set_config('app.clock', $1, false)", self.now.isoformat())
        row = await self._connection.fetchrow(_TAKE, self._key, *limit, reserve)
        assert row["wait_s"] == (row["due"] - self.now).total_seconds()
        if reserve or row["due"] == self.now:
            self.given.append(row["due"])
        return row["due"]


def earliest(given: Sequence[datetime], now: datetime, limit: Limit) -> datetime:
    """When the next start may be, from all that was ever given."""
    count, per = limit
    found = max([now, *given[-1:]])
    return max(found, given[-count] + timedelta(seconds=per)) if len(given) >= count else found


def most_in_a_window(given: Sequence[datetime], per: float) -> int:
    span = timedelta(seconds=per)
    return max((sum(1 for one in given if first <= one < first + span) for first in given), default=0)


@pytest.fixture(scope="module")
async def clocked(postgres_url: str, template_database: str) -> AsyncIterator[asyncpg.Connection]:
    """A session with a clock of its own."""
    async for url in fresh_database(postgres_url, template_database):
        connection = await asyncpg.connect(url)
        yield connection
        await connection.close()


@_LAW
@given(limit=_LIMITS, calls=st.lists(st.tuples(_GAPS, st.booleans()), max_size=25))
async def test_a_start_is_as_soon_as_it_may_be_and_no_sooner(
    clocked: asyncpg.Connection, limit: Limit, calls: list[tuple[int, bool]]
) -> None:
    asked = Asked(clocked, f"one {next(_NAMES)}")
    for gap, reserve in calls:
        expected = earliest(asked.given, asked.now + gap * _STEP, limit)
        assert await asked.take(gap, limit, reserve=reserve) == expected
    assert asked.given == sorted(asked.given), "in turn"
    count, per = limit
    for first in asked.given:
        assert sum(1 for one in asked.given if first <= one < first + timedelta(seconds=per)) <= count


@_LAW
@given(calls=st.lists(st.tuples(_GAPS, _LIMITS), max_size=25))
async def test_different_limits_share_the_history_and_each_one_holds(
    clocked: asyncpg.Connection, calls: list[tuple[int, Limit]]
) -> None:
    asked = Asked(clocked, f"many {next(_NAMES)}")
    for gap, limit in calls:
        expected = earliest(asked.given, asked.now + gap * _STEP, limit)
        due = await asked.take(gap, limit, reserve=True)
        assert due >= expected
        # What was cut off for a smaller count is taken to be as late as the oldest that is left: one span at most.
        assert due <= max([asked.now, *asked.given[:-1]]) + timedelta(seconds=limit[1])


@pytest.mark.parametrize(("count", "per", "parts"), [(1000, 1.0, 1), (1001, 1.0, 2), (2500, 30.0, 3)])
async def test_a_large_count_is_kept_in_parts_and_in_a_small_row(
    clocked: asyncpg.Connection, count: int, per: float, parts: int
) -> None:
    key = f"large {count}"
    await clocked.execute("select set_config('app.clock', $1, false)", START.isoformat())
    given_ = [
        row["due"]
        for row in await clocked.fetch(
            "select t.due from generate_series(1, $1) g, lateral (select * from take_start(1, $2, $3, $4, g > 0)) t",
            2 * count,
            key,
            count,
            per,
        )
    ]
    assert given_ == sorted(given_)
    assert sum(1 for one in given_ if one == START) == count // parts
    for first in sorted(set(given_)):
        assert sum(1 for one in given_ if first <= one < first + timedelta(seconds=per)) <= count
    kept = await clocked.fetchval("select cardinality(starts) from rate_ledger where key = $1", key)
    assert kept == 1000


async def test_many_at_once_share_one_limit(db: Database) -> None:
    owner = await tenant(db)

    async def caller() -> list[rates.Start]:
        found: list[rates.Start] = []
        for _ in range(10):
            async with db.single() as connection:
                found.append(
                    await rates.take_start(connection, owner.workspace_id, "step", "crm", 7, 60.0, reserve=True)
                )
        return found

    found = sorted(start.due for starts in await asyncio.gather(*(caller() for _ in range(8))) for start in starts)
    assert len(found) == 80
    assert all(later - earlier >= 60.0 - 1e-6 for earlier, later in zip(found, found[7:], strict=False))
    assert found[-1] - found[0] < 11 * 60.0 + 30, "nothing is given away"


async def test_what_is_only_asked_for_takes_nothing_and_keys_are_apart(db: Database) -> None:
    owner, other = await tenant(db), await tenant(db, "other")

    async def asked(workspace: int, space: rates.Space, key: str) -> float:
        async with db.single() as connection:
            start = await rates.take_start(connection, workspace, space, key, 1, 3600.0, reserve=False)  # type: ignore[arg-type]
        return start.wait_s

    assert await asked(owner.workspace_id, "hook", "a") == 0
    first, second = await asked(owner.workspace_id, "hook", "a"), await asked(owner.workspace_id, "hook", "a")
    assert 3590 < second <= first <= 3600, "the second question has not moved it"
    assert await asked(owner.workspace_id, "step", "a") == 0
    assert await asked(owner.workspace_id, "hook", "b\x00\ud800" + "c" * 10_000) == 0
    assert await asked(other.workspace_id, "hook", "a") == 0


async def test_a_history_goes_when_it_holds_nobody_up_any_more(clocked: asyncpg.Connection) -> None:
    await clocked.execute("delete from rate_ledger")

    async def left(after: timedelta) -> int:
        await clocked.execute("select set_config('app.clock', $1, false)", (START + after).isoformat())
        await rates.delete_expired(Connection(clocked), 10)
        return await clocked.fetchval("select count(*) from rate_ledger")

    asked = Asked(clocked, "old")
    for _ in range(3):
        last = await asked.take(0, (1, 86_400.0), reserve=True)
    assert last == START + timedelta(days=2)
    assert await left(timedelta(days=2, hours=23)) == 1
    assert await left(timedelta(days=3, hours=2)) == 0
