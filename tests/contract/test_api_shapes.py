"""The HTTP API: what each route of this release answers, with whose key, and how it refuses."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.fixtures.stack import Document, Stack, problem

TEXT = "triggers: {hook: {module: webhook.trigger}}\nsteps: {a: {module: core.log, inputs: {message: m}}}\nedges: hook > a\noutput: 1"
RUN = {
    "run_id",
    "workflow_id",
    "workflow",
    "version",
    "status",
    "carrier",
    "trigger",
    "input",
    "output",
    "error",
    "test",
    "replay_of",
    "parent_run_id",
    "queued_at",
    "started_at",
    "finished_at",
    "waiting_for",
}
STEP = {
    "path",
    "step",
    "module",
    "iteration",
    "attempt",
    "status",
    "started_at",
    "finished_at",
    "duration_ms",
    "input",
    "output",
    "error",
    "handle",
    "logs",
    "resume_url",
    "child_run_id",
    "mocked",
    "idempotency_key",
    "retry_at",
}


async def test_a_workflow_has_this_shape(stack: Stack) -> None:
    made = await stack.http.post("/workflows", json={"document": stack.document(TEXT)})
    assert made.status_code == 201
    workflow = made.json()
    keys = {"workflow_id", "name", "status", "live_version", "draft", "hooks", "created_at", "updated_at"}
    assert keys <= set(workflow)
    assert (
        workflow["status"],
        workflow["live_version"],
        set(workflow["draft"]) >= {"revision", "document", "findings"},
    ) == ("active", None, True)
    name = workflow["name"]
    problem(await stack.http.post("/workflows", json={"document": stack.document(TEXT, name=name)}), 409, "name.taken")
    await stack.http.post(f"/workflows/{name}/deploy", json={})
    for address in (name, workflow["workflow_id"]):
        found = (await stack.http.get(f"/workflows/{address}")).json()
        assert keys <= set(found)
        assert (found["live_version"], [hook["trigger"] for hook in found["hooks"]]) == (1, ["hook"])
        assert found["hooks"][0]["url"] == f"{stack.url}/hooks/main/{name}/hook"
    named = await stack.http.post("/workflows", json={"name": name + "-bare"})
    assert (named.status_code, named.json()["name"]) == (201, name + "-bare")
    problem(await stack.http.get("/workflows/no-such"), 404, "workflow.unknown")


async def test_a_draft_is_saved_on_the_revision_that_it_was_read_at(stack: Stack) -> None:
    name = await stack.create(TEXT)
    draft = (await stack.http.get(f"/workflows/{name}/draft")).json()
    assert {"revision", "document", "findings", "content_hash"} <= set(draft)
    document = stack.document(TEXT, name=name, title="new")
    problem(await stack.http.put(f"/workflows/{name}/draft", json={"document": document}), 422, "base_revision.missing")
    saved = await stack.http.put(
        f"/workflows/{name}/draft", json={"document": document, "base_revision": draft["revision"]}
    )
    assert (saved.status_code, saved.json()["document"]["title"], saved.json()["revision"] > draft["revision"]) == (
        200,
        "new",
        True,
    )
    stale = problem(
        await stack.http.put(
            f"/workflows/{name}/draft", json={"document": document, "base_revision": draft["revision"]}
        ),
        409,
        "draft.stale",
    )
    assert "new" in json.dumps(stale)  # with the current one
    refused = await stack.http.post(f"/workflows/{name}/deploy", json={"base_revision": draft["revision"]})
    assert refused.status_code == 409


async def test_a_run_and_its_steps_have_these_shapes(stack: Stack) -> None:
    name = await stack.deploy(TEXT)
    answer = await stack.post(name, {"n": 1}, wait=30)
    assert answer.status_code == 200
    run = answer.json()
    assert set(run) >= RUN
    assert (await stack.get(run["run_id"])) == run
    listed = (await stack.http.get(f"/runs/{run['run_id']}/steps")).json()
    assert set(listed) == {"items", "next_cursor"}
    assert set(listed["items"][0]) >= STEP
    failed = await stack.run("steps: {a: {module: core.fail, inputs: {message: m}}}")
    assert (failed["output"], set(failed["error"])) == (None, {"code", "message", "step", "retryable", "details"})
    problem(await stack.http.get("/runs/0199aaaa-0000-7000-8000-000000000000"), 404, "run.unknown")
    assert (await stack.http.get("/runs/nonsense")).status_code in {404, 422}


async def test_lists_are_newest_first_and_go_page_by_page(stack: Stack) -> None:
    name = await stack.deploy(TEXT)
    runs = [(await stack.again(name, {"n": n}))["run_id"] for n in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (
            await stack.http.get(
                "/runs", params={"workflow": name, "limit": 2, **({"cursor": cursor} if cursor else {})}
            )
        ).json()
        seen += [run["run_id"] for run in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == runs[::-1]
    for limit in ("0", "501", "x"):
        assert (await stack.http.get("/runs", params={"limit": limit})).status_code == 422
    problem(await stack.http.get("/runs", params={"cursor": "nonsense"}), 422, "cursor.invalid")


async def test_runs_are_filtered_and_searched(stack: Stack) -> None:
    name = await stack.deploy(
        "steps: {a: {module: core.assert, inputs: {condition: '{{ input.ok }}', message: zebrastripe}}}\noutput: {said: '{{ input.word }}'}"
    )
    good = await stack.again(name, {"ok": True, "word": "quokkaword"})
    bad = await stack.again(name, {"ok": False})

    async def found(**filters: str) -> list[str]:
        return [
            run["run_id"]
            for run in (await stack.http.get("/runs", params={"workflow": name, **filters})).json()["items"]
        ]

    assert await found(status="failed") == [bad["run_id"]]
    assert await found(status="succeeded") == [good["run_id"]]
    assert await found(q="quokkaword") == [good["run_id"]]
    assert await found(q="zebrastripe", status="failed") == [bad["run_id"]]
    assert await found(q="zebrastripe") == [bad["run_id"], good["run_id"]]  # both steps were given the message
    assert await found(version="1") == [bad["run_id"], good["run_id"]]
    assert await found(**{"from": bad["queued_at"]}) == [bad["run_id"]]
    assert await found(to=bad["queued_at"]) == [good["run_id"]]
    problem(await stack.http.get("/runs", params={"status": "none"}), 422, "filter.invalid")


async def test_a_write_with_the_same_idempotency_key_is_made_once(stack: Stack) -> None:
    name = await stack.deploy(TEXT)
    headers = {"idempotency-key": f"key-{name}"}
    answers = [await stack.http.post(f"/workflows/{name}/runs", json={"input": 1}, headers=headers) for _ in range(2)]
    assert answers[0].json()["run_id"] == answers[1].json()["run_id"]
    problem(
        await stack.http.post(f"/workflows/{name}/runs", json={"input": 2}, headers=headers),
        422,
        "idempotency.mismatch",
    )
    assert len((await stack.http.get("/runs", params={"workflow": name})).json()["items"]) == 1


async def test_keys_roles_and_problems(stack: Stack) -> None:
    name = await stack.deploy(TEXT)
    problem(await stack.outside.get("/api/v1/workflows"), 401, "auth.required")
    problem(
        await stack.outside.get("/api/v1/workflows", headers={"authorization": "Bearer ms_wrong"}), 401, "auth.invalid"
    )
    problem(await stack.outside.get("/api/v1/no-such-route"), 404, "route.unknown")
    problem(await stack.http.delete("/validate"), 405, "method.not_allowed")

    async def client(role: str) -> httpx.AsyncClient:
        made = await stack.http.post("/api-keys", json={"name": role, "role": role})
        assert made.status_code == 201
        assert {"api_key_id", "key", "prefix", "role"} <= set(made.json())
        return httpx.AsyncClient(
            base_url=f"{stack.url}/api/v1", headers={"authorization": f"Bearer {made.json()['key']}"}, trust_env=False
        )

    async with await client("viewer") as viewer, await client("editor") as editor:
        assert (await viewer.get("/workflows")).status_code == 200
        for method, path, body in (
            ("POST", "/workflows", {"name": "x"}),
            ("POST", f"/workflows/{name}/runs", {}),
            ("POST", f"/workflows/{name}/deploy", {}),
            ("POST", "/variables", {"name": "X", "value": 1}),
        ):
            problem(await viewer.request(method, path, json=body), 403, "auth.forbidden")
        assert (await editor.post(f"/workflows/{name}/runs", json={"wait": 10})).status_code == 200
        for method, path in (("DELETE", f"/workflows/{name}"), ("GET", "/api-keys"), ("POST", "/api-keys")):
            problem(
                await editor.request(method, path, json={"name": "n", "role": "owner"} if method == "POST" else None),
                403,
                "auth.forbidden",
            )
    listed = (await stack.http.get("/api-keys")).json()["items"]
    assert all("key" not in one for one in listed)


async def test_a_revoked_key_is_no_key(stack: Stack) -> None:
    made = (await stack.http.post("/api-keys", json={"name": "short", "role": "viewer"})).json()
    headers = {"authorization": f"Bearer {made['key']}"}
    assert (await stack.outside.get("/api/v1/workflows", headers=headers)).status_code == 200
    assert (await stack.http.delete(f"/api-keys/{made['api_key_id']}")).status_code in {200, 204}
    assert (await stack.outside.get("/api/v1/workflows", headers=headers)).status_code == 401


async def test_variables(stack: Stack) -> None:
    made = await stack.http.post("/variables", json={"name": "SHAPES", "value": [1]})
    assert (made.status_code, {"name", "secret", "value", "updated_at"} <= set(made.json())) == (201, True)
    problem(await stack.http.post("/variables", json={"name": "SHAPES", "value": 2}), 409, "variable.taken")
    assert (await stack.http.put("/variables/SHAPES", json={"value": {"a": 1}})).json()["value"] == {"a": 1}
    assert "SHAPES" in [one["name"] for one in (await stack.http.get("/variables")).json()["items"]]
    assert (await stack.http.delete("/variables/SHAPES")).status_code in {200, 204}
    problem(await stack.http.delete("/variables/SHAPES"), 404, "variable.unknown")


async def test_pause_delete_and_purge(stack: Stack) -> None:
    name = await stack.deploy("steps: {w: {module: core.wait_for_event, inputs: {}}}")
    run_id = await stack.start(name)
    await stack.waits(run_id, "event")
    paused = await stack.http.patch(f"/workflows/{name}", json={"status": "paused"})
    assert paused.json()["status"] == "paused"
    assert (await stack.http.delete(f"/workflows/{name}")).status_code in {200, 202, 204}
    assert (await stack.end(run_id))["status"] == "cancelled"  # what waits is cancelled, and stays readable
    problem(await stack.http.get("/workflows/" + name), 404, "workflow.unknown")


async def test_bulk_cancel_and_replay(stack: Stack) -> None:
    name = await stack.deploy("steps: {w: {module: core.wait, inputs: {duration: 1h}}}")
    runs = [await stack.start(name) for _ in range(3)]
    for run_id in runs:
        await stack.waits(run_id, "timer")
    cancelled = await stack.http.post("/runs/cancel", json={"filter": {"workflow": name}})
    assert (cancelled.status_code, cancelled.json()["count"], set(cancelled.json()["run_ids"])) == (
        cancelled.status_code,
        3,
        set(runs),
    )
    for run_id in runs:
        assert (await stack.end(run_id))["status"] == "cancelled"
    dry = (
        await stack.http.post(
            "/runs/replay", json={"filter": {"workflow": name, "status": "cancelled"}, "dry_run": True}
        )
    ).json()
    assert (dry["count"], set(dry) >= {"count", "effects", "run_ids"}) == (3, True)
    assert len((await stack.http.get("/runs", params={"workflow": name})).json()["items"]) == 3


async def test_cancel_answers_202_and_for_what_has_ended_200_and_replay_202(stack: Stack) -> None:
    name = await stack.deploy("steps: {w: {module: core.wait, inputs: {duration: 1h}}}")
    run_id = await stack.start(name)
    await stack.waits(run_id, "timer")
    open_ = await stack.http.post(f"/runs/{run_id}/replay", json={})
    problem(open_, 409, "run.open")
    assert (await stack.http.post(f"/runs/{run_id}/cancel")).status_code == 202
    await stack.end(run_id)
    assert (await stack.http.post(f"/runs/{run_id}/cancel")).status_code == 200
    again = await stack.http.post(f"/runs/{run_id}/replay", json={})
    assert (again.status_code, "run_id" in again.json()) == (202, True)
    await stack.waits(again.json()["run_id"], "timer")
    await stack.http.post(f"/runs/{again.json()['run_id']}/cancel")


async def events(stack: Stack, path: str, **headers: str) -> list[tuple[str, str | None, Document]]:
    found: list[tuple[str, str | None, Document]] = []
    async with stack.http.stream("GET", path, headers=headers) as answer:
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
        one: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line:
                key, _, value = line.partition(":")
                one[key] = value.strip()
            elif "event" in one:
                found.append((one["event"], one.get("id"), json.loads(one["data"])))
                one = {}
    return found


async def test_events_of_a_run_close_after_end_and_can_be_resumed(stack: Stack) -> None:
    ran = await stack.run(
        "steps: {a: {module: core.log, inputs: {message: m}}, b: {module: core.set, inputs: {values: {secretish: 1}}}}\nedges: a > b"
    )
    path = f"/runs/{ran['run_id']}/events"
    whole = await events(stack, path)
    kinds = [kind for kind, _, _ in whole]
    assert (kinds[-1], {"run", "step", "end"} <= {*kinds, "run"}, set(kinds) <= {"run", "step", "log", "end"}) == (
        "end",
        True,
        True,
    )
    assert all("secretish" not in json.dumps(data) for _, _, data in whole)  # without payloads
    ids = [id_ for _, id_, _ in whole if id_ is not None]
    rest = await events(stack, path, **{"Last-Event-ID": ids[0]})
    assert rest[-1][0] == "end"
    assert ids[0] not in [id_ for _, id_, _ in rest]


async def test_expressions_and_documents_are_judged_with_200(stack: Stack) -> None:
    answer = await stack.http.post("/expressions/evaluate", json={"expression": "{{ a }}", "scope": {}})
    assert (answer.status_code, set(answer.json()), set(answer.json()["error"])) == (
        200,
        {"error"},
        {"code", "message"},
    )
    checked = await stack.http.post("/validate", json={"document": {}})
    assert (checked.status_code, set(checked.json())) == (200, {"findings"})


async def test_openapi_lists_every_route_of_this_release(stack: Stack) -> None:
    answer = await stack.outside.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    paths: Document = answer.json()["paths"]
    listed = {(method.upper(), path.removeprefix("/api/v1")) for path, methods in paths.items() for method in methods}

    def there(method: str, path: str) -> bool:
        parts = path.split("/")
        return any(
            method == one
            and len(other.split("/")) == len(parts)
            and all(a == b or (a == "*" and b.startswith("{")) for a, b in zip(parts, other.split("/"), strict=True))
            for one, other in listed
        )

    expected = (
        """
