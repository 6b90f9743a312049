"""Weeks: made ahead, found by key, gone when nobody needs them; and the plans that this is for."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from db import partitions, run_rows
from db.errors import DatabaseUnavailable
from db.failing import FailingDatabase
from db.failpoints import read_points
from db.ids import RunId, uuid7_floor, uuid7_of, uuid7_time
from db.pool import Database
from db.record import record
from db.run_rows import RunFilter
from engine.maintenance import Maintenance
from server.failpoints import places
from tests.db.data_of_tests import Tenant, accept, new_run, step, succeeded, tenant

LONG_AGO = datetime(2026, 3, 2, tzinfo=UTC)


async def old_weeks(database_url: str, weeks: int = 3) -> None:
    """Weeks as `ensure_weeks` would have made them then."""
    admin = await asyncpg.connect(database_url)
    try:
        for number in range(weeks):
            start = LONG_AGO + timedelta(weeks=number)
            for table in ("workflow_runs", "workflow_execution_logs", "workflow_payloads"):
                await admin.execute(
                    f"create table {table}_{start:%Y%m%d} partition of {table} for values "
                    f"from ('{uuid7_floor(start)}') to ('{uuid7_floor(start + timedelta(weeks=1))}'); "
                    f"alter table {table}_{start:%Y%m%d} owner to ms_owner"
                )
    finally:
        await admin.close()


async def run_of(db: Database, owner: Tenant, moment: datetime, *, ended: bool, retention_days: int = 1) -> RunId:
    """A run of that time; an ended one ended soon after."""
    run_id = RunId(uuid7_of(int(moment.timestamp() * 1000), bytes(10)))
    await accept(db, new_run(owner, run_id=run_id, retention_days=retention_days))
    if ended:
        end = succeeded()
        async with db.single() as connection:
            done = type(end)(status="succeeded", finished_at=moment)
            await record(connection, owner.workspace_id, run_id, [step("a")], end=done)
    return run_id


async def weeks_of(database_url: str) -> list[str]:
    admin = await asyncpg.connect(database_url)
    try:
        rows = await admin.fetch(
            "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid "
            "where i.inhparent = 'workflow_runs'::regclass order by 1"
        )
        return [row[0].rsplit("_", 1)[1] for row in rows]
    finally:
        await admin.close()


async def test_weeks_stand_ahead_and_a_second_time_makes_none(db: Database, database_url: str) -> None:
    today = datetime.now(UTC)
    monday = (today - timedelta(days=today.weekday())).date()
    wanted = [(monday + timedelta(weeks=number)).strftime("%Y%m%d") for number in range(-1, 5)]
    assert await weeks_of(database_url) == wanted
    async with db.engine() as connection:
        assert await partitions.ensure_weeks(connection, 4) == []
        made = await partitions.ensure_weeks(connection, 6)
    assert len(made) == 6
    assert (await weeks_of(database_url))[-1] == (monday + timedelta(weeks=6)).strftime("%Y%m%d")


async def test_a_week_goes_when_its_runs_are_past_their_time(db: Database, database_url: str) -> None:
    owner = await tenant(db)
    await old_weeks(database_url)
    gone = await run_of(db, owner, LONG_AGO + timedelta(days=1), ended=True)
    still_open = await run_of(db, owner, LONG_AGO + timedelta(days=8), ended=False)
    kept_long = await run_of(db, owner, LONG_AGO + timedelta(days=15), ended=True, retention_days=30_000)
    assert await partitions.drop_expired_weeks(db) == [LONG_AGO.date()]
    async with db.engine() as connection:
        assert await run_rows.get(connection, gone) is None
        assert await run_rows.get(connection, still_open)
        assert await run_rows.get(connection, kept_long)
        await record(connection, owner.workspace_id, still_open, [], end=succeeded())
    assert await partitions.drop_expired_weeks(db) == []
    later = datetime.now(UTC) + timedelta(days=1)
    assert await partitions.drop_expired_weeks(db, later) == []


async def test_what_was_left_behind_in_a_week_that_another_run_holds_goes(db: Database, database_url: str) -> None:
    owner = await tenant(db)
    await old_weeks(database_url, 1)
    gone = await run_of(db, owner, LONG_AGO, ended=True, retention_days=60)
    kept = await run_of(db, owner, LONG_AGO + timedelta(days=1), ended=True, retention_days=30_000)
    still_open = await run_of(db, owner, LONG_AGO + timedelta(days=2), ended=False)
    await Maintenance(db, _always).round()
    async with db.engine() as connection:
        assert await run_rows.get(connection, gone) is None
        assert await run_rows.get(connection, kept)
        assert await run_rows.get(connection, still_open)


async def _always(name: str) -> bool:
    return True


async def test_a_drop_that_was_cut_short_goes_on(db: Database, database_url: str) -> None:
    owner = await tenant(db)
    await old_weeks(database_url, 1)
    await run_of(db, owner, LONG_AGO + timedelta(days=1), ended=True)
    admin = await asyncpg.connect(database_url)
    try:
        await admin.execute("alter table workflow_payloads detach partition workflow_payloads_20260302 concurrently")
        reader = await asyncpg.connect(database_url)
        await reader.execute("begin isolation level repeatable read; select count(*) from workflow_execution_logs")
        await admin.execute("set lock_timeout = '100ms'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await admin.execute(
                "alter table workflow_execution_logs detach partition workflow_execution_logs_20260302 concurrently"
            )
        await reader.close()
    finally:
        await admin.close()
    assert await partitions.drop_expired_weeks(db) == [LONG_AGO.date()]


@pytest.mark.parametrize("table", [1, 2, 3])
@pytest.mark.parametrize("place", ["after:weeks.detach", "before:weeks.drop", "before:weeks.detach"])
async def test_a_drop_that_dies_between_its_steps_leaves_no_table(
    db: Database, database_url: str, place: str, table: int
) -> None:
    owner = await tenant(db)
    await old_weeks(database_url, 1)
    await run_of(db, owner, LONG_AGO + timedelta(days=1), ended=True)
    failing = FailingDatabase(db, read_points(f"{place}:error@{table}", places()))
    with pytest.raises(DatabaseUnavailable):
        await partitions.drop_expired_weeks(failing)
    assert await partitions.drop_expired_weeks(db) == [LONG_AGO.date()]
    admin = await asyncpg.connect(database_url)
    try:
        assert await admin.fetch("select relname from pg_class where relname ~ '_20260302$' and relkind = 'r'") == []
    finally:
        await admin.close()


def test_an_id_carries_its_time() -> None:
    moment = datetime(2026, 11, 23, 12, 0, 0, 123000, tzinfo=UTC)
    value = uuid7_of(int(moment.timestamp() * 1000), b"\xff" * 10)
    assert (value.version, uuid7_time(value)) == (7, moment)
    assert uuid7_floor(moment) <= value < uuid7_floor(moment + timedelta(milliseconds=1))


async def plan(database_url: str, owner: Tenant, sql: str) -> str:
    """The plan of a statement for a tenant, with scans of whole tables made dear, since the tables are small here."""
    admin = await asyncpg.connect(database_url)
    try:
        await admin.execute(
            f"begin; set local role ms_app; select set_config('app.ws', '{owner.workspace_id}', true); "
            "set local enable_seqscan = off"
        )
        return "\n".join(row[0] for row in await admin.fetch(f"explain (costs off) {sql}"))
    finally:
        await admin.close()


async def test_a_runs_rows_are_looked_for_in_one_week_only(db: Database, database_url: str) -> None:
    owner = await tenant(db)
    await old_weeks(database_url)
    run_id = uuid7_floor(LONG_AGO + timedelta(days=9))
    for table in ("workflow_runs", "workflow_execution_logs", "workflow_payloads"):
        told = await plan(database_url, owner, f"select workspace_id from {table} where run_id = '{run_id}'")
        assert f"{table}_20260309" in told, told
        assert f"{table}_20260302" not in told, told
        assert "Seq Scan" not in told, told
        assert "Index" in told, told


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (
            "select run_id from workflow_runs where workspace_id = {ws} and workflow_id = '{wf}' and run_id < '{id}' "
            "order by run_id desc limit 50",
            "workflow_id_run_id_idx",
        ),
        (
            "select run_id from workflow_runs where workspace_id = {ws} and run_id < '{id}' order by run_id desc limit 50",
            "_run_id_idx",
        ),
        (
            "select run_id from workflow_runs where workspace_id = {ws} and workflow_id = '{wf}' and run_id < '{id}' "
            "and status in ('failed', 'cancelled', 'timed_out') and status = any ('{{failed}}') "
            "order by run_id desc limit 50",
            "workflow_id_run_id_idx",
        ),
        (
            "select run_id from workflow_runs where workspace_id = {ws} and pinned_at is not null and run_id < '{id}' "
            "order by run_id desc limit 50",
            "_run_id_idx",
        ),
        (
            "select path from workflow_execution_logs where run_id = '{id}' and workspace_id = {ws} and seq > 5 "
            "order by seq limit 10",
            "run_id_seq_idx",
        ),
        (
            "select path from workflow_execution_logs where run_id = '{id}' and workspace_id = {ws} "
            "and (started_at, ordinal) > (now(), 5) order by started_at, ordinal limit 10",
            "run_id_started_at_ordinal_idx",
        ),
        (
            "select run_id from workflow_runs where workspace_id = {ws} and (changed_xid, run_id) > (5, '{id}') "
            "order by changed_xid, run_id limit 10",
            "changed_xid_run_id_idx",
        ),
        (
            "select run_id from events_to_be_processed where workspace_id = {ws} and source = 's' and dedupe_key = 'k' "
            "and dedupe_until > now()",
            "events_dedupe",
        ),
    ],
)
async def test_hot_reads_use_their_index(db: Database, database_url: str, statement: str, index: str) -> None:
    owner = await tenant(db)
    run_id = uuid7_floor(datetime.now(UTC))
    told = await plan(database_url, owner, statement.format(ws=owner.workspace_id, wf=owner.workflow_id, id=run_id))
    assert index in told, told
    assert "Seq Scan" not in told, told


async def test_a_rare_word_is_found_by_the_index_among_many_runs(db: Database, database_url: str) -> None:
    owner = await tenant(db)
    mark = f"#{owner.workspace_id}"
    admin = await asyncpg.connect(database_url)
    try:
        await admin.execute(
            "insert into workflow_runs (workspace_id, run_id, workflow_id, version, compiled_hash, trigger_type, trigger, "
            f"origin, search) select {owner.workspace_id}, (left('{uuid7_floor(datetime.now(UTC))}', 28) || "
            f"lpad(to_hex(n), 8, '0'))::uuid, '{owner.workflow_id}', 1, 'h', 'api', 'null', 'o', "
            f"array_to_tsvector(array['{mark}', 'order', 'n' || n]) from generate_series(1, 4000) n"
        )
        await admin.execute("analyze workflow_runs")
        await admin.execute("begin; set local role ms_search")
        rows = await admin.fetch(
            "explain (costs off) select run_id from workflow_runs "
            f"where search @@ $q$'{mark}' & 'n77'$q$::tsquery and workspace_id = {owner.workspace_id} "
            "order by run_id desc limit 10"
        )
        told = "\n".join(row[0] for row in rows)
        assert "search_idx" in told, told
    finally:
        await admin.close()

    async def found(question: str) -> int:
        async with db.tenant(owner.workspace_id) as connection:
            chosen = RunFilter(question=question)
            return len(await run_rows.list_ids(connection, owner.workspace_id, chosen, None, 50))

    assert await found("N77, order!") == 1
    assert await found("n77*") == 11
    assert await found("n77 n78") == 0


async def test_the_views_of_a_workflow_show_its_rows_to_its_workspace(db: Database, database_url: str) -> None:
    owner, other = await tenant(db, "mine"), await tenant(db, "other")
    run = new_run(owner)
    await accept(db, run)
    async with db.single() as connection:
        await record(connection, owner.workspace_id, run.run_id, [step("a", "running")])
    space = "wf_" + str(owner.workflow_id).replace("-", "")
    reader = await asyncpg.connect(database_url)
    try:
        for workspace, rows in ((owner.workspace_id, 1), (other.workspace_id, 0)):
            await reader.execute(f"begin; set local role ms_app; select set_config('app.ws', '{workspace}', true)")
            assert await reader.fetchval(f"select count(*) from {space}.workflow_execution_queue") == rows
            assert await reader.fetchval(f"select count(*) from {space}.workflow_execution_logs") == rows
            await reader.execute("rollback")
    finally:
        await reader.close()


async def test_a_page_of_runs_and_its_filters(db: Database) -> None:
    owner = await tenant(db)
    found: list[RunId] = []
    for number in range(5):
        run = new_run(owner, trigger_type="webhook" if number % 2 else "api", version=number % 2)
        await accept(db, run)
        found.append(run.run_id)
    ws = owner.workspace_id
    async with db.single() as connection:
        await record(connection, ws, found[0], [], end=succeeded())
        failed_end = type(succeeded())(status="failed", finished_at=datetime.now(UTC), error={"code": "x"})
        await record(connection, ws, found[1], [], end=failed_end)

    async def ids(before: RunId | None = None, limit: int = 50, **chosen: object) -> list[RunId]:
        async with db.tenant(ws) as connection:
            rows = await run_rows.list_runs(connection, ws, RunFilter(**chosen), before, limit)  # type: ignore[arg-type]
        return [row.run_id for row in rows]

    newest_first = sorted(found, reverse=True)
    assert await ids() == newest_first
    assert await ids(limit=2) == newest_first[:2]
    assert await ids(before=newest_first[1]) == newest_first[2:]
    assert await ids(workflow_id=owner.workflow_id) == newest_first
    assert await ids(statuses=("succeeded",)) == [found[0]]
    assert await ids(statuses=("failed", "timed_out")) == [found[1]]
    assert await ids(statuses=("queued", "running", "waiting")) == sorted(found[2:], reverse=True)
    assert await ids(version=1) == sorted(found[1::2], reverse=True)
    assert await ids(trigger_type="webhook", statuses=("queued",)) == [found[3]]
    assert await ids(since=datetime.now(UTC) + timedelta(hours=1)) == []
    assert await ids(until=datetime.now(UTC) - timedelta(hours=1)) == []
