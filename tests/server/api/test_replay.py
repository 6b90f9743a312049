"""Replays: whole, from a step, inside a loop, with another input or version."""

from __future__ import annotations

from tests.fixtures.api import Api, JsonObject, problem
from tests.fixtures.flows import flow, step
from tests.fixtures.http_server import Answer, HttpServer


async def replay(api: Api, run_id: object, **body: object) -> JsonObject:
    answer = await api.editor.post(f"/runs/{run_id}/replay", json=body)
    assert answer.status_code == 202, answer.text
    assert set(answer.json()) == {"run_id"}
    run = await api.end(answer.json()["run_id"])
    assert run["replay_of"] == run_id
    return run


def posting(url: str) -> JsonObject:
    """Two posts in a row, `a` and `b`; the output is the input and what `b` got."""
    return flow(
        ["{{ input }}", "{{ steps.b.output.body }}"],
        a=step("http.request", method="POST", url=f"{url}/a", json="{{ input }}"),
        b=step("http.request", method="POST", url=f"{url}/b", json="{{ steps.a.output.body }}", after="a"),
    )


async def test_a_replay_begins_anew_with_the_same_input_and_version_unless_told(
    api: Api, http_server: HttpServer
) -> None:
    http_server.answer("POST", "/a", Answer.of_json("A"))
    http_server.answer("POST", "/b", Answer.of_json("B"))
    name = await api.create(posting(http_server.url))
    first = await api.run(name, {"n": 1})
    again = await replay(api, first["run_id"])
    assert (again["output"], again["status"]) == ([{"n": 1}, "B"], "succeeded")
    keys = [request.headers["idempotency-key"] for request in http_server.requests]
    assert [request.path for request in http_server.requests] == ["/a", "/b", "/a", "/b"]
    assert len(set(keys)) == 4, "a replay has keys of its own"
    assert (await replay(api, first["run_id"], input={"n": 2}))["output"] == [{"n": 2}, "B"]
    same = await replay(api, first["run_id"], keys="same")
    assert [request.headers["idempotency-key"] for request in http_server.requests[-2:]] == keys[:2]
    assert same["status"] == "succeeded"
    draft = (await api.owner.get(f"/workflows/{name}/draft")).json()
    changed = draft["document"] | {"output": "changed"}
    await api.owner.put(f"/workflows/{name}/draft", json={"document": changed, "base_revision": draft["revision"]})
    await api.owner.post(f"/workflows/{name}/deploy", json={})
    assert (await replay(api, first["run_id"]))["output"] == [{"n": 1}, "B"], "the version is the old one"
    newer = await replay(api, first["run_id"], version="deployed")
    assert (newer["version"], newer["output"]) == (2, "changed")


async def test_from_a_step_the_others_outputs_are_taken_over(api: Api, http_server: HttpServer) -> None:
    http_server.answer("POST", "/a", Answer.of_json("A"))
    http_server.answer("POST", "/b", Answer(422), Answer.of_json("B"))
    name = await api.create(posting(http_server.url))
    failed = await api.run(name, 1)
    assert failed["status"] == "failed"
    again = await replay(api, failed["run_id"], from_step="b")
    assert again["output"] == [1, "B"]
    assert [request.path for request in http_server.requests] == ["/a", "/b", "/b"]
    rows = {row["path"]: row for row in await api.steps(str(again["run_id"]))}
    assert (rows["a"]["mocked"], rows["a"]["status"], rows["b"]["mocked"]) == ("replay", "succeeded", None)
    wrong = problem(
        await api.editor.post(f"/runs/{failed['run_id']}/replay", json={"from_step": "bb"}), 422, "step.unknown"
    )
    assert "'b'" in str(wrong["detail"])


async def test_from_a_step_inside_a_loop(api: Api, http_server: HttpServer) -> None:
    http_server.answer("POST", "/x", Answer.of_json(1), Answer(400), Answer.of_json(2))
    document = flow(
        "{{ steps.loop.output }}",
        loop=step("core.for_each", items=[0, 1, 2]),
        x=step("http.request", parent="loop", method="POST", url=f"{http_server.url}/x", json="{{ item }}"),
        n=step("core.set", parent="loop", values={"n": "{{ steps.x.output.body }}"}, after="x"),
    )
    failed = await api.run(await api.create(document))
    assert failed["status"] == "failed"
    again = await replay(api, failed["run_id"], from_step="loop[1].x")
    assert again["output"] == [{"n": 1}, {"n": 2}, {"n": 2}]
    assert [request.body for request in http_server.requests] == [b"0", b"1", b"1", b"2"]


async def test_what_cannot_be_replayed_says_so(api: Api) -> None:
    wait = await api.start(await api.create(flow(w=step("core.wait", duration="1h"))))
    await api.until(wait, "waiting")
    problem(await api.editor.post(f"/runs/{wait}/replay", json={}), 409, "run.open")
    await api.editor.post(f"/runs/{wait}/cancel")
    bare = await api.run(await api.create(flow(a=step("core.set", values={}), settings={"log": "none"})))
    problem(await api.editor.post(f"/runs/{bare['run_id']}/replay", json={}), 422, "replay.no_input")
    path = f"/runs/{bare['run_id']}/replay"
    problem(await api.editor.post(path, json={"from_step": "a", "input": 1}), 422, "replay.no_log")
    for body in ({"keys": "other"}, {"from_step": 7}, {"form_step": "a"}, []):
        problem(await api.editor.post(path, json=body), 422, "request.invalid")
    problem(await api.editor.post(path, json={"version": "newest"}), 422, "version.invalid")


async def test_many_are_replayed_by_a_filter_after_a_look_at_their_effects(api: Api, http_server: HttpServer) -> None:
    http_server.answer("POST", "/a", Answer.of_json("A"))
    http_server.answer("POST", "/b", Answer.of_json("B"))
    name = await api.create(posting(http_server.url))
    ids = [str((await api.run(name, n))["run_id"]) for n in range(2)]
    body = {"filter": {"workflow": name, "status": "succeeded"}, "dry_run": True}
    dry = await api.editor.post("/runs/replay", json=body)
    assert dry.status_code == 200
    assert set(dry.json()) == {"operation", "count", "effects", "run_ids", "failed", "more", "next_cursor"}
    assert (dry.json()["count"], sorted(dry.json()["run_ids"])) == (2, sorted(ids))
    assert [(one["step"], one["count"]) for one in dry.json()["effects"]] == [("a", 2), ("b", 2)]
    assert len(http_server.requests) == 4
    real = await api.editor.post("/runs/replay", json=body | {"dry_run": False})
    assert (real.status_code, real.json()["count"], real.json()["failed"]) == (202, 2, [])
    for run_id in real.json()["run_ids"]:
        run = await api.end(run_id)
        assert (run["status"], run["replay_of"] in ids) == ("succeeded", True)
    problem(await api.editor.post("/runs/replay", json={"dry_run": True}), 422, "filter.missing")
    problem(await api.editor.post("/runs/replay", json=body | {"dry_run": 1}), 422, "request.invalid")
