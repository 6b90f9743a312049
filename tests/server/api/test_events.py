"""Streams of events: nothing is lost and nothing comes twice, wherever a client takes one up again."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from tests.fixtures.api import Api, Event, problem
from tests.fixtures.flows import flow, step

LOGGED = flow(
    a=step("core.set", values={"x": 1}),
    l=step("core.log", level="info", message="hello", after="a"),
    b=step("core.set", values={}, after="l"),
    f=step("core.fail", code="my.code", message="no", after="b"),
)
RUN = {
    "run_id",
    "workflow_id",
    "workflow",
    "version",
    "status",
    "carrier",
    "trigger_type",
    "trigger_id",
    "test",
    "replay_of",
    "parent_run_id",
    "parent_path",
    "queued_at",
    "started_at",
    "finished_at",
    "cancel_requested_at",
}


async def collected(api: Api, run_id: str, last: str | None = None) -> list[Event]:
    return [event async for event in api.events(f"/runs/{run_id}/events", last)]


async def test_a_run_is_told_from_its_beginning_to_its_end_without_its_data(api: Api) -> None:
    name = await api.create(LOGGED)
    run_id = await api.start(name, {"secret": "data"})
    live = await collected(api, run_id)
    assert (live[-1].kind, live[-1].data["status"], set(live[-1].data)) == ("end", "failed", RUN | {"error"})
    late = await collected(api, run_id)
    for events in (live, late):
        steps = {event.data["path"]: event.data["status"] for event in events if event.kind == "step"}
        assert steps == {"a": "succeeded", "l": "succeeded", "b": "succeeded", "f": "failed"}
        assert [event.data["message"] for event in events if event.kind == "log"] == ["hello"]
        assert not any({"input", "output", "trigger"} & set(event.data) for event in events)
        numbers = [int(event.id) for event in events if event.id is not None]
        assert numbers == sorted(numbers)
        assert [event.kind for event in events].count("end") == 1


async def test_a_stream_goes_on_after_the_last_event_that_was_seen(api: Api) -> None:
    run_id = str((await api.run(await api.create(LOGGED)))["run_id"])
    whole = await collected(api, run_id)
    numbered = [event for event in whole if event.id is not None]
    for seen, event in enumerate(numbered[:-1]):
        rest = [one for one in await collected(api, run_id, event.id) if one.id is not None]
        assert rest == [
            one for one in numbered[seen + 1 :] if int(str(one.id)) > int(str(event.id)) or one.kind == "end"
        ]
    for odd in ("x", "-1", "9" * 18, "9" * 5000, "1.5", ""):
        assert (await collected(api, run_id, odd))[-1].kind == "end"
    headers = {"Last-Event-ID": "²".encode("latin-1")}
    assert (await api.owner.get(f"/runs/{run_id}/events", headers=headers)).text.rstrip().endswith("}")


async def test_a_client_that_comes_back_in_the_middle_misses_nothing(api: Api) -> None:
    name = await api.create(
        flow(
            a=step("core.set", values={}),
            e=step("core.wait_for_event", timeout="1h", after="a"),
            b=step("core.set", values={}, after="e"),
        )
    )
    run_id = await api.start(name)
    seen: list[Event] = []
    async with aclosing(api.events(f"/runs/{run_id}/events")) as events:  # type: ignore[type-var]
        async for event in events:
            seen.append(event)
            if event.kind == "step" and event.data["status"] == "waiting":
                break
    url = str(seen[-1].data["resume_url"])
    assert (await api.outside.post(url, json={"ok": True})).status_code == 200
    await api.end(run_id)
    rest = await collected(api, run_id, seen[-1].id)
    steps = {event.data["path"]: event.data["status"] for event in rest if event.kind == "step"}
    assert (steps, rest[-1].data["status"]) == ({"e": "succeeded", "b": "succeeded"}, "succeeded")


async def test_the_workspace_stream_tells_of_all_runs_and_can_be_taken_up(api: Api) -> None:
    name = await api.create(flow(a=step("core.set", values={})))
    told: asyncio.Queue[Event] = asyncio.Queue()

    async def listen(last: str | None) -> None:
        async for event in api.events("/runs/events", last):
            if event.data["workflow"] == name:
                told.put_nowait(event)

    async def end_of(run_id: str) -> Event:
        while True:
            event = await told.get()
            if event.kind == "end" and event.data["run_id"] == run_id:
                return event

    started = await api.run(name)
    async with api.owner.stream("GET", "/runs/events") as response:
        lines = response.aiter_lines()
        assert (await anext(lines)).startswith(":"), "it answers before anything happens"
    listener = asyncio.create_task(listen(f"0-{started['run_id']}"))
    first = await end_of(str(started["run_id"]))
    assert set(first.data) == RUN
    second = await api.start(name)
    place = (await end_of(second)).id
    listener.cancel()
    third = await api.start(name)
    await api.end(third)
    listener = asyncio.create_task(listen(place))
    resumed = await end_of(third)
    assert resumed.data["status"] == "succeeded"
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)


async def test_a_run_that_is_not_there_is_a_problem_and_not_a_stream(api: Api) -> None:
    problem(await api.owner.get("/runs/0190d5a0-0000-7000-8000-000000000000/events"), 404, "run.unknown")
