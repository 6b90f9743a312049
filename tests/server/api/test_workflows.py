"""Workflows: create, find, pause, delete."""

from __future__ import annotations

from uuid import uuid4

from engine.expressions.values import Json
from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step

SET = flow(a=step("core.set", values={"n": 1}))
HOOKED = SET | {"triggers": {"hook": {"module": "webhook.trigger", "version": 1, "inputs": {}}}}
KEYS = {"workflow_id", "name", "status", "live_version", "draft", "hooks", "created_at", "updated_at"}


def fresh(name: str = "flow") -> str:
    return f"{name}-{uuid4().hex[:10]}"


async def test_a_workflow_is_made_of_a_document_and_is_found_by_id_and_name(api: Api) -> None:
    name = fresh()
    made = await api.editor.post("/workflows", json={"document": HOOKED | {"name": name}})
    assert made.status_code == 201
    shown = made.json()
    assert set(shown) == KEYS
    assert set(shown["draft"]) == {"revision", "document", "findings", "content_hash", "saved_at"}
    assert (shown["name"], shown["status"], shown["live_version"], shown["draft"]["revision"]) == (
        name,
        "active",
        None,
        1,
    )
    assert shown["hooks"] == [{"trigger": "hook", "url": f"{api.url}/hooks/main/{name}/hook"}]
    for reference in (shown["workflow_id"], name):
        assert (await api.viewer.get(f"/workflows/{reference}")).json() == shown


async def test_a_name_alone_makes_an_empty_draft_and_a_taken_one_is_refused(api: Api) -> None:
    name = fresh()
    made = await api.editor.post("/workflows", json={"name": name})
    assert made.status_code == 201
    assert made.json()["draft"]["document"] == {"schema_version": 1, "name": name, "steps": {}}
    problem(await api.editor.post("/workflows", json={"name": name}), 409, "name.taken")
    assert (await api.foreign.post("/workflows", json={"name": name})).status_code == 201, "names are a workspace's own"


async def test_a_document_comes_as_yaml_too_and_versions_that_are_left_out_are_written_in(api: Api) -> None:
    name = fresh()
    text = f"schema_version: 1\nname: {name}\nsteps:\n  a: {{module: core.set, inputs: {{values: {{on: 12:30}}}}}}\n"
    made = await api.editor.post(
        "/workflows", content=text, headers={"Content-Type": "application/yaml; charset=utf-8"}
    )
    assert made.status_code == 201
    saved = made.json()["draft"]["document"]["steps"]["a"]
    assert saved == {"module": "core.set", "version": 1, "inputs": {"values": {"on": "12:30"}}}


async def test_what_cannot_be_a_workflow_is_refused_with_the_reason(api: Api) -> None:
    for body, code in (
        ({"name": "Not A Name"}, "name.invalid"),
        ({"name": 7}, "name.invalid"),
        ({"name": "x" * 64}, "name.invalid"),
        ({"name": "a\x00b"}, "name.invalid"),
        ({"document": []}, "name.invalid"),
        ({"document": {"schema_version": 1}}, "name.invalid"),
        ({}, "request.invalid"),
        ({"document": None}, "request.invalid"),
        ({"name": "a", "nmae": "b"}, "request.invalid"),
        ([], "request.invalid"),
    ):
        problem(await api.editor.post("/workflows", json=body), 422, code)


