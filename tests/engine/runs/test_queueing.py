"""Keys, caps, and what a run that waits says about it."""

import asyncio
import itertools

import pytest

from db.ids import RunId
from db.run_rows import RunFilter
from engine.expressions.values import Json
from tests.engine.runs.stack import Stack
from tests.fixtures.flows import flow, step
from tests.fixtures.http_server import Answer, HttpServer


def kinds(view: dict[str, Json]) -> list[object]:
    waiting = view["waiting_for"]
    assert isinstance(waiting, list)
    return [reason["kind"] for reason in waiting if isinstance(reason, dict)]


async def told(stack: Stack, run_id: RunId) -> object:
    """The one reason in words."""
    (reason,) = (await stack.view(run_id))["waiting_for"]  # type: ignore[misc, union-attr]
    assert isinstance(reason, dict)
    return reason["reason"]


async def test_runs_of_one_key_go_one_at_a_time_in_the_order_they_came(stack: Stack) -> None:
    name = await stack.define(
        flow(
            a=step("core.wait", duration="1ms"),
            b=step("http.request", url="http://127.0.0.1:9/", method="GET", after="a") | {"disabled": True},
            settings={"concurrency_key": "{{ input.customer }}"},
        )
    )
    started: dict[str, list[RunId]] = {"x": [], "y": []}
    for _ in range(5):
        for customer in started:
            started[customer].append(await stack.start(name, {"customer": customer}))
    for ids in started.values():
        rows = [await stack.end(run_id) for run_id in ids]
        assert all(row.status == "succeeded" for row in rows)
        for earlier, later in itertools.pairwise(rows):
            assert earlier.finished_at is not None
            assert later.started_at is not None
            assert earlier.finished_at <= later.started_at


async def test_a_run_that_waits_says_what_for(stack: Stack) -> None:
    name = await stack.define(
        flow(
            e=step("core.wait_for_event", timeout="1h"),
            settings={"concurrency_key": "{{ input }}", "max_concurrent_runs": 2},
        )
    )
    first = await stack.start(name, "a")
    await stack.until(first, lambda row: row.status == "waiting")
    blocked = await stack.start(name, "a")
    await stack.start(name, "b")
    capped = await stack.start(name, "c")
    view = await stack.view(first)
    assert kinds(view) == ["event"]
    (event,) = view["waiting_for"]  # type: ignore[misc]
    assert isinstance(event, dict)
    assert (event["path"], str(event["resume_url"]).startswith("http://localhost:8080/resume/")) == ("e", True)
    assert event["until"] is not None
    assert f"until {event['until']}" in str(event["reason"])
    assert kinds(await stack.view(blocked)) == ["key"]
    assert await told(stack, blocked) == f"The run {first} with the same concurrency key 'a' has not ended."
    assert kinds(await stack.view(capped)) == ["cap"]
    assert await told(stack, capped) == "2 runs of the workflow 'flow' are open, and its max_concurrent_runs allows 2."
    listed = await stack.reader.list_runs(stack.workspace_id, RunFilter(), None, 10)
    assert next(kinds(item) for item in listed.items if isinstance(item, dict)) == ["cap"]
    await stack.canceller.cancel(stack.workspace_id, first)
    assert (await stack.end(first)).status == "cancelled"
    await stack.until(blocked, lambda row: row.status == "waiting")


async def test_no_more_runs_than_the_cap_are_open_and_all_get_their_turn(stack: Stack) -> None:
    name = await stack.define(
        flow("{{ input }}", a=step("core.wait", duration="20ms"), settings={"max_concurrent_runs": 2})
    )
    ids = [await stack.start(name, number) for number in range(8)]
    rows = await asyncio.gather(*(stack.end(run_id) for run_id in ids))
    assert [row.output for row in rows] == list(range(8))
    moments = sorted(
        [(row.started_at, 1) for row in rows if row.started_at]
        + [(row.finished_at, -1) for row in rows if row.finished_at]
    )
    open_now = 0
    for _, change in moments:
        open_now += change
        assert open_now <= 2


@pytest.mark.timeout(40)  # a poll for each of them would take a minute
async def test_a_backlog_behind_a_cap_is_worked_off_without_waiting_for_polls(stack: Stack) -> None:
    name = await stack.define(flow(a=step("core.set", values={}), settings={"max_concurrent_runs": 1}))
    rows = [await stack.end(run_id) for run_id in [await stack.start(name) for _ in range(20)]]
    assert all(row.status == "succeeded" for row in rows)


async def test_a_step_that_waits_for_its_next_attempt_says_which_one_failed_and_why(
    stack: Stack, http_server: HttpServer
) -> None:
    http_server.answer("GET", "/", Answer(503))
    retry: Json = {"max_attempts": 3, "initial": "1h"}
    name = await stack.define(flow(a=step("http.request", url=f"{http_server.url}/", method="GET") | {"retry": retry}))
    run_id = await stack.start(name)
    await stack.until(run_id, lambda row: row.status in ("waiting", "failed"))
    assert str(await told(stack, run_id)).startswith("Attempt 1 failed with http.503; attempt 2 waits for its time, 20")
