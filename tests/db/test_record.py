"""Laws of recording: whatever repeats and in whatever order, each ended row and run stands as it ended first."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import payloads, run_rows, signals, steps
from db.data import Payload, ref_of
from db.ids import RunId, new_uuid7
from db.json import Json
from db.pool import Database
from db.record import NewStep, Recorded, record
from db.steps import StepRow
from tests.db.data_of_tests import Tenant, begun, failed, new_run, started, step, succeeded, tenant
from tests.db.data_of_tests import accept as accept_run
from tests.fixtures.database import fresh_database


async def write(db: Database, owner: Tenant, run_id: RunId, rows: list[NewStep], **more: object) -> Recorded:
    async with db.single() as connection:
        return await record(connection, owner.workspace_id, run_id, rows, **more)  # type: ignore[arg-type]


async def log(db: Database, owner: Tenant, run_id: RunId) -> list[StepRow]:
    async with db.tenant(owner.workspace_id) as connection:
        return await steps.list_steps(connection, owner.workspace_id, run_id, None, 500)


async def header(db: Database, owner: Tenant, run_id: RunId) -> run_rows.RunRow:
    async with db.tenant(owner.workspace_id) as connection:
        found = await run_rows.get(connection, run_id)
    assert found is not None
    return found


async def test_a_run_begins_with_its_first_record_and_ends_with_its_last(db: Database) -> None:
    owner = await tenant(db)
    run_id = await started(db, owner, {"n": 1})
    first = await write(db, owner, run_id, [step("a", "running")])
    assert (first.status, first.finished_now) == ("running", False)
    last = await write(db, owner, run_id, [step("a", output={"n": 1})], end=succeeded({"sum": 1}))
    assert (last.status, last.finished_now) == ("succeeded", True)
    row = await header(db, owner, run_id)
    assert (row.status, row.output, row.error) == ("succeeded", {"sum": 1}, None)
    assert row.started_at is not None
    assert row.finished_at is not None
    assert [(entry.path, entry.status, entry.output) for entry in await log(db, owner, run_id)] == [
        ("a", "succeeded", {"n": 1})
    ]


VALUES: tuple[Json, ...] = (
    "\x00",
    "a\ud800b",
    "\udc00",
    {"\ud83d": ["\x00"]},
    2**63 - 1,
    -(2**63),
    2**64 - 1,
    1e308,
    0.1,
    [],
    {},
    None,
    "é😀",
)


async def test_any_value_survives_the_way_to_the_log_and_back(db: Database) -> None:
    owner = await tenant(db)
    for value in VALUES:
        run_id = await started(db, owner, value)
        error: Json = {"code": "x.y", "message": "m", "step": "a", "retryable": False, "details": {"v": value}}
        row = step("a", "failed", input=value, error=error, logs=[value], wait_reason="a\x00b")
        await write(db, owner, run_id, [row])
        await write(db, owner, run_id, [], end=succeeded(value))
        run = await header(db, owner, run_id)
        assert run.trigger == {"type": "api", "id": None, "body": value}
        assert run.output == value
        [entry] = await log(db, owner, run_id)
        assert (entry.input, entry.error, entry.logs) == (value, error, [value])


async def test_the_same_call_again_changes_nothing(db: Database) -> None:
    owner = await tenant(db)
    run_id = await started(db, owner)
    rows = [step("a", output=1), step("b", "failed", error={"code": "x"}), step("c", "skipped", attempt=0)]
    await write(db, owner, run_id, rows, end=failed())
    before = (await header(db, owner, run_id), await log(db, owner, run_id))
    again = await write(db, owner, run_id, rows, end=succeeded(5), waiting=True)
    assert (again.status, again.finished_now) == ("failed", False)
    assert again.refused == (("a", 1), ("b", 1), ("c", 0))
    assert (await header(db, owner, run_id), await log(db, owner, run_id)) == before


async def test_an_ended_row_is_refused_and_the_caller_is_told(db: Database) -> None:
    owner = await tenant(db)
    run_id = await started(db, owner)
    await write(db, owner, run_id, [step("a", output="first")])
    second = await write(db, owner, run_id, [step("a", output="second"), step("b", output="new")])
    assert second.refused == (("a", 1),)
    async with db.single() as connection:
        stored = await steps.one(connection, owner.workspace_id, run_id, "a", 1)
    assert stored is not None
    assert stored.output == "first"


_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.integers(1, 2),
        st.sampled_from(["running", "waiting", "succeeded", "failed", "cancelled"]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(_ROWS, min_size=1, max_size=5), seed=st.integers(0, 2**32))
async def test_the_first_end_of_a_row_stands_whatever_else_comes(
    law_db: tuple[Database, Tenant], calls: list[list[tuple[str, int, str]]], seed: int
) -> None:
    db, owner = law_db
    run_id = await started(db, owner)
    chance = random.Random(seed)
    ended: dict[tuple[str, int], tuple[str, Json]] = {}
    seen: set[tuple[str, int]] = set()
    for number, call in enumerate(calls):
        rows = [
            step(path, status, attempt, output=f"{number}.{place}")  # type: ignore[arg-type]
            for place, (path, attempt, status) in enumerate(call)
        ]
        for _ in range(chance.randint(1, 2)):
            await write(db, owner, run_id, rows)
        # Of two rows with one key in a call, the later one counts.
        for row in {(row.path, row.attempt): row for row in rows}.values():
            seen.add((row.path, row.attempt))
            if row.status not in ("running", "waiting"):
                ended.setdefault((row.path, row.attempt), (row.status, row.output))
    stored = {(row.path, row.attempt): row for row in await log(db, owner, run_id)}
    assert set(stored) == seen
    assert {key: (stored[key].status, stored[key].output) for key in ended} == ended
    sequence = sorted(row.seq for row in stored.values())
    assert len(set(sequence)) == len(sequence)
    assert (await header(db, owner, run_id)).event_seq >= sequence[-1]


async def test_a_reader_of_the_stream_sees_every_last_change_once(db: Database) -> None:
    owner = await tenant(db)
    run_id = await started(db, owner)
    seen: list[tuple[str, str]] = []
    place = 0

    async def read() -> None:
        nonlocal place
        async with db.tenant(owner.workspace_id) as connection:
            for row in await steps.since(connection, owner.workspace_id, run_id, place, 100):
                assert row.seq > place
                assert row.output is None
                seen.append((row.path, row.status))
                place = row.seq

    await write(db, owner, run_id, [step("a", "running"), step("b", "running")])
    await read()
    await write(db, owner, run_id, [step("b", output="big")])
    await read()
    await write(db, owner, run_id, [step("a")], end=succeeded())
    await read()
    assert seen == [("a", "running"), ("b", "running"), ("b", "succeeded"), ("a", "succeeded")]
    end = await header(db, owner, run_id)
    assert end.status_seq > place


async def test_steps_are_listed_in_start_order_page_by_page(db: Database) -> None:
    owner = await tenant(db)
    run_id = await started(db, owner)
    await write(db, owner, run_id, [step("late", after=3), step("x", after=1), step("w", after=1)])
    await write(db, owner, run_id, [step("early", after=0)])
    paths: list[str] = []
    after = None
    async with db.tenant(owner.workspace_id) as connection:
        while page := await steps.list_steps(connection, owner.workspace_id, run_id, after, 1):
            paths.append(page[0].path)
            after = (page[0].started_at, page[0].ordinal)
    assert paths == ["early", "x", "w", "late"]


async def test_waiting_is_told_and_taken_back(db: Database) -> None:
    owner = await tenant(db)
    run_id = await started(db, owner)
    until = datetime(2026, 12, 1, tzinfo=UTC)
    waits = step("w", "waiting", wait_kind="timer", wait_reason="a pause", wait_until=until)
    tries = step("r", "failed", error={"code": "http.503", "message": "\x00"}, retry_at=until)
    assert (await write(db, owner, run_id, [waits, tries], waiting=True)).status == "waiting"
    async with db.tenant(owner.workspace_id) as connection:
        found = await steps.waiting(connection, owner.workspace_id, [run_id])
    assert [(row.path, row.kind, row.reason, row.until) for row in found] == [
        ("w", "timer", "a pause", until),
        ("r", "retry", "http.503", until),
    ]
    assert (await write(db, owner, run_id, [step("w"), step("r", attempt=2)], waiting=False)).status == "running"
    async with db.tenant(owner.workspace_id) as connection:
        assert await steps.waiting(connection, owner.workspace_id, [run_id]) == []


@pytest.mark.parametrize(
    ("log_level", "end", "kept"),
    [("none", "failed", 0), ("errors", "succeeded", 0), ("errors", "failed", 1), ("full", "succeeded", 1)],
)
async def test_what_the_log_setting_does_not_keep_is_gone_at_the_end(
    db: Database, log_level: str, end: str, kept: int
) -> None:
    owner = await tenant(db)
    run_id = await started(db, owner, {"card": "4711"}, log=log_level)
    big = Payload(ref_of(b'"big"'), b'"big"')
    answer = Payload(ref_of(b'"answer"'), b'"answer"')
    await write(
        db, owner, run_id, [step("a", input={"card": "4711"}, output={"$ref": big.ref})], payloads=[big, answer]
    )
    await write(db, owner, run_id, [], end=failed() if end == "failed" else succeeded({"$ref": answer.ref}))
    [row] = await log(db, owner, run_id)
    assert (row.input is not None, row.output is not None) == (bool(kept), bool(kept))
    assert row.status == "succeeded"
    run = await header(db, owner, run_id)
    assert ("4711" in str(run.trigger)) == (log_level != "none")
    async with db.tenant(owner.workspace_id) as connection:
        assert (await payloads.get(connection, owner.workspace_id, run_id, big.ref) is not None) == bool(kept)
        if end == "succeeded":
            assert await payloads.get(connection, owner.workspace_id, run_id, answer.ref) is not None


async def test_a_child_that_ends_wakes_its_parent(db: Database) -> None:
    owner = await tenant(db)
    parent = await started(db, owner)
    await begun(db, owner, parent)
    child = await started(db, owner, parent_run_id=parent, parent_path="sub", counted=False, depth=1)
    await write(db, owner, child, [], end=succeeded({"x": 1}))
    async with db.engine() as connection:
        [signal] = await signals.pending(connection, 10)
        assert (signal.run_id, signal.kind, signal.path, signal.child_run_id) == (parent, "child", "sub", child)
        assert await signals.pending(connection, 10) == []
        await signals.delivered(connection, [signal.signal_id])
    await write(db, owner, parent, [], end=succeeded())
    async with db.engine() as connection:
        assert await signals.pending(connection, 10) == []


async def test_an_unknown_run_is_told(db: Database) -> None:
    owner = await tenant(db)
    with pytest.raises(LookupError, match="there is no run"):
        await write(db, owner, RunId(new_uuid7()), [step("a")])


async def test_a_simulation_is_recorded_without_ever_being_queued(db: Database) -> None:
    owner = await tenant(db)
    run = new_run(owner, test=True, carrier="simulation", queued=False)
    accepted = await accept_run(db, run)
    assert accepted.state is None
    await write(db, owner, run.run_id, [step("a")], end=succeeded(3))
    row = await header(db, owner, run.run_id)
    assert (row.test, row.carrier, row.status, row.output) == (True, "simulation", "succeeded", 3)


@pytest.fixture(scope="module")
async def law_db(postgres_url: str, template_database: str) -> AsyncIterator[tuple[Database, Tenant]]:
    """One database for all examples of a law: each has a run of its own."""
    async for url in fresh_database(postgres_url, template_database):
        database = await Database.open(url)
        yield database, await tenant(database)
        await database.close()


async def test_what_stands_open_when_a_run_is_ended_from_outside_ends_with_it_and_is_told(db: Database) -> None:
    owner = await tenant(db)
    run_id = await started(db, owner)
    await write(db, owner, run_id, [step("a"), step("b", "waiting", wait_kind="timer"), step("c", "running")])
    before = (await header(db, owner, run_id)).event_seq
    ended = await write(db, owner, run_id, [], end=failed("run.unstartable"))
    rows = {row.path: row for row in await log(db, owner, run_id)}
    assert {path: row.status for path, row in rows.items()} == {"a": "succeeded", "b": "cancelled", "c": "cancelled"}
    assert rows["b"].wait_kind is None
    assert rows["b"].finished_at is not None
    assert sorted(rows[path].seq for path in "bc") == [before + 1, before + 2]
    assert (await header(db, owner, run_id)).event_seq == ended.last_seq == before + 3
