"""Loops of the size that the product promises; no history may come near Temporal's limit."""

from __future__ import annotations

import random

import pytest

from engine.expressions.values import Json
from tests.fixtures.carrier import Carrier
from tests.fixtures.flows import flow, step
from tests.fixtures.http_server import Answer, HttpServer

MOST_EVENTS = 10_240


async def longest(carrier: Carrier, run_id: object) -> int:
    """Events of the run's longest history."""
    found: list[int] = []
    execution: str | None = (await carrier.client.get_workflow_handle(str(run_id)).describe()).run_id
    while execution:
        handle = carrier.client.get_workflow_handle(str(run_id), run_id=execution)
        history = await handle.fetch_history()
        found.append(len(history.events))
        execution = history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    return max(found)


@pytest.mark.slow
async def test_twenty_thousand_items(carrier: Carrier) -> None:
    items: list[Json] = list(range(20_000))
    document = flow(
        "{{ steps.each.output | sum }}",
        each=step("core.for_each", items="{{ input }}", collect="{{ steps.one.output.n }}", concurrency=8),
        one=step("core.set", values={"n": "{{ item }}"}, parent="each"),
    )
    run = await carrier.run(document, items)
    assert (run.status, run.output) == ("succeeded", sum(range(20_000)))
    assert len(await carrier.steps(str(run.run_id))) == 20_001
    assert await longest(carrier, run.run_id) < MOST_EVENTS


@pytest.mark.slow
async def test_fifty_thousand_rounds(carrier: Carrier) -> None:
    document = flow(
        "{{ steps.loop.output }}",
        loop=step("core.while", condition="{{ loop.state.n < 50000 }}", max_iterations=60_000, state={"n": 0}),
        one=step("core.set_state", state={"n": "{{ loop.state.n + 1 }}"}, parent="loop"),
    )
    run = await carrier.run(document)
    assert (run.status, run.output) == ("succeeded", {"iterations": 50_000, "state": {"n": 50_000}})
    assert len(await carrier.steps(str(run.run_id))) == 50_001
    assert await longest(carrier, run.run_id) < MOST_EVENTS


@pytest.mark.slow
async def test_many_large_answers_at_once_never_fill_one_message(carrier: Carrier, http_server: HttpServer) -> None:
    """400 answers of 30 KB that don't compress, all asked for together: 12 MB, where Temporal takes 4 in one message."""
    chance = random.Random(1)
    http_server.handle("GET", "/a", lambda request: Answer.of_json(chance.randbytes(15_000).hex()))
    document = flow(
        "{{ steps.each.output | sum }}",
        each=step(
            "core.for_each", items="{{ input }}", concurrency=400, collect="{{ steps.one.output.body | length }}"
        ),
        one=step("http.request", url=f"{http_server.url}/a", parent="each"),
    )
    run = await carrier.run(document, list(range(400)))
    assert run.error is None
    assert (run.status, run.output) == ("succeeded", 400 * 30_000)
    assert len(http_server.requests) == 400
