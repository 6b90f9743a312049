"""Whatever dies, in whatever order, while runs of every kind are under way: all end well, and the outside can tell nothing but repeats."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from chaos.processes import PARTS
from tests.faults.stand import Stand, repeated
from tests.fixtures.flows import flow, step

SEED = 1
ROUNDS = 8
RUNS_A_ROUND = 12


def call(url: str, path: str, method: str, after: str | None = None, **more: Any) -> dict[str, Any]:
    # A server that goes away in mid-request may look like a refusal to the step: it has attempts enough.
    retry = {"max_attempts": 20, "initial": "100ms", "max_interval": "1s"}
    return step("http.request", method=method, url=f"{url}{path}", after=after) | {"retry": retry, **more}


def order(url: str) -> dict[str, Any]:
    return flow(
        "{{ steps.lines.output | sum }}",
        name="order",
        take=call(url, "/chaos/{{ input }}/take", "POST"),
        look=call(url, "/chaos/{{ input }}/look", "GET", after="take"),
        pause=step("core.wait", duration="300ms", after="take"),
        lines=step("core.for_each", items=list(range(20)), collect="{{ item }}", concurrency=3, after="look pause"),
        line=call(url, "/chaos/{{ input }}/line/{{ item }}", "PUT") | {"parent": "lines"},
        tell=call(url, "/chaos/{{ input }}/tell", "POST", after="lines"),
    )


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_every_run_ends_well_and_each_repeat_is_in_its_log(stand: Stand) -> None:
    chance = random.Random(SEED)
    name = await stand.deploy(order(stand.ledger.url))
    run_ids: list[str] = []
    for _ in range(ROUNDS):
        first = len(run_ids)
        run_ids += await asyncio.gather(*(stand.start(name, first + n) for n in range(RUNS_A_ROUND)))
        await stand.ledger.arrived(f"/chaos/{first + chance.randrange(RUNS_A_ROUND)}/line/{chance.randrange(20)}")
        await stand.kill(*chance.sample(PARTS, chance.choice([1, 1, 2])))
    runs = await asyncio.gather(*(stand.ended(run_id) for run_id in run_ids))
    assert Counter(run["status"] for run in runs) == {"succeeded": len(run_ids)}
    assert {run["output"] for run in runs} == {sum(range(20))}
    for number, run_id in enumerate(run_ids):
        rows = await stand.attempts(run_id)
        assert repeated(rows) == []
        assert {path for path, _, status in rows if status == "succeeded"} == {
            "take",
            "look",
            "pause",
            "lines",
            "tell",
            *(f"lines[{n}].line" for n in range(20)),
        }
        attempts = Counter(path for path, _, _ in rows)
        for path in ("take", "tell"):
            requests = await stand.ledger.all(f"/chaos/{number}/{path}")
            assert {request.key for request in requests} == {f"{run_id}:{path}"}
            assert len(requests) <= attempts[path]
        lines = await stand.ledger.all(f"/chaos/{number}/line/")
        assert len({request.key for request in lines}) == 20