POST /workflows|GET /workflows|GET /workflows/*|PATCH /workflows/*|DELETE /workflows/*|GET /workflows/*/draft|PUT /workflows/*/draft|POST /workflows/*/deploy
GET /workflows/*/versions|GET /workflows/*/versions/*|POST /workflows/*/versions/*/rollback|GET /workflows/*/diff|POST /validate|POST /expressions/evaluate
POST /workflows/*/test|POST /workflows/*/runs|GET /runs|GET /runs/*|GET /runs/*/steps|GET /runs/*/events|GET /runs/events|GET /runs/*/payloads/*
POST /runs/*/cancel|POST /runs/*/replay|POST /runs/replay|POST /runs/cancel|POST /resume/*|GET /resume/*|POST /hooks/*/*/*|GET /modules|GET /modules/*/*
POST /variables|GET /variables|PUT /variables/*|DELETE /variables/*|GET /api-keys|POST /api-keys|GET /workspaces
""".replace("\n", "|")
        .strip("|")
        .split("|")
    )
    assert [route for route in expected if not there(*route.split(" "))] == []


async def test_health_readiness_and_metrics(stack: Stack) -> None:
    assert (await stack.outside.get("/healthz")).status_code == 200
    assert (await stack.outside.get("/readyz")).status_code == 200
    metrics = await stack.outside.get("/metrics")
    assert (metrics.status_code, "# TYPE" in metrics.text) == (200, True)


@pytest.mark.parametrize(
    "body",
    [
        [],
        1,
        "x",
        {"unknown": 1},
        {"wait": "soon"},
        {"version": "newest"},
        {"input": 1, "trigger": {"body": 1}},
        {"mocks": []},
        {"simulate": "yes"},
    ],
)
async def test_a_call_that_can_not_be_meant_is_422(stack: Stack, body: Any) -> None:
    name = await stack.deploy(TEXT)
    answer = await stack.http.post(f"/workflows/{name}/runs", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text


async def test_times_are_rfc_3339_utc(stack: Stack) -> None:
    ran = await stack.run(TEXT)
    times = [ran[key] for key in ("queued_at", "started_at", "finished_at")] + [
        ran.rows[0]["started_at"],
        ran.rows[0]["finished_at"],
    ]
    assert all(time.endswith("Z") and "T" in time for time in times)
    assert ran["queued_at"] <= ran["started_at"] <= ran["finished_at"]


async def test_two_deploys_at_once_make_one_version(stack: Stack) -> None:
    name = await stack.create(TEXT)
    answers = await asyncio.gather(*[stack.http.post(f"/workflows/{name}/deploy", json={}) for _ in range(4)])
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert {answer.json()["version"] for answer in answers} == {1}
