"""Cancelling, in every state, alone and in bulk."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from db.ids import RunId
from engine import names
from engine.problems import Invalid, NotFound
from tests.engine.runs.stack import Stack
from tests.fixtures.flows import flow, step


async def test_a_waiting_run_is_cancelled_with_its_finally_run(stack: Stack) -> None:
    name = await stack.define(
        flow(
            t=step("core.try"),
            w=step("core.wait", duration="1h", parent="t:body"),
            f=step("core.set", values={"done": True}, parent="t:finally"),
        )
    )
    run_id = await stack.start(name)
    await stack.until(run_id, lambda row: row.status == "waiting")
    assert await stack.canceller.cancel(stack.workspace_id, run_id)
    assert (await stack.end(run_id)).status == "cancelled"
    rows = {row["path"]: row["status"] for row in await stack.steps(run_id)}
    assert rows == {"t": "cancelled", "t.w": "cancelled", "t.f": "succeeded"}
    assert not await stack.canceller.cancel(stack.workspace_id, run_id), "it had ended before"


async def test_a_run_that_has_not_begun_ends_at_once_and_the_next_of_its_key_goes(stack: Stack) -> None:
    name = await stack.define(flow(w=step("core.wait", duration="1h"), settings={"concurrency_key": "one"}))
    first, second, third = [await stack.start(name) for _ in range(3)]
    await stack.until(first, lambda row: row.status == "waiting")
    await stack.canceller.cancel(stack.workspace_id, second)
    row = await stack.end(second)
    assert (row.status, row.started_at) == ("cancelled", None)
    await stack.canceller.cancel(stack.workspace_id, first)
    await stack.until(third, lambda row: row.status == "waiting")
    await stack.canceller.cancel(stack.workspace_id, third)
    await stack.end(third)


async def waiting_for_its_child(stack: Stack, name: str) -> tuple[RunId, str]:
    """A run, and the one that it waits for."""
    await stack.define(flow(name=f"{name}-child", w=step("core.wait", duration="1h")))
    await stack.define(flow(name=name, c=step("core.subworkflow", workflow=f"{name}-child")))
    run_id = await stack.start(name)
    await stack.until(run_id, lambda row: row.status == "waiting")
    (row,) = await stack.steps(run_id)
    return run_id, str(row["child_run_id"])


async def test_cancelling_goes_down_to_children(stack: Stack) -> None:
    run_id, child = await waiting_for_its_child(stack, "parent")
    await stack.canceller.cancel(stack.workspace_id, run_id)
    assert (await stack.end(run_id)).status == "cancelled"
    assert (await stack.end(child)).status == "cancelled"


async def test_a_run_is_cancelled_though_its_childs_workflow_was_purged(stack: Stack, database_url: str) -> None:
    run_id, child = await waiting_for_its_child(stack, "bereft")
    await purged(database_url, child)  # between the child's end and the parent's hearing of it
    await stack.canceller.cancel(stack.workspace_id, run_id)
    assert (await stack.end(run_id)).status == "cancelled"


async def test_an_execution_closes_though_its_run_was_purged(stack: Stack, database_url: str) -> None:
    """As one does that ended its run, and whose answer about that was lost: it tries to end it again."""
    name = await stack.define(flow(w=step("core.wait", duration="1h")))
    run_id = await stack.start(name)
    await stack.until(run_id, lambda row: row.status == "waiting")
    await purged(database_url, str(run_id))
    handle = stack.client.get_workflow_handle(str(run_id))
    await handle.signal(names.SIGNAL_CANCEL, "gone")
    await asyncio.wait_for(handle.result(), 30)


async def purged(database_url: str, run_id: str) -> None:
    """What a purge leaves of an ended run."""
    admin = await asyncpg.connect(database_url)
    try:
        for table in ("workflow_execution_queue", "workflow_execution_logs", "workflow_runs"):
            await admin.execute(f"delete from {table} where run_id = $1", UUID(run_id))
    finally:
        await admin.close()


async def test_many_are_cancelled_by_a_filter_and_an_empty_one_is_refused(stack: Stack) -> None:
    name = await stack.define(flow(name="waits", w=step("core.wait", duration="1h")))
    other = await stack.define(flow(name="others", w=step("core.wait", duration="1h")))
    ids = [await stack.start(name) for _ in range(3)]
    left = await stack.start(other)
    told = (await stack.bulk.cancel(stack.workspace_id, {"filter": {"workflow": "waits"}})).told
    assert told["count"] == 3
    for run_id in ids:
        assert (await stack.end(run_id)).status == "cancelled"
    assert (await stack.view(left))["status"] != "cancelled"
    await stack.canceller.cancel(stack.workspace_id, left)
    await stack.end(left)
    with pytest.raises(Invalid):
        await stack.bulk.cancel(stack.workspace_id, {"filter": {}})
    with pytest.raises(Invalid):
        await stack.bulk.cancel(stack.workspace_id, {"filter": {"statsu": "failed"}})
    with pytest.raises(NotFound):
        await stack.bulk.cancel(stack.workspace_id, {"filter": {"workflow": "nobody"}})


async def test_deleting_a_workflow_cancels_what_waits_and_purging_takes_its_runs(stack: Stack) -> None:
    name = await stack.define(flow(w=step("core.wait", duration="1h")))
    run_id = await stack.start(name)
    await stack.until(run_id, lambda row: row.status == "waiting")
    await stack.definitions.delete(stack.workspace_id, name)
    assert (await stack.end(run_id)).status == "cancelled"
    assert (await stack.view(run_id))["workflow"] == name, "runs stay readable"
    with pytest.raises(NotFound):
        await stack.definitions.delete(stack.workspace_id, name)
    await stack.definitions.delete(stack.workspace_id, name, purge=True)
    with pytest.raises(NotFound):
        await stack.view(run_id)
