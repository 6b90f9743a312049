"""What a claim costs, and whom it serves, does not depend on how much waits: counted in pages that PostgreSQL touches, and in positions."""

import asyncio
import re

import asyncpg
import pytest

from chaos.scale.backlog import Backlog, fill
from db import queue
from db.ids import RunId, WorkflowId, WorkspaceId
from db.pool import Database
from db.runs import Claim
from db.statements import statements
from tests.db.data_of_tests import Tenant, accept, new_run, tenant, workflow

FEW, MANY = 300, 6_000
CLAIM = "select run_id from claim_runs('somebody', 4, 30, 0)"
WAITS = statements("queue")["anything_waits"].sql
MADE_CAPPED = """
update workflows w set max_concurrent_runs = null where w.workspace_id = {workspace};
update workflow_execution_queue q set state = case when q.run_id in (
    select distinct on (o.workflow_id) o.run_id from workflow_execution_queue o order by o.workflow_id, o.seq)
    then 'started' else 'capped' end where q.workspace_id = {workspace};
"""
"""Each workflow's first run is started, the others wait for its place. The cap itself is set afterwards by the test."""
BACKLOGS: dict[str, tuple[Backlog, Backlog, str]] = {
    "ready, of few workflows": (
        Backlog(queued=FEW, workflows=3),
        Backlog(queued=MANY, workflows=3),
        "",
    ),
    "ready, of many workflows": (
        Backlog(queued=FEW, workflows=30),
        Backlog(queued=MANY, workflows=1_000),
        "",
    ),
    "capped": (
        Backlog(queued=FEW, workflows=30),
        Backlog(queued=MANY, workflows=1_000),
        MADE_CAPPED,
    ),
    "of one key": (
        Backlog(queued=FEW, keys=1),
        Backlog(queued=MANY, keys=1),
        "",
    ),
    "started": (
        Backlog(queued=FEW),
        Backlog(queued=MANY),
        "update workflow_execution_queue set state = 'started'",
    ),
}


async def packed(admin: asyncpg.Connection) -> None:
    """The queue without its dead rows. Those that a snapshot still sees, such as one of autovacuum's, are kept: then again."""
    told: list[str] = []

    def heard(_: object, message: object) -> None:
        told.append(str(getattr(message, "detail", "")))

    admin.add_log_listener(heard)
    try:
        while not any(text.startswith("0 dead row versions cannot be removed yet") for text in told):
            told.clear()
            await admin.execute("vacuum (full, verbose, analyze) workflow_execution_queue")
            await asyncio.sleep(0.05)
    finally:
        admin.remove_log_listener(heard)


async def pages(admin: asyncpg.Connection, sql: str) -> int:
    """Pages that a statement touches, with all that its functions do, when its plans are cached; what it does is undone."""
    await admin.execute("begin; set local role ms_engine")
    try:
        for _ in range(6):  # a function's plan is settled after five calls
            await admin.execute("savepoint before")
            await admin.fetch(sql)
            await admin.execute("rollback to savepoint before")
        told = await admin.fetch(f"explain (analyze, buffers, costs off, timing off, summary off) {sql}")
        text = "\n".join(str(row[0]) for row in told)
        found = re.search(r"Buffers: shared hit=(\d+)(?: read=(\d+))?", text)
        return 0 if found is None else sum(int(part or 0) for part in found.groups())
    finally:
        await admin.execute("rollback")


@pytest.mark.parametrize("kind", BACKLOGS)
async def test_a_claim_touches_no_more_of_a_large_backlog_than_of_a_small_one(
    db: Database, database_url: str, kind: str
) -> None:
    few, many, made = BACKLOGS[kind]
    owner = await tenant(db)
    admin = await asyncpg.connect(database_url)
    cost: list[dict[str, int]] = []
    try:
        for given in (few, many):
            await admin.execute("truncate workflow_execution_queue, workflow_runs")
            await fill(database_url, owner.workspace_id, given, analyze=False)
            if made:
                await admin.execute(made.format(workspace=owner.workspace_id))
            if made is MADE_CAPPED:
                await admin.execute("update workflows set max_concurrent_runs = 1")
            await packed(admin)
            await admin.execute("analyze workflow_runs; analyze workflows")
            cost.append({name: await pages(admin, sql) for name, sql in {"claim": CLAIM, "waits": WAITS}.items()})
    finally:
        await admin.close()
    small, large = cost
    # Trees are one level higher: a page more for each step into an index.
    assert large["claim"] <= 1.5 * small["claim"] + 40, cost
    assert large["waits"] <= small["waits"] + 10, cost


async def test_an_end_a_cancel_and_a_look_deep_in_a_backlog_of_one_key_touch_little(
    db: Database, database_url: str
) -> None:
    owner = await tenant(db)
    admin = await asyncpg.connect(database_url)
    cancel = "select * from request_cancel({}, '{}', null)"
    try:
        await fill(database_url, owner.workspace_id, Backlog(queued=MANY, keys=1))
        last = await admin.fetchval("select run_id from workflow_execution_queue order by seq desc limit 1")
        first = await admin.fetchval("select run_id from workflow_execution_queue order by seq limit 1")
        other = Tenant(owner.workspace_id, await workflow(db, owner.workspace_id, "other", cap=5))
        alone = new_run(other, concurrency_key="k", claim=Claim(holder="somebody", lease_s=30))
        assert (await accept(db, alone)).claimed
        cost = {
            "end another workflow's": await pages(admin, cancel.format(owner.workspace_id, alone.run_id)),
            "look": await pages(admin, f"select * from run_headers where run_id = '{last}'"),
            "cancel the last": await pages(admin, cancel.format(owner.workspace_id, last)),
            # The first one's end lets the next one of its key go.
            "end the first": await pages(admin, cancel.format(owner.workspace_id, first)),
        }
        # The whole queue has some 250 pages, one of its indexes some 100.
        assert cost["look"] < 60, cost
        assert cost["end another workflow's"] < 100, cost
        assert cost["cancel the last"] < 200, cost
        assert cost["end the first"] < 200, cost
    finally:
        await admin.close()


