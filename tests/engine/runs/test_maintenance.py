"""What is past its time goes, what is not stays."""

import asyncpg
import pytest

from engine.maintenance import Maintenance
from engine.problems import NotFound
from tests.engine.runs.stack import Stack
from tests.fixtures.flows import flow, step


async def test_a_round_deletes_runs_past_their_retention_and_keeps_the_others(stack: Stack, database_url: str) -> None:
    name = await stack.define(flow(a=step("core.set", values={}), settings={"retention_days": 1}))
    old, new = (await stack.run(name)).run_id, (await stack.run(name)).run_id
    admin = await asyncpg.connect(database_url)
    await admin.execute("update workflow_runs set expires_at = now() - interval '1 minute' where run_id = $1", old)
    await admin.close()
    maintenance = Maintenance(stack.db, _always)
    await maintenance.round()
    with pytest.raises(NotFound):
        await stack.view(old)
    assert (await stack.view(new))["status"] == "succeeded"
    assert len(await stack.steps(new)) == 1
    await maintenance.round()


async def test_a_run_is_kept_as_long_as_the_version_says_that_it_ran(stack: Stack, database_url: str) -> None:
    name = await stack.define(flow(a=step("core.set", values={}), settings={"retention_days": 2}))
    before = (await stack.run(name)).run_id
    longer = flow(a=step("core.set", values={}), settings={"retention_days": 20})
    await stack.definitions.save_draft(stack.workspace_id, None, name, longer, 1, authority="owner")
    await stack.definitions.deploy(stack.workspace_id, None, name, None, None, authority="owner")
    after = (await stack.run(name)).run_id
    old = (await stack.run(name, version=1)).run_id
    admin = await asyncpg.connect(database_url)
    await admin.execute("update workflow_runs set expires_at = expires_at - interval '3 days'")
    await admin.close()
    await Maintenance(stack.db, _always).round()
    assert (await stack.view(after))["status"] == "succeeded"
    for run_id in (before, old):
        with pytest.raises(NotFound):
            await stack.view(run_id)


async def _always(name: str) -> bool:
    return True
