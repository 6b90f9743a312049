"""Events by the API and by steps: who starts, which waits end, what is kept, and what never goes round for ever."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from engine.expressions.values import Json
from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step

SEEN = flow("{{ trigger }}", a=step("core.set", values={}))


def trigger(module: str, **inputs: Json) -> dict[str, Any]:
    return {"module": module, "version": 1, "inputs": inputs}


def listening(document: dict[str, Any] = SEEN, /, **inputs: Json) -> dict[str, Any]:
    return {**document, "triggers": {"told": trigger("event.trigger", **inputs)}}


def waiting(**inputs: Json) -> dict[str, Any]:
    return flow("{{ steps.w.output }}", w=step("core.wait_for_event", **inputs))


async def tell(api: Api, name: str, data: Json = None, key: Json = None) -> int:
    answer = await api.editor.post("/events", json={"name": name, "data": data, "key": key})
    assert answer.status_code == 202, answer.text
    return answer.json()["delivered"]


async def runs(api: Api, workflow: str, least: int = 1) -> list[dict[str, Any]]:
    """Oldest first and ended, once there are so many."""
    while True:
        found = (await api.viewer.get("/runs", params={"workflow": workflow})).json()["items"]
        if len(found) >= least:
            return [await api.end(run["run_id"]) for run in found[::-1]]
        await asyncio.sleep(0.02)


async def inbox(api: Api, **params: str) -> list[dict[str, Any]]:
    """Oldest first."""
    return (await api.viewer.get("/inbox", params=params)).json()["items"][::-1]


async def until_waiting(api: Api, run_id: str) -> None:
    await api.until(run_id, "waiting")


async def test_an_event_starts_what_listens_for_its_name_in_order(api: Api) -> None:
    name = await api.create(listening(name="order.paid"))
    other = await api.create(listening(name="order.lost"))
    for number in range(5):
        assert await tell(api, "order.paid", {"n": number}, key=7) == 1
    found = await runs(api, name, 5)
    assert [run["output"]["body"]["n"] for run in found] == [0, 1, 2, 3, 4]
    assert {**found[0]["output"], "body": None} == {
        "type": "event",
        "id": "told",
        "body": None,
        "name": "order.paid",
        "key": "7",
    }
    assert [one["verdict"] for one in await inbox(api, workflow=name)] == ["accepted"] * 5
    assert await inbox(api, workflow=other) == []


async def test_a_filter_decides_when_the_event_is_told(api: Api) -> None:
    name = await api.create(listening(name="filtered", filter="{{ trigger.body.amount > 100 }}"))
    assert [await tell(api, "filtered", {"amount": amount}) for amount in (99, 101)] == [0, 1]
    assert await tell(api, "filtered", {"sum": 1}) == 0
    [run] = await runs(api, name)
    assert run["output"]["body"] == {"amount": 101}
    refused = await inbox(api, workflow=name, verdict="refused")
    assert len(refused) == 1
    assert "filter" in refused[0]["reason"]
    assert "amount" in refused[0]["reason"]


async def test_an_event_that_nobody_hears_is_seen_in_the_inbox(api: Api) -> None:
    assert await tell(api, "unheard.of", {"a": 1}) == 0
    [found] = [one for one in await inbox(api, kind="event") if one["source"] == "event:unheard.of"]
    assert (found["verdict"], found["reason"], found["workflow"]) == ("refused", "Nothing listens to it.", None)


async def test_events_for_a_paused_workflow_wait_for_it(api: Api) -> None:
    name = await api.create(listening(name="paused.one"))
    await api.editor.patch(f"/workflows/{name}", json={"status": "paused"})
    assert await tell(api, "paused.one", 1) == 1
    while not (found := await inbox(api, workflow=name, verdict="waiting")) or found[0]["reason"] is None:
        await asyncio.sleep(0.02)
    assert found[0]["reason"] == "The workflow is paused."
    await api.editor.patch(f"/workflows/{name}", json={"status": "active"})
    [run] = await runs(api, name)
    assert run["output"]["body"] == 1


async def test_a_trigger_listens_with_its_version(api: Api) -> None:
    name = await api.create(listening(name="first.name"))
    draft = (await api.editor.get(f"/workflows/{name}/draft")).json()
    moved = {**listening(name="second.name"), "name": name}
    await api.editor.put(f"/workflows/{name}/draft", json={"document": moved, "base_revision": draft["revision"]})
    assert [await tell(api, one) for one in ("first.name", "second.name")] == [1, 0]
    await api.editor.post(f"/workflows/{name}/deploy", json={})
    assert [await tell(api, one) for one in ("first.name", "second.name")] == [0, 1]
    await api.editor.post(f"/workflows/{name}/versions/1/rollback")
    assert [await tell(api, one) for one in ("first.name", "second.name")] == [1, 0]
    await api.owner.delete(f"/workflows/{name}")
    assert [await tell(api, one) for one in ("first.name", "second.name")] == [0, 0]


async def test_an_event_ends_every_wait_under_its_key(api: Api) -> None:
    name = await api.create(waiting(key="{{ trigger.body.order }}"))
    both = [await api.start(name, {"order": "A-1"}) for _ in range(2)]
    other = await api.start(name, {"order": "A-2"})
    for run_id in (*both, other):
        await until_waiting(api, run_id)
    assert await tell(api, "any.name", {"by": "x"}, key="A-1") == 2
    assert [(await api.end(run_id))["output"] for run_id in both] == [{"by": "x"}] * 2
    assert (await api.viewer.get(f"/runs/{other}")).json()["status"] == "waiting"
    assert await tell(api, "any.name", None, key="A-1") == 0  # kept: the waits are over
    assert await tell(api, "any.name", 2, key="A-2") == 1
    assert (await api.end(other))["output"] == 2


async def test_an_event_that_comes_first_is_kept_and_ends_one_wait(api: Api) -> None:
    name = await api.create(waiting(key="early"))
    assert [await tell(api, "early", number, key="early") for number in (1, 2)] == [0, 0]
    ended = [(await api.run(name))["output"] for _ in range(2)]
    third = await api.start(name)
    await until_waiting(api, third)
    assert ended == [1, 2]
    await api.editor.post(f"/runs/{third}/cancel")
    await api.end(third)


async def test_a_wait_takes_only_what_fits_its_schema(api: Api) -> None:
    name = await api.create(waiting(key=7, schema={"type": "object", "required": ["ok"]}))
    assert await tell(api, "early", {"no": 1}, key="7") == 0
    run_id = await api.start(name)
    await until_waiting(api, run_id)
    assert await tell(api, "late", {"no": 2}, key=7) == 0
    assert await tell(api, "late", {"ok": 3}, key=7) == 1
    assert (await api.end(run_id))["output"] == {"ok": 3}


async def test_a_wait_that_is_over_takes_nothing_away(api: Api) -> None:
    timed = await api.create(
        flow(
            "{{ steps.after.output.v }}",
            w=step("core.wait_for_event", key="over", timeout="1s"),
            after=step("core.set", after="w:timeout", values={"v": "late"}),
        )
    )
    assert (await api.run(timed))["output"] == "late"
    cancelled = await api.create(waiting(key="over"))
    run_id = await api.start(cancelled)
    await until_waiting(api, run_id)
    await api.editor.post(f"/runs/{run_id}/cancel")
    await api.end(run_id)
    assert await tell(api, "x", 5, key="over") == 0
    assert (await api.run(cancelled))["output"] == 5


async def test_a_wait_can_still_be_answered_at_its_address(api: Api) -> None:
    name = await api.create(waiting(key="both-ways"))
    run_id = await api.start(name)
    await until_waiting(api, run_id)
    [row] = await api.steps(run_id)
    assert (await api.viewer.post(row["resume_url"], json={"by": "hand"})).status_code in (200, 202)
    assert (await api.end(run_id))["output"] == {"by": "hand"}
    assert await tell(api, "x", 1, key="both-ways") == 0


async def test_a_step_tells_an_event_once_with_its_row(api: Api) -> None:
    listener = await api.create(listening(name="from.step"))
    name = await api.create(
        flow(
            "{{ steps.e.output }}",
            e=step("event.emit", name="from.step", key="{{ trigger.body.k }}", data="{{ trigger.body }}"),
        )
    )
    waits = await api.create(waiting(key="k1"))
    run_id = await api.start(waits)
    await until_waiting(api, run_id)
    assert (await api.run(name, {"k": "k1"}))["output"] == {"delivered": 2}
    assert (await api.end(run_id))["output"] == {"k": "k1"}
    [run] = await runs(api, listener)
    assert run["output"]["body"] == {"k": "k1"}


async def test_data_that_is_too_large_is_told_to_nobody(api: Api) -> None:
    name = await api.create(flow(e=step("event.emit", name="big", data="{{ 'x' * 1048577 }}")))
    ended = await api.run(name)
    assert ended["error"]["code"] == "payload.too_large"
    answer = await api.editor.post(
        "/events",
        content=json.dumps({"name": "big", "data": "x" * 2**20}),
        headers={"content-type": "application/json"},
    )
    problem(answer, 413, "body.too_large")


async def test_a_bad_request_tells_nothing(api: Api) -> None:
    for body, code in (
        ({"name": ""}, "name.invalid"),
        ({"name": "a\nb"}, "name.invalid"),
        ({"data": 1}, "name.invalid"),
        ({"name": "a", "key": ""}, "key.invalid"),
        ({"name": "a", "key": True}, "key.invalid"),
        ({"name": "a", "keys": "b"}, "request.invalid"),
        ([], "request.invalid"),
    ):
        problem(await api.editor.post("/events", json=body), 422, code)
    problem(await api.viewer.post("/events", json={"name": "a"}), 403, "auth.forbidden")


async def test_the_same_key_of_a_request_tells_an_event_once(api: Api) -> None:
    name = await api.create(listening(name="once.only"))
    for _ in range(3):
        answer = await api.editor.post("/events", json={"name": "once.only"}, headers={"Idempotency-Key": f"{name}-1"})
        assert answer.json() == {"delivered": 1}
    assert len(await runs(api, name)) == 1


async def test_workflows_that_tell_each_other_end_by_themselves(api: Api) -> None:
    document = flow(e=step("event.emit", name="round.and.round", data="{{ trigger.body }}"))
    name = await api.create(listening(document, name="round.and.round"))
    await tell(api, "round.and.round")
    while not (refused := await inbox(api, workflow=name, verdict="refused")):
        await asyncio.sleep(0.05)
    assert "endless loop" in refused[0]["reason"]
    assert len((await api.viewer.get("/runs", params={"workflow": name, "limit": 100})).json()["items"]) == 50


async def test_a_failure_starts_whoever_looks_after_it(api: Api) -> None:
    failing = await api.create(flow(f=step("core.fail", code="my.code", message="no")))
    watch = await api.create(
        {
            **flow(
                "{{ [trigger.body.workflow, trigger.body.error.code, trigger.body.input] }}",
                a=step("core.set", values={}),
            ),
            "triggers": {"ends": trigger("workflow.finished", workflows=[failing])},
        }
    )
    await api.run(failing, {"a": 1})
    [run] = await runs(api, watch)
    assert run["output"] == [failing, "my.code", {"a": 1}]
    assert (run["trigger"]["type"], run["trigger"]["id"]) == ("workflow", "ends")


async def test_ends_start_by_name_and_status_and_never_in_a_circle(api: Api) -> None:
    good = await api.create(SEEN)
    ends = {"ends": trigger("workflow.finished", workflows=["*"], status=["succeeded", "failed"])}
    first = await api.create({**SEEN, "triggers": ends})
    second = await api.create({**flow(f=step("core.fail", code="x", message="y")), "triggers": ends})
    await api.run(good)
    # Each hears of `good` and, once, of the other that was started by it.
    of_first, of_second = await runs(api, first, 2), await runs(api, second, 2)
    by = [[run["trigger"]["body"]["workflow"] for run in found] for found in (of_first, of_second)]
    assert sorted(by[0]) == sorted([good, second])
    assert sorted(by[1]) == sorted([good, first])
    for name in (first, second):
        await api.owner.delete(f"/workflows/{name}")