async def test_the_list_is_newest_first_in_pages_without_drafts(api: Api) -> None:
    names = [await api.create(HOOKED, deploy=False) for _ in range(3)]
    found: list[dict[str, Json]] = []
    cursor = None
    while len(found) < 3:
        page = (
            await api.viewer.get("/workflows", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        assert len(page["items"]) <= 2
        found += page["items"]
        cursor = page["next_cursor"]
    assert [one["name"] for one in found[:3]] == names[::-1]
    assert set(found[0]) == KEYS - {"draft"}
    everything: list[str] = []
    cursor = None
    while True:
        page = (
            await api.foreign.get("/workflows", params={"limit": 1, **({"cursor": cursor} if cursor else {})})
        ).json()
        everything += [one["name"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert not set(names) & set(everything)
    assert len(everything) == len(set(everything))


async def test_a_paused_workflows_triggers_stand_still_until_it_is_active_again(api: Api) -> None:
    name = await api.create(HOOKED)
    paused = await api.editor.patch(f"/workflows/{name}", json={"status": "paused"})
    assert (paused.status_code, paused.json()["status"], set(paused.json())) == (200, "paused", KEYS)
    problem(await api.hook(name, json={}), 404, "workflow.paused")
    assert (await api.run(name))["status"] == "succeeded", "by hand it can be started still"
    assert (await api.editor.patch(f"/workflows/{name}", json={"status": "active"})).json()["status"] == "active"
    assert (await api.hook(name, json={})).status_code == 202
    for body in ({"status": "deleted"}, {"status": None}, {}, {"state": "paused"}):
        assert (await api.editor.patch(f"/workflows/{name}", json=body)).status_code == 422


async def test_deleting_cancels_what_waits_and_leaves_runs_to_be_read(api: Api) -> None:
    document = HOOKED | {"steps": {"w": {"module": "core.wait", "version": 1, "inputs": {"duration": "1h"}}}}
    name = await api.create(document)
    waiting = await api.start(name)
    await api.until(waiting, "waiting")
    workflow_id = (await api.owner.get(f"/workflows/{name}")).json()["workflow_id"]
    deleted = await api.owner.delete(f"/workflows/{name}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await api.end(waiting))["status"] == "cancelled"
    assert [row["status"] for row in await api.steps(waiting)] == ["cancelled"]
    problem(await api.hook(name, json={}), 410, "workflow.deleted")
    for path in (f"/workflows/{name}", f"/workflows/{workflow_id}", f"/workflows/{name}/draft"):
        problem(await api.owner.get(path), 404, "workflow.unknown")
    problem(await api.owner.post(f"/workflows/{name}/runs", json={}), 404, "workflow.unknown")
    problem(await api.owner.delete(f"/workflows/{name}"), 404, "workflow.unknown")
    again = await api.create(HOOKED, name=name)
    assert (await api.hook(again, json={})).status_code == 202, "the name is free"


async def test_purging_drops_the_runs_too(api: Api) -> None:
    name = await api.create(HOOKED)
    run = await api.run(name)
    assert (await api.owner.delete(f"/workflows/{name}", params={"purge": "true"})).status_code == 204
    problem(await api.owner.get(f"/runs/{run['run_id']}"), 404, "run.unknown")
    problem(await api.hook(name, json={}), 404, "hook.unknown")


async def test_the_documents_own_tests_are_run_and_kept(api: Api) -> None:
    tests: list[Json] = [
        {"name": "right", "trigger": {"body": {"n": 2}}, "expect": {"status": "succeeded", "output": {"twice": 4}}},
        {"name": "wrong", "trigger": {"body": {"n": 3}}, "expect": {"output": {"twice": 7}}},
    ]
    document = flow({"twice": "{{ steps.a.output.m }}"}, a=step("core.set", values={"m": "{{ input.n * 2 }}"}))
    name = await api.create(document | {"tests": tests}, deploy=False)
    answer = await api.editor.post(f"/workflows/{name}/test", json={})
    assert answer.status_code == 200
    report = answer.json()
    assert (set(report), report["passed"], report["failed"]) == ({"passed", "failed", "results"}, 1, 1)
    right, wrong = report["results"]
    assert (right["name"], right["passed"], right["failures"]) == ("right", True, [])
    assert wrong["failures"] == [{"path": "/output/twice", "expected": 7, "got": 6}]
    run = (await api.viewer.get(f"/runs/{wrong['run_id']}")).json()
    assert (run["test"], run["carrier"], run["output"]) == (True, "simulation", {"twice": 6})
    assert (await api.editor.post(f"/workflows/{name}/test")).json()["passed"] == 1
    problem(
        await api.editor.post(f"/workflows/{name}/test", json={"version": "deployed"}), 409, "workflow.not_deployed"
    )
    problem(await api.editor.post(f"/workflows/{name}/test", json={"version": 9}), 404, "version.unknown")
