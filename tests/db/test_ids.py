"""Ids carry their time, and those of one process their order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import asyncpg

from db.ids import new_uuid7, uuid7_floor, uuid7_time


def test_ids_of_one_process_are_in_the_order_of_their_making() -> None:
    made = [new_uuid7() for _ in range(20_000)]
    assert made == sorted(set(made))
    assert {(one.version, one.variant) for one in made} == {(7, RFC_4122)}


async def test_the_databases_ids_are_as_the_programs(database_url: str) -> None:
    admin = await asyncpg.connect(database_url)
    try:
        rows = await admin.fetch(
            "select clock_timestamp() as before, new_uuid7() as id, clock_timestamp() as after from generate_series(1, 1000)"
        )
    finally:
        await admin.close()
    ids = [UUID(str(row["id"])) for row in rows]
    assert len(set(ids)) == 1000
    for one, row in zip(ids, rows, strict=True):
        assert (one.version, one.variant) == (7, RFC_4122)
        assert row["before"] - timedelta(milliseconds=1) < uuid7_time(one) <= row["after"]
    # In order of the microsecond, as finely as its clock goes.
    assert [one.int >> 68 for one in ids] == sorted(one.int >> 68 for one in ids)


def test_no_id_is_below_the_floor_of_its_time() -> None:
    before = datetime.now(UTC)
    assert uuid7_floor(before) <= new_uuid7() < uuid7_floor(before + timedelta(minutes=1))
