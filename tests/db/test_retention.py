"""What is past its time goes and gives its disk back; what is pinned stays whole."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg

from chaos.scale.backlog import Backlog, fill
from db import maintenance, partitions, payloads, resumes, run_rows, runs, steps
from db.api_keys import create as create_key
from db.data import ref_of
from db.ids import ApiKeyId, RunId, uuid7_floor
from db.payloads import get as payload_of
from db.pool import Database
from db.record import record
from db.statements import statements
from engine.maintenance import Maintenance
from tests.db.data_of_tests import Tenant, accept, new_run, step, succeeded, tenant
from tests.db.test_weeks import LONG_AGO, old_weeks, run_of, weeks_of


async def always(name: str) -> bool:
    return True


async def key_of(db: Database, owner: Tenant) -> ApiKeyId:
    async with db.tenant(owner.workspace_id) as connection:
        made, _ = await create_key(connection, owner.workspace_id, name="Audit", role="editor")
    return made.api_key_id


async def pinned(db: Database, owner: Tenant, run_id: RunId, reason: str | None = None) -> str:
    by = await key_of(db, owner)
    async with db.tenant(owner.workspace_id) as connection:
        return await runs.pin(connection, owner.workspace_id, run_id, by, reason)


async def furnish(db: Database, owner: Tenant, moment: datetime, **more: object) -> RunId:
    """An ended run of that time with a log, a payload and a posted body."""
    run_id = await run_of(db, owner, moment, ended=False, **more)  # type: ignore[arg-type]
    async with db.single() as connection:
        await record(connection, owner.workspace_id, run_id, [step("w", "waiting", wait_kind="event")])
        await payloads.put(connection, owner.workspace_id, run_id, b'"large"')
        assert await resumes.post(connection, owner.workspace_id, run_id, "w", "yes") == "posted"
        end = type(succeeded())(status="succeeded", finished_at=moment)
        await record(connection, owner.workspace_id, run_id, [step("w")], end=end)
    return run_id


async def parts(db: Database, owner: Tenant, run_id: RunId) -> tuple[bool, int, bool, bool]:
    """Whether its header is there, how many log rows, whether its payload and its posted body are."""
    async with db.engine() as connection:
        header = await run_rows.get(connection, run_id)
        log = await steps.journal(connection, owner.workspace_id, run_id)
        payload = await payload_of(connection, owner.workspace_id, run_id, ref_of(b'"large"'))
        posted = await resumes.get(connection, owner.workspace_id, run_id, "w")
    return header is not None, len(log), payload is not None, posted is not None


WHOLE, NOTHING = (True, 1, True, True), (False, 0, False, False)


async def test_a_pinned_run_stays_whole_and_holds_its_week_until_it_is_unpinned(
    db: Database, database_url: str
) -> None:
    owner = await tenant(db)
    await old_weeks(database_url, 1)
    kept = await furnish(db, owner, LONG_AGO + timedelta(days=1), retention_days=60)
    beside = await furnish(db, owner, LONG_AGO + timedelta(days=2), retention_days=60)
    short = await furnish(db, owner, LONG_AGO + timedelta(days=3), retention_days=1)
    assert await pinned(db, owner, kept, "for the auditor") == "pinned"
    work = Maintenance(db, always)
    await work.round()
    assert await parts(db, owner, kept) == WHOLE
    assert await parts(db, owner, beside) == NOTHING, "the others of its week don't wait for it"
    assert await parts(db, owner, short) == NOTHING
    assert weeks_of_past(await weeks_of(database_url)) == ["20260302"]
    async with db.engine() as connection:
        header = await run_rows.get(connection, kept)
    assert header is not None
    assert (header.pinned_by, header.pinned_reason) == ("Audit", "for the auditor")
    async with db.tenant(owner.workspace_id) as connection:
        await runs.unpin(connection, owner.workspace_id, kept)
    await work.round()
    assert await parts(db, owner, kept) == NOTHING
    assert weeks_of_past(await weeks_of(database_url)) == []


def weeks_of_past(names: list[str]) -> list[str]:
    return [name for name in names if name < f"{datetime.now(UTC) - timedelta(weeks=3):%Y%m%d}"]


async def test_a_pinned_run_of_short_retention_stays_too(db: Database) -> None:
    owner = await tenant(db)
    yesterday = datetime.now(UTC) - timedelta(days=1, minutes=5)
    kept = await furnish(db, owner, yesterday, retention_days=0)
    gone = await furnish(db, owner, yesterday + timedelta(seconds=1), retention_days=1)
    young = await furnish(db, owner, yesterday + timedelta(seconds=2), retention_days=2)
    assert await pinned(db, owner, kept) == "pinned"
    await Maintenance(db, always).round()
    assert [await parts(db, owner, one) for one in (kept, gone, young)] == [WHOLE, NOTHING, WHOLE]
    async with db.tenant(owner.workspace_id) as connection:
        await runs.unpin(connection, owner.workspace_id, kept)
    await Maintenance(db, always).round()
    assert await parts(db, owner, kept) == NOTHING


async def test_nobody_pins_a_run_whose_week_is_going(db: Database, database_url: str) -> None:
    owner, other = await tenant(db), await tenant(db, "other")
    await old_weeks(database_url, 1)
    run_id = await furnish(db, owner, LONG_AGO, retention_days=60)
    dropper = await asyncpg.connect(database_url)
    await dropper.execute("select pg_advisory_lock(hashtextextended('millstream.drop', 0))")
    assert await pinned(db, owner, run_id) == "going"
    assert await pinned(db, other, run_id) == "unknown"
    await dropper.close()
    assert await pinned(db, owner, run_id) == "pinned"
    assert await partitions.drop_expired_weeks(db) == []
    assert await parts(db, owner, run_id) == WHOLE


async def test_a_pin_and_a_deletion_that_meet_leave_a_run_whole_or_nothing(db: Database) -> None:
    owner = await tenant(db)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    ids = [await furnish(db, owner, yesterday + timedelta(seconds=n), retention_days=0) for n in range(20)]

    async def delete() -> None:
        for _ in range(20):
            async with db.engine() as connection:
                await maintenance.delete_expired_runs(connection, 1)

    said, _ = await asyncio.gather(asyncio.gather(*(pinned(db, owner, run_id) for run_id in ids)), delete())
    for run_id, one in zip(ids, said, strict=True):
        assert await parts(db, owner, run_id) == (WHOLE if one == "pinned" else NOTHING)


async def sizes(admin: asyncpg.Connection) -> tuple[int, int]:
    """Bytes of the database, and of all weeks of headers, logs and payloads with their indexes."""
    row = await admin.fetchrow(
        "select pg_database_size(current_database()), (select sum(pg_total_relation_size(inhrelid)) from pg_inherits "
        "where inhparent in ('workflow_runs'::regclass, 'workflow_execution_logs'::regclass, 'workflow_payloads'::regclass))"
    )
    assert row is not None
    return int(row[0]), int(row[1])


async def test_disk_is_given_back_at_once_by_weeks_and_by_vacuum_after_single_runs(
    db: Database, database_url: str
) -> None:
    owner = await tenant(db)
    admin = await asyncpg.connect(database_url)
    try:
        empty = await sizes(admin)
        await fill(database_url, owner.workspace_id, Backlog(ended=18_000, steps=3, weeks=6))
        await admin.execute(
            "update workflow_runs set expires_at = now() - interval '1 hour' where run_id < $1", floor(3)
        )
        full = await sizes(admin)
        assert full[1] - empty[1] > 30 * 2**20
        work = Maintenance(db, always)
        await work.round()
        dropped = await sizes(admin)
        # About half of the weeks went, whole: the file system has them back, with nothing to vacuum.
        assert full[1] - dropped[1] > 0.35 * (full[1] - empty[1])
        assert full[0] - dropped[0] > 0.35 * (full[0] - empty[0])
        await admin.execute(
            "update workflow_runs set retention_days = 1, expires_at = now() - interval '1 hour' where finished_at is not null"
        )
        await work.round()
        assert await admin.fetchval("select count(*) from workflow_runs") == 0
        deleted = await sizes(admin)
        await admin.execute("vacuum workflow_runs, workflow_execution_logs, workflow_payloads")
        vacuumed = await sizes(admin)
        # Rows that went one by one leave their pages to the week; vacuum gives back what is free at its end, here the tables.
        assert vacuumed[1] - empty[1] < 0.5 * (deleted[1] - empty[1])
        mb = [round(one[1] / 2**20, 1) for one in (empty, full, dropped, deleted, vacuumed)]
        print("MB of weeks: empty, full, half the weeks dropped, the rest deleted, vacuumed:", *mb)
    finally:
        await admin.close()


def floor(weeks: int) -> object:
    now = datetime.now(UTC)
    monday = (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    return uuid7_floor(monday - timedelta(weeks=weeks))


async def test_a_run_that_keeps_no_data_has_none_on_disk_soon_after_its_end(db: Database, database_url: str) -> None:
    owner = await tenant(db)
    run = new_run(owner, {"secret": 1}, log="none")
    await accept(db, run)
    async with db.single() as connection:
        row = step("a", input={"x": "secret"}, output="secret", logs=[{"message": "secret"}])
        await record(connection, owner.workspace_id, run.run_id, [row], end=succeeded({"answer": "secret"}))
    admin = await asyncpg.connect(database_url)
    try:
        await admin.execute("update workflow_runs set finished_at = now() - interval '61 minutes'")
        await Maintenance(db, always).round()
        text = await admin.fetchval("select string_agg(r::text, '') from workflow_runs r")
        text += await admin.fetchval("select string_agg(l::text, '') from workflow_execution_logs l")
        assert "secret" not in text
    finally:
        await admin.close()


async def test_what_is_past_its_time_is_found_by_an_index(db: Database, database_url: str) -> None:
    owner = await tenant(db)
    await fill(database_url, owner.workspace_id, Backlog(ended=5000, steps=0, weeks=3))
    admin = await asyncpg.connect(database_url)
    try:
        await admin.execute("update workflow_runs set retention_days = 7 where substr(run_id::text, 20, 1) = '8'")
        await admin.execute("vacuum analyze workflow_runs")
        await admin.execute("set enable_seqscan = off")
        for name in ("expired_runs", "left_behind"):
            sql = maintenance_sql(name)
            given = sql.replace("$1", "'ffffffff-0000-7000-8000-000000000000'", 1) if "run_id <" in sql else sql
            given = given.replace("$2", "200").replace("$1", "200")
            told = "\n".join(row[0] for row in await admin.fetch(f"explain (costs off) {given}"))
            assert "expires_at_idx" in told, told
            assert "Seq Scan" not in told, told
    finally:
        await admin.close()


def maintenance_sql(name: str) -> str:
    return statements("maintenance")[name].sql
