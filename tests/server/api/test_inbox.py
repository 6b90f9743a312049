"""The inbox by its routes and commands: every request to a hook, what became of it, and what can be done about it."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from db import inbox
from db.ids import WorkflowId, new_uuid7
from db.inbox import NewEvent
from engine.expressions.values import Json
from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step

ECHO = flow("{{ trigger.body }}", a=step("core.log", message="m"))


def hooked(**inputs: Json) -> dict[str, Any]:
    return {**ECHO, "triggers": {"hook": {"module": "webhook.trigger", "version": 1, "inputs": inputs}}}


async def events(api: Api, workflow: str, **params: str) -> list[dict[str, Any]]:
    """Newest first."""
    answer = await api.viewer.get("/inbox", params={"workflow": workflow, **params})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def event(api: Api, event_id: str, *verdicts: str) -> dict[str, Any]:
    """With what came, once it has one of the verdicts."""
    while True:
        found = (await api.viewer.get(f"/inbox/{event_id}")).json()
        if not verdicts or found["verdict"] in verdicts:
            return found
        await asyncio.sleep(0.02)


async def test_each_request_is_an_event_with_its_run_and_what_came(api: Api) -> None:
    name = await api.create(hooked(dedupe_key="{{ trigger.body.id }}"))
    secret = {"Authorization": "Bearer of-somebody-else", "X-Kind": "order"}
    first = await api.hook(name, json={"id": 7}, headers=secret, params={"a": "b"})
    again = await api.hook(name, json={"id": 7, "n": 2})
    assert first.json() == again.json()
    second, one = await events(api, name)
    assert [one["verdict"], second["verdict"]] == ["accepted", "duplicate"]
    assert one["run_id"] == second["run_id"] == first.json()["run_id"]
    assert one["event_id"] in second["reason"]
    shown = await event(api, one["event_id"])
    assert (shown["workflow"], shown["trigger"], shown["size"]) == (name, "hook", 8)
    assert shown["head"]["method"] == "POST"
    assert ["authorization", "***"] in shown["head"]["headers"]
    assert ["x-kind", "order"] in shown["head"]["headers"]
    assert shown["head"]["query"] == [["a", "b"]]
    assert (shown["body"], shown["encoding"]) == ('{"id":7}', "utf-8")
    raw = await api.viewer.get(f"/inbox/{one['event_id']}/raw")
    assert raw.content == b'{"id":7}'


async def test_what_was_refused_says_why(api: Api) -> None:
    name = await api.create(hooked(schema={"type": "object", "required": ["id"]}))
    await api.hook(name, json={"id": 1}, method="PUT")
    await api.hook(name, json={})
    await api.hook(name, content=b"{", headers={"Content-Type": "application/json"})
    found = await events(api, name, verdict="refused")
    codes = [one["reason"].partition(":")[0] for one in found]
    assert codes == [
        "body.malformed",
        "input.invalid",
    ]  # a wrong method is refused before the workflow's trigger is known
    shown = await event(api, found[0]["event_id"])
    assert (shown["body"], shown["run_id"]) == ("{", None)
    everything = (await api.viewer.get("/inbox", params={"verdict": "refused", "limit": 20})).json()["items"]
    reasons = [one["reason"] for one in everything if name in one["source"]]
    assert [one.partition(":")[0] for one in reasons] == ["method.not_allowed"]


async def test_an_event_is_taken_again_by_the_version_that_is_live_now(api: Api) -> None:
    name = await api.create(hooked(mode="sync"))
    assert (await api.hook(name, json={"n": 1})).json() == {"n": 1}
    [one] = await events(api, name)
    draft = (await api.editor.get(f"/workflows/{name}/draft")).json()
    changed = {**draft["document"], "output": "other"}
    await api.editor.put(f"/workflows/{name}/draft", json={"document": changed, "base_revision": draft["revision"]})
    await api.editor.post(f"/workflows/{name}/deploy", json={"note": "other"})
    answer = await api.editor.post(f"/inbox/{one['event_id']}/replay")
    assert (answer.status_code, answer.json()["verdict"]) == (202, "waiting")
    taken = await event(api, one["event_id"], "accepted")
    assert taken["run_id"] != one["run_id"]
    run = await api.end(taken["run_id"])
    assert (run["output"], run["trigger"]["body"]) == ("other", {"n": 1})


async def test_a_draft_address_records_what_came_so_that_it_can_be_replayed_into_the_draft(api: Api) -> None:
    name = await api.create(hooked(mode="sync"), deploy=False)
    key = {"X-Api-Key": api.keys["owner"]}
    assert (await api.hook(name, json={"n": 1}, params={"version": "draft"}, headers=key)).json() == {"n": 1}
    [one] = await events(api, name)
    assert one["source"].endswith(":draft")
    draft = (await api.editor.get(f"/workflows/{name}/draft")).json()
    changed = {**draft["document"], "output": "{{ trigger.body.n + 1 }}"}
    await api.editor.put(f"/workflows/{name}/draft", json={"document": changed, "base_revision": draft["revision"]})
    await api.editor.post(f"/inbox/{one['event_id']}/replay")
    taken = await event(api, one["event_id"], "accepted")
    assert (await api.end(taken["run_id"]))["output"] == 2


async def test_a_paused_workflow_keeps_what_waits_and_takes_it_when_it_goes_on(api: Api) -> None:
    name = await api.create(hooked())
    await api.hook(name, json={"n": 1})
    [one] = await events(api, name)
    await api.editor.patch(f"/workflows/{name}", json={"status": "paused"})
    await api.editor.post(f"/inbox/{one['event_id']}/replay")
    while (await event(api, one["event_id"]))["reason"] != "The workflow is paused.":
        await asyncio.sleep(0.02)
    await api.editor.patch(f"/workflows/{name}", json={"status": "active"})
    taken = await event(api, one["event_id"], "accepted")
    assert taken["run_id"] != one["run_id"]
    await api.end(taken["run_id"])


async def test_what_waits_is_taken_in_its_order_and_what_can_start_nothing_says_why(api: Api) -> None:
    name = await api.create(hooked())
    workflow_id = WorkflowId(UUID((await api.viewer.get(f"/workflows/{name}")).json()["workflow_id"]))
    ids = sorted(new_uuid7() for _ in range(20))
    async with api.db.engine() as connection:
        for number, event_id in enumerate(ids):
            body = b"{" if number == 5 else str(number).encode()
            head: Json = {"method": "POST", "headers": [["content-type", "application/json"]], "query": []}
            waiting = NewEvent(
                source=f"test:{name}",
                kind="webhook",
                workflow_id=workflow_id,
                trigger_id="hook",
                head=head,
                raw=body,
                size=len(body),
                event_id=inbox.EventId(event_id),
            )
            await inbox.note(connection, api.workspace_id, waiting)
    found = [await event(api, str(event_id), "accepted", "refused") for event_id in ids]
    assert [one["verdict"] for one in found] == ["accepted"] * 5 + ["refused"] + ["accepted"] * 14
    assert found[5]["reason"].startswith("body.malformed")
    runs = [await api.end(one["run_id"]) for one in found if one["run_id"]]
    assert [run["trigger"]["body"] for run in runs] == [number for number in range(20) if number != 5]
    times = [str(run["queued_at"]) for run in runs]
    assert times == sorted(times)


async def test_only_what_waits_or_failed_can_be_dropped(api: Api) -> None:
    name = await api.create(hooked())
    await api.hook(name, json={"n": 1})
    [one] = await events(api, name)
    problem(await api.editor.post(f"/inbox/{one['event_id']}/drop"), 409, "event.over")
    await api.editor.patch(f"/workflows/{name}", json={"status": "paused"})
    await api.editor.post(f"/inbox/{one['event_id']}/replay")
    while (await event(api, one["event_id"]))["reason"] is None:
        await asyncio.sleep(0.02)
    dropped = (await api.editor.post(f"/inbox/{one['event_id']}/drop")).json()
    assert (dropped["verdict"], dropped["next_at"]) == ("dropped", None)
    problem(await api.viewer.post(f"/inbox/{one['event_id']}/drop"), 403, "auth.forbidden")


@pytest.mark.parametrize("way", ["", "/raw"])
async def test_what_is_foreign_or_unknown_is_not_found(api: Api, way: str) -> None:
    name = await api.create(hooked())
    await api.hook(name, json={"n": 1})
    [one] = await events(api, name)
    for event_id in (one["event_id"], str(new_uuid7()), "none"):
        problem(await api.foreign.get(f"/inbox/{event_id}{way}"), 404, "event.unknown")


async def test_a_workflow_that_keeps_no_payloads_keeps_nothing_of_what_came(api: Api) -> None:
    name = await api.create({**hooked(), "settings": {"log": "none"}})
    await api.hook(name, json={"n": 1})
    [one] = await events(api, name)
    shown = await event(api, one["event_id"])
    assert (shown["head"], shown["body"]) == (None, None)
    problem(await api.editor.post(f"/inbox/{one['event_id']}/replay"), 409, "event.gone")
