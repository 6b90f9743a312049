"""Ten thousand runs by a filter, cut short on the way."""

import asyncio
import time

import asyncpg
import pytest

from db.pool import Database
from engine.runs.bulk import Many
from tests.engine.runs.stack import Document, open_stack
from tests.fixtures.flows import flow, step

CLONE = """
insert into workflow_runs (workspace_id, run_id, workflow_id, version, compiled_hash, status, trigger_type, trigger, origin,
    queued_at, started_at, finished_at, expires_at, search)
select workspace_id, (left(run_id::text, 24) || lpad(to_hex(n), 12, '0'))::uuid, workflow_id, version, compiled_hash, 'failed',
    trigger_type, trigger, run_id::text || n, queued_at, now(), now(), now() + interval '30 days', search
from workflow_runs, generate_series(1, $1::integer) n
"""


async def everything(db: Database, temporal_address: str, database_url: str, count: int) -> dict[str, float]:
    """Seconds of the look, the replay and the cancel of so many runs."""
    took: dict[str, float] = {}
    async with open_stack(db, temporal_address, working=False) as stack:
        # Under a cap of one only one execution is started, and nobody works on it.
        name = await stack.define(flow(a=step("core.set", values={}), settings={"max_concurrent_runs": 1}))
        await stack.start(name, {"order": 1})
        admin = await asyncpg.connect(database_url)
        try:
            await admin.execute(CLONE, count)
            body: Document = {"filter": {"workflow": name, "status": "failed"}, "operation": "mend"}

            async def pages(body: Document, act: str = "replay") -> list[Many]:
                begun = time.perf_counter()
                authority = {"authority": "owner"} if act == "replay" else {}
                found = [await getattr(stack.bulk, act)(stack.workspace_id, body, **authority)]
                while found[-1].cursor is not None:
                    found.append(
                        await getattr(stack.bulk, act)(stack.workspace_id, body, found[-1].cursor, **authority)
                    )
                took[f"{act}{' (look)' if found[0].dry else ''}"] = time.perf_counter() - begun
                return found

            look = await pages({**body, "dry_run": True})
            assert sum(int(str(page.told["count"])) for page in look) == count
            cut_short = asyncio.create_task(pages(body))
            while await admin.fetchval("select count(*) from workflow_runs where replay_of is not null") < count // 4:
                await asyncio.sleep(0.01)
            cut_short.cancel()
            await asyncio.gather(cut_short, return_exceptions=True)
            done = await pages(body)
            assert sum(int(str(page.told["count"])) for page in done) == count
            rows = await admin.fetch(
                "select r.replay_of from workflow_runs r join workflow_execution_queue q using (run_id) "
                "where r.replay_of is not null order by q.seq"
            )
            replayed = [row[0] for row in rows]
            assert len(replayed) == len(set(replayed)) == count, "each once"
            assert replayed == sorted(replayed), "in the order in which they had been accepted"
            cancelled = await pages({"filter": {"workflow": name}}, "cancel")
            assert sum(int(str(page.told["count"])) for page in cancelled) == count + 1
            assert await admin.fetchval("select count(*) from workflow_execution_queue where state = 'ready'") == 0
        finally:
            await admin.close()
    return took


async def test_a_thousand_runs_are_replayed_once_each_and_in_order_though_it_was_cut_short(
    db: Database, temporal_address: str, database_url: str
) -> None:
    await everything(db, temporal_address, database_url, 1_100)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_ten_thousand_runs_too(db: Database, temporal_address: str, database_url: str) -> None:
    took = await everything(db, temporal_address, database_url, 10_000)
    print("seconds for 10,000 runs:", {act: round(seconds, 1) for act, seconds in took.items()})
