"""Streams: complete, in order, and taken up again where they were left."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.problems import NotFound
from engine.runs.events import Event, _place, run_events, workspace_events
from engine.runs.reading import run_id_of
from tests.engine.runs.stack import Stack
from tests.fixtures.flows import flow, step

LOGGED = flow(
    a=step("core.log", level="info", message="hello {{ input }}"),
    b=step("core.wait", duration="300ms", after="a"),
    c=step("core.set", values={"x": 1}, after="b"),
)


async def collect(stack: Stack, run_id: object, last: str | None = None) -> list[Event]:
    stream = run_events(stack.db, stack.hub, stack.workspace_id, run_id_of(str(run_id)), last)
    return [event async for event in stream if event.kind is not None]


async def test_a_stream_tells_of_each_step_and_closes_with_the_end(stack: Stack) -> None:
    name = await stack.define(LOGGED)
    events = await collect(stack, await stack.start(name, "world"))
    assert events[-1].kind == "end"
    numbers = [int(event.id) for event in events if event.id is not None]
    assert numbers == sorted(numbers)
    done = {(event.data["path"], event.data["status"]) for event in events if event.kind == "step"}  # type: ignore[index, call-overload]
    assert {("a", "succeeded"), ("b", "succeeded"), ("c", "succeeded")} <= done
    (line,) = [event for event in events if event.kind == "log"]
    assert line.data["message"] == "hello world"  # type: ignore[index, call-overload]
    assert all("output" not in event.data for event in events if event.kind == "step")  # type: ignore[operator]


async def test_from_any_place_on_nothing_is_missed(stack: Stack) -> None:
    name = await stack.define(LOGGED)
    run_id = (await stack.run(name, "x")).run_id
    whole = [event for event in await collect(stack, run_id) if event.id is not None]
    for position, event in enumerate(whole[:-1]):
        rest = [later for later in await collect(stack, run_id, event.id) if later.id is not None]
        assert rest == whole[position + 1 :]
    assert [event.kind for event in await collect(stack, run_id, whole[-1].id)] == ["end"]
    with pytest.raises(NotFound):
        await collect(stack, "00000000-0000-7000-8000-000000000000")


async def test_a_workspaces_stream_tells_of_all_runs_and_goes_on_after_a_break(stack: Stack) -> None:
    name = await stack.define(LOGGED)
    seen: list[Event] = []
    ready = asyncio.Event()

    async def follow(last: str | None, ends: int) -> None:
        async for event in workspace_events(stack.db, stack.hub, stack.workspace_id, last):
            ready.set()
            if event.kind is not None:
                seen.append(event)
            if sum(1 for one in seen if one.kind == "end") >= ends:
                return

    following = asyncio.create_task(follow(None, 1))
    await ready.wait()
    first = await stack.run(name, 1)
    await following
    assert {event.data["run_id"] for event in seen} == {str(first.run_id)}  # type: ignore[index, call-overload]
    missed = [await stack.run(name, number) for number in range(3)]
    await follow(seen[-1].id, 4)
    ended = [event.data["run_id"] for event in seen if event.kind == "end"]  # type: ignore[index, call-overload]
    assert ended == [str(run.run_id) for run in [first, *missed]]


@settings(max_examples=100)
@given(st.text(max_size=60))
def test_any_text_as_a_last_id_is_taken(text: str) -> None:
    _place(text)
