"""Copies of one webhook that come at the same moment, to two processes: one run, and each copy is answered with it."""

import asyncio
import json
import random

import asyncpg
import pytest

from db.pool import Database
from tests.engine.runs.stack import open_stack
from tests.fixtures.flows import flow, step

NOWHERE = "127.0.0.1:9"
HOOK = {"hook": {"module": "webhook.trigger", "version": 1, "inputs": {}}}


@pytest.mark.parametrize("count", [100, pytest.param(2_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
async def test_five_copies_at_once_of_each_webhook_with_one_key_make_one_run(
    db: Database, database_url: str, count: int
) -> None:
    async with (
        open_stack(db, NOWHERE, working=False, lazy=True) as one,
        open_stack(db, NOWHERE, working=False, lazy=True) as other,
    ):
        name = await one.define(flow(a=step("core.set", values={})) | {"triggers": HOOK})
        gate = asyncio.Semaphore(50)

        async def post(number: int, copy: int) -> tuple[int, str]:
            async with gate:
                stack = (one, other)[copy % 2]
                body = json.dumps({"number": number}).encode()
                answer = await stack.post(name, body, headers={"idempotency-key": f"event-{number}"})
            assert answer.status == 202
            return number, str(json.loads(answer.body)["run_id"])

        asked = [(number, copy) for number in range(count) for copy in range(5)]
        # Copies stay close together, so that they meet, in an order of their own.
        chance = random.Random(11)  # the same each time
        asked.sort(key=lambda pair: pair[0] + chance.random() * 2)
        answered = await asyncio.gather(*(post(*pair) for pair in asked))
    assert len(set(answered)) == len({run_id for _, run_id in answered}) == count
    admin = await asyncpg.connect(database_url)
    try:
        assert await admin.fetchval("select count(*) from workflow_runs") == count
        assert await admin.fetchval("select count(*) from workflow_execution_queue") == count
    finally:
        await admin.close()