async def claim(db: Database, most: int, after: WorkspaceId) -> list[queue.Claimed]:
    async with db.single() as connection:
        return await queue.claim(connection, "somebody", most, 30, after)


async def turns_until(db: Database, run_id: RunId, after: WorkspaceId) -> int:
    """How many runs are claimed before this one, one by one as hands get free."""
    for number in range(1_000):
        (claimed,) = await claim(db, 1, after)
        after = claimed.workspace_id
        if claimed.run_id == run_id:
            return number
    raise AssertionError("it isn't claimed")


async def add(db: Database, owner: Tenant) -> RunId:
    run = new_run(owner)
    await accept(db, run)
    return run.run_id


async def test_a_single_run_of_another_workspace_is_next_whatever_one_workspace_has_queued(
    db: Database, database_url: str
) -> None:
    busy, quiet = await tenant(db, "busy"), await tenant(db, "quiet")
    await fill(database_url, busy.workspace_id, Backlog(queued=MANY, workflows=500))
    for _ in range(3):
        run_id = await add(db, quiet)
        assert await turns_until(db, run_id, quiet.workspace_id) <= 1
    # A claim of several gives each of both workspaces its part, and what one doesn't use goes to the other.
    run_id = await add(db, quiet)
    claimed = await claim(db, 10, busy.workspace_id)
    assert len(claimed) == 10
    assert claimed[0].run_id == run_id


async def test_a_single_run_of_another_workflow_is_next_whatever_one_workflow_has_queued(
    db: Database, database_url: str
) -> None:
    owner = await tenant(db)
    await fill(database_url, owner.workspace_id, Backlog(queued=MANY))
    for _ in range(20):
        await claim(db, 5, owner.workspace_id)
    for name in ("one", "two", "three"):
        other = Tenant(owner.workspace_id, await workflow(db, owner.workspace_id, name))
        assert await turns_until(db, await add(db, other), owner.workspace_id) <= 2


async def test_workflows_that_come_with_many_runs_at_once_share_evenly(db: Database) -> None:
    owner = await tenant(db)
    flood = Tenant(owner.workspace_id, await workflow(db, owner.workspace_id, "flood"))
    others = [Tenant(owner.workspace_id, await workflow(db, owner.workspace_id, f"w{n}")) for n in range(3)]
    for _ in range(40):
        await add(db, flood)
    for _ in range(5):
        for other in others:
            await add(db, other)
    given: dict[WorkflowId, int] = {}
    for _ in range(20):
        (claimed,) = await claim(db, 1, owner.workspace_id)
        given[claimed.workflow_id] = given.get(claimed.workflow_id, 0) + 1
    assert given == {one.workflow_id: 5 for one in (flood, *others)}


async def test_every_workspace_has_its_turn_in_one_lap(db: Database) -> None:
    owners = [await tenant(db, f"w{number}") for number in range(12)]
    for owner in owners:
        for _ in range(3):
            await add(db, owner)
    after, given = WorkspaceId(0), list[WorkspaceId]()
    for _ in range(12):
        claimed = await claim(db, 3, after)
        after = claimed[-1].workspace_id
        given.extend(one.workspace_id for one in claimed)
    lap = [owner.workspace_id for owner in owners]
    assert given == lap * 3


async def test_what_was_given_back_goes_before_what_came_later(db: Database) -> None:
    owner = await tenant(db)
    first, second = await add(db, owner), await add(db, owner)
    claimed = await claim(db, 2, owner.workspace_id)
    third = await add(db, owner)
    async with db.single() as connection:
        await queue.release(connection, [(one.run_id, one.epoch) for one in claimed], 0)
    assert [one.run_id for one in await claim(db, 3, owner.workspace_id)] == [first, second, third]


@pytest.mark.parametrize("shape", ["one key", "one full cap"])
async def test_a_run_is_accepted_beside_a_backlog_without_a_look_at_it(
    db: Database, database_url: str, shape: str
) -> None:
    """What a run with a key and a cap asks about its own, it asks of an index, even where nearly all rows are another workflow's."""
    busy, mine = await tenant(db, "busy"), await tenant(db, "mine", cap=3)
    admin = await asyncpg.connect(database_url)
    try:
        await fill(database_url, busy.workspace_id, Backlog(queued=MANY, keys=1 if shape == "one key" else 0))
        if shape == "one full cap":
            await admin.execute("update workflow_execution_queue set state = 'capped'")
        await packed(admin)
        asked = (
            "select from workflow_execution_queue q where q.workflow_id = '{0}' and q.concurrency_key = 'k' order by q.seq limit 1",
            "select anyone_capped('{0}')",
            "select room_under_cap('{0}')",
            "select next_turn({1}, '{0}')",
        )
        for sql in asked:
            assert await pages(admin, sql.format(mine.workflow_id, mine.workspace_id)) < 20, sql
    finally:
        await admin.close()
