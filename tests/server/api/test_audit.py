"""The audit trail: every route that changes something leaves a line, with who did it, what it was before, and from where; never a secret."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import httpx
import pytest

from server.api.route import WRITES
from tests.docs.write_rights import routes
from tests.fixtures.api import Api, JsonObject, problem
from tests.fixtures.approvals import asked_for
from tests.fixtures.flows import flow, step

QUICK = flow(a=step("core.set", values={}))
Scene = Callable[[Api], Awaitable[httpx.Response]]

NO_CHANGE = {
    "POST /validate": "nothing is saved and nothing runs",
    "POST /expressions/evaluate": "nothing is saved and nothing runs",
    "POST /workflows/{workflow}/test": "its runs are simulated, and have their log",
    "POST /workflows/{workflow}/runs": "runs have their log",
    "POST /code/try": "nothing is saved",
    "POST /connections/{connection}/test": "uses it as it is",
    "POST /queues/{queue}/items": "items are data: the queue has its log",
}
"""Routes that are written as changes and leave no line, with the reason."""


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid4().hex[:10]}"


async def a_queue(api: Api, **settings: object) -> str:
    name = fresh("q")
    assert (await api.owner.post("/queues", json={"name": name, **settings})).status_code == 201
    return name


async def a_full_queue(api: Api) -> str:
    """Somebody takes its items, and one waits."""
    name = await a_queue(api, flush_record_max_age=86400)
    trigger = {"module": "queue.consumer", "version": 1, "inputs": {"queue": name}}
    await api.create({**QUICK, "triggers": {"take": trigger}})
    await api.owner.post(f"/queues/{name}/items", json={"items": [{"data": 1}]})
    return name


async def a_queue_with_a_dead_letter(api: Api) -> str:
    name = await a_queue(api, on_failure="dead_letter", max_attempts=1, flush_batch_size=1)
    trigger = {"module": "queue.consumer", "version": 1, "inputs": {"queue": name}}
    await api.create({**flow(a=step("core.fail", message="no")), "triggers": {"take": trigger}})
    await api.owner.post(f"/queues/{name}/items", json={"items": [{"data": 1}]})
    while (await api.owner.get(f"/queues/{name}/stats")).json()["dead"] == 0:
        await asyncio.sleep(0.02)
    return name


async def a_variable(api: Api) -> str:
    name = f"V_{uuid4().hex[:8]}"
    assert (await api.owner.post("/variables", json={"name": name, "value": "a"})).status_code == 201
    return name


async def a_conversation(api: Api) -> str:
    return str((await api.owner.post("/copilot/conversations", json={})).json()["conversation_id"])


async def a_turn(api: Api, conversation: str) -> str:
    said = await api.owner.post(f"/copilot/conversations/{conversation}/messages", json={"content": "hello"})
    return str(said.json()["turn_id"])


async def _cancel_turn(api: Api) -> httpx.Response:
    return await api.owner.post(f"/copilot/turns/{await a_turn(api, await a_conversation(api))}/cancel")


async def _refuse(api: Api) -> httpx.Response:
    conversation = await a_conversation(api)
    asked = await asked_for(api.db, conversation, await a_turn(api, conversation), "w")
    return await api.owner.post(
        f"/copilot/approvals/{asked}", json={"decision": "refuse", "content_hash": "x", "reason": "not now"}
    )


async def a_file(api: Api) -> str:
    made = await api.owner.post(
        "/files", params={"name": "a.txt"}, content=b"x", headers={"Content-Type": "text/plain"}
    )
    assert made.status_code == 201, made.text
    return str(made.json()["file_id"])


OAUTH = {
    "authorization_url": "https://p.example/a",
    "token_url": "https://p.example/t",
    "client_id": "c",
    "base_url": "https://x.example",
}
PROVIDER = {key: OAUTH[key] for key in ("authorization_url", "token_url", "client_id")}


def a_connection_body(**more: object) -> JsonObject:
    bearer = {"kind": "bearer", "config": {"base_url": "https://x.example"}, "secret": {"token": "t"}}
    return {"name": fresh("c"), "app": "shop", **bearer, **more}  # type: ignore[dict-item]


async def a_connection(api: Api, **more: object) -> str:
    made = await api.owner.post("/connections", json=a_connection_body(**more))
    assert made.status_code == 201, made.text
    return str(made.json()["name"])


async def a_provider(api: Api) -> str:
    body = {"name": fresh("p"), "config": PROVIDER, "secret": {"client_secret": "s"}}
    made = await api.owner.post("/connection-providers", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["name"])


async def an_open_run(api: Api) -> tuple[str, str]:
    name = await api.create(flow(a=step("core.wait", duration="1h")))
    run_id = await api.start(name)
    await api.until(run_id, "waiting")
    return name, run_id


async def an_ended_run(api: Api) -> tuple[str, str]:
    name = await api.create(QUICK)
    return name, str((await api.run(name))["run_id"])


async def a_member(api: Api) -> JsonObject:
    return (await api.owner.post("/members", json={"email": f"{uuid4().hex}@x.org", "role": "viewer"})).json()


async def _save_draft(api: Api) -> httpx.Response:
    name = await api.create(QUICK)
    document = {**flow(b=step("core.set", values={})), "name": name}
    return await api.owner.put(f"/workflows/{name}/draft", json={"document": document, "base_revision": 1})


async def _roll_back(api: Api) -> httpx.Response:
    name = await api.create(QUICK)
    document = {**flow(b=step("core.set", values={})), "name": name}
    await api.owner.put(f"/workflows/{name}/draft", json={"document": document, "base_revision": 1})
    assert (await api.owner.post(f"/workflows/{name}/deploy", json={})).status_code == 201
    return await api.owner.post(f"/workflows/{name}/versions/1/rollback", json={})


async def _unpin(api: Api) -> httpx.Response:
    _, run_id = await an_ended_run(api)
    await api.owner.post(f"/runs/{run_id}/pin")
    return await api.owner.post(f"/runs/{run_id}/unpin")


A_PRICE: JsonObject = {"input_usd": 2.5, "output_usd": 10}


async def _delete_price(api: Api) -> httpx.Response:
    model = fresh("m")
    await api.owner.put("/copilot/llm-prices", json=A_PRICE | {"model": model})
    return await api.owner.delete("/copilot/llm-prices", params={"model": model})


async def _revoke(api: Api) -> httpx.Response:
    made = await api.owner.post("/api-keys", json={"name": "k", "role": "viewer"})
    return await api.owner.delete(f"/api-keys/{made.json()['api_key_id']}")


async def _rename_workspace(api: Api) -> httpx.Response:
    await api.foreign.patch("/workspaces/other", json={"name": "Another"})
    return await api.foreign.patch("/workspaces/other", json={"name": "Other"})


async def _pause_queue(api: Api) -> httpx.Response:
    return await api.owner.post(f"/queues/{await a_queue(api)}/pause")


async def a_schedule(api: Api) -> str:
    at = {"module": "schedule.trigger", "version": 1, "inputs": {"cron": "0 0 1 1 *"}}
    name = await api.create({**QUICK, "triggers": {"at": at}})
    found = (await api.owner.get("/schedules", params={"workflow": name})).json()["items"]
    return str(found[0]["schedule_id"])


async def a_paused_schedule(api: Api) -> str:
    schedule_id = await a_schedule(api)
    await api.owner.post(f"/schedules/{schedule_id}/pause", json={})
    return schedule_id


async def a_poll(api: Api) -> str:
    inputs = {"every": "30d", "request": {"url": "https://x.invalid"}}
    name = await api.create({**QUICK, "triggers": {"new": {"module": "poll.trigger", "version": 1, "inputs": inputs}}})
    return str((await api.owner.get("/polls", params={"workflow": name})).json()["items"][0]["poll_id"])


async def an_event(api: Api) -> str:
    hook = {"module": "webhook.trigger", "version": 1, "inputs": {}}
    name = await api.create({**QUICK, "triggers": {"hook": hook}})
    await api.hook(name, json={})
    return str((await api.owner.get("/inbox", params={"workflow": name})).json()["items"][0]["event_id"])


async def an_event_that_waits(api: Api) -> str:
    event_id = await an_event(api)
    workflow = (await api.owner.get(f"/inbox/{event_id}")).json()["workflow"]
    await api.owner.patch(f"/workflows/{workflow}", json={"status": "paused"})
    await api.owner.post(f"/inbox/{event_id}/replay")
    return event_id


YEAR: JsonObject = {"from": "2025-06-01T00:00:00Z", "to": "2026-06-01T00:00:00Z"}


async def _resume_queue(api: Api) -> httpx.Response:
    return await api.owner.post(f"/queues/{await a_queue(api, status='paused')}/resume")


SCENES: dict[str, Scene] = {
    "POST /workflows": lambda api: api.owner.post("/workflows", json={"name": fresh("w")}),
    "PATCH /workflows/{workflow}": lambda api: _on(
        api.create(QUICK), api, "PATCH", "/workflows/{}", {"status": "paused"}
    ),
    "DELETE /workflows/{workflow}": lambda api: _on(api.create(QUICK), api, "DELETE", "/workflows/{}"),
    "PUT /workflows/{workflow}/draft": _save_draft,
    "POST /workflows/{workflow}/deploy": lambda api: _on(
        api.create(QUICK, deploy=False), api, "POST", "/workflows/{}/deploy", {}
    ),
    "POST /workflows/{workflow}/versions/{number}/rollback": _roll_back,
    "POST /runs/{run_id}/cancel": lambda api: _of_run(an_open_run(api), api, "/runs/{}/cancel"),
    "POST /runs/{run_id}/replay": lambda api: _of_run(an_ended_run(api), api, "/runs/{}/replay"),
    "POST /runs/{run_id}/pin": lambda api: _of_run(an_ended_run(api), api, "/runs/{}/pin"),
    "POST /runs/{run_id}/unpin": _unpin,
    "POST /runs/cancel": lambda api: _of_flow(an_open_run(api), api, "/runs/cancel"),
    "POST /runs/replay": lambda api: _of_flow(an_ended_run(api), api, "/runs/replay"),
    "POST /queues": lambda api: api.owner.post("/queues", json={"name": fresh("q")}),
    "PATCH /queues/{queue}": lambda api: _on(a_queue(api), api, "PATCH", "/queues/{}", {"max_attempts": 7}),
    "DELETE /queues/{queue}": lambda api: _on(a_queue(api), api, "DELETE", "/queues/{}"),
    "POST /queues/{queue}/flush": lambda api: _on(a_full_queue(api), api, "POST", "/queues/{}/flush"),
    "POST /queues/{queue}/clear": lambda api: _on(a_full_queue(api), api, "POST", "/queues/{}/clear"),
    "POST /queues/{queue}/pause": _pause_queue,
    "POST /queues/{queue}/resume": _resume_queue,
    "POST /queues/{queue}/dead-letters/replay": lambda api: _on(
        a_queue_with_a_dead_letter(api), api, "POST", "/queues/{}/dead-letters/replay", {"all": True}
    ),
    "POST /queues/{queue}/dead-letters/drop": lambda api: _on(
        a_queue_with_a_dead_letter(api), api, "POST", "/queues/{}/dead-letters/drop", {"all": True}
    ),
    "POST /schedules/{schedule_id}/pause": lambda api: _on(a_schedule(api), api, "POST", "/schedules/{}/pause", {}),
    "POST /schedules/{schedule_id}/resume": lambda api: _on(
        a_paused_schedule(api), api, "POST", "/schedules/{}/resume"
    ),
    "POST /schedules/{schedule_id}/backfill": lambda api: _on(
        a_schedule(api), api, "POST", "/schedules/{}/backfill", YEAR
    ),
    "POST /polls/{poll_id}/now": lambda api: _on(a_poll(api), api, "POST", "/polls/{}/now"),
    "POST /polls/{poll_id}/reset": lambda api: _on(a_poll(api), api, "POST", "/polls/{}/reset", {}),
    "PUT /copilot/llm-prices": lambda api: api.owner.put("/copilot/llm-prices", json=A_PRICE | {"model": fresh("m")}),
    "DELETE /copilot/llm-prices": _delete_price,
    "PUT /copilot/llm-budget": lambda api: api.owner.put("/copilot/llm-budget", json={"daily_tokens": 10**6}),
    "POST /copilot/conversations": lambda api: api.owner.post("/copilot/conversations", json={}),
    "DELETE /copilot/conversations/{conversation_id}": lambda api: _on(
        a_conversation(api), api, "DELETE", "/copilot/conversations/{}"
    ),
    "POST /copilot/conversations/{conversation_id}/messages": lambda api: _on(
        a_conversation(api), api, "POST", "/copilot/conversations/{}/messages", {"content": "hello"}
    ),
    "POST /copilot/turns/{turn_id}/cancel": _cancel_turn,
    "POST /copilot/approvals/{approval_id}": _refuse,
    "POST /events": lambda api: api.owner.post("/events", json={"name": "said", "data": 1}),
    "POST /inbox/{event_id}/replay": lambda api: _on(an_event(api), api, "POST", "/inbox/{}/replay"),
    "POST /inbox/{event_id}/drop": lambda api: _on(an_event_that_waits(api), api, "POST", "/inbox/{}/drop"),
    "POST /connections": lambda api: api.owner.post("/connections", json=a_connection_body()),
    "PATCH /connections/{connection}": lambda api: _on(
        a_connection(api), api, "PATCH", "/connections/{}", {"secret": {"token": "u"}}
    ),
    "DELETE /connections/{connection}": lambda api: _on(a_connection(api), api, "DELETE", "/connections/{}"),
    "POST /connections/{connection}/revoke": lambda api: _on(a_connection(api), api, "POST", "/connections/{}/revoke"),
    "POST /connections/{connection}/authorize": lambda api: _on(
        a_connection(api, kind="oauth2", config=OAUTH, secret={"client_secret": "s"}),
        *(api, "POST", "/connections/{}/authorize"),
    ),
    "POST /connection-providers": lambda api: api.owner.post(
        "/connection-providers", json={"name": fresh("p"), "config": PROVIDER, "secret": {"client_secret": "s"}}
    ),
    "PATCH /connection-providers/{provider}": lambda api: _on(
        a_provider(api), api, "PATCH", "/connection-providers/{}", {"secret": {"client_secret": "t"}}
    ),
    "DELETE /connection-providers/{provider}": lambda api: _on(
        a_provider(api), api, "DELETE", "/connection-providers/{}"
    ),
    "POST /files": lambda api: api.owner.post(
        "/files", params={"name": "a.txt"}, content=b"x", headers={"Content-Type": "text/plain"}
    ),
    "PATCH /files/{file_id}": lambda api: _on(a_file(api), api, "PATCH", "/files/{}", {"name": "b.txt"}),
    "DELETE /files/{file_id}": lambda api: _on(a_file(api), api, "DELETE", "/files/{}"),
    "POST /variables": lambda api: api.owner.post("/variables", json={"name": f"V_{uuid4().hex[:8]}", "value": 1}),
    "PUT /variables/{name}": lambda api: _on(a_variable(api), api, "PUT", "/variables/{}", {"value": "b"}),
    "DELETE /variables/{name}": lambda api: _on(a_variable(api), api, "DELETE", "/variables/{}"),
    "POST /api-keys": lambda api: api.owner.post("/api-keys", json={"name": fresh("k")}),
    "DELETE /api-keys/{api_key_id}": _revoke,
    "POST /members": lambda api: api.owner.post("/members", json={"email": f"{uuid4().hex}@x.org", "role": "viewer"}),
    "PATCH /members/{user_id}": lambda api: _of_member(api, "PATCH", {"role": "editor"}),
    "DELETE /members/{user_id}": lambda api: _of_member(api, "DELETE"),
    "POST /workspaces": lambda api: api.owner.post("/workspaces", json={"slug": fresh("w")}),
    "PATCH /workspaces/{workspace}": _rename_workspace,
}


async def _on(name: Awaitable[str], api: Api, method: str, path: str, body: JsonObject | None = None) -> httpx.Response:
    return await api.owner.request(method, path.format(await name), json=body)


async def _of_run(made: Awaitable[tuple[str, str]], api: Api, path: str) -> httpx.Response:
    return await api.owner.post(path.format((await made)[1]), json={} if "replay" in path else None)


async def _of_flow(made: Awaitable[tuple[str, str]], api: Api, path: str) -> httpx.Response:
    return await api.owner.post(path, json={"filter": {"workflow": (await made)[0]}})


async def _of_member(api: Api, method: str, body: JsonObject | None = None) -> httpx.Response:
    return await api.owner.request(method, f"/members/{(await a_member(api))['user_id']}", json=body)


CHANGING = sorted({f"{method} {route.path}" for method, route in routes() if method in WRITES})


def test_every_route_that_writes_is_shown_here_to_leave_a_line_or_says_why_not() -> None:
    assert sorted([*SCENES, *NO_CHANGE]) == CHANGING, (
        "add a scene for each new route, or the reason why it changes nothing"
    )


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_a_change_leaves_a_line(api: Api, name: str) -> None:
    answer = await SCENES[name](api)
    assert answer.is_success, answer.text
    lines = await of_request(api, answer.headers["x-request-id"])
    assert lines, (
        f"{name} answered {answer.status_code} and left no line: is its table audited, or does it need a note?"
    )
    action = next(route.action for method, route in routes() if f"{method} {route.path}" == name)
    for line in lines:
        assert (line["action"], line["route"]) == (action, name)
        assert (line["key_name"], line["ip"]) == ("foreign" if "workspace}" in name else "first start", "127.0.0.1")


async def of_request(api: Api, request_id: str) -> list[JsonObject]:
    """All that the request wrote, in whichever workspace."""
    async with api.db._acquired() as driver:  # pyright: ignore[reportPrivateUsage]
        found = await driver.fetch("select * from audit where request_id = $1 order by at", request_id)
    return [dict(row.items()) for row in found]  # type: ignore[attr-defined]


async def lines(api: Api, **wanted: object) -> list[JsonObject]:
    answer = await api.owner.get("/audit", params={"limit": 500, **wanted})  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_a_line_tells_who_what_before_after_and_from_where(api: Api) -> None:
    queue = await a_queue(api, max_attempts=3)
    headers = {"User-Agent": "curl'); drop table audit; --\\", "X-Forwarded-For": "10.0.0.1"}
    answer = await api.owner.patch(f"/queues/{queue}", json={"max_attempts": 9}, headers=headers)
    changed, made = await lines(api, object=queue)
    assert (made["change"], made["before"], made["after"]["name"]) == ("created", None, queue)
    assert changed["object"] == {"kind": "queue", "id": answer.json()["queue_id"], "name": queue}
    assert (changed["change"], changed["action"]) == ("changed", "queues.write")
    assert (changed["before"], changed["after"]) == ({"max_attempts": 3}, {"max_attempts": 9})
    assert changed["who"]["email"] == "owner@localhost.localdomain"
    assert changed["from"] == {
        "ip": "127.0.0.1",
        "forwarded_for": "10.0.0.1",
        "user_agent": headers["User-Agent"],
        "request_id": answer.headers["x-request-id"],
        "route": "PATCH /queues/{queue}",
    }


async def test_it_never_tells_a_value_or_a_key(api: Api) -> None:
    canary = f"canary{uuid4().hex}"
    name = f"V_{uuid4().hex[:8]}"
    await api.owner.post("/variables", json={"name": name, "value": canary})
    await api.owner.put(f"/variables/{name}", json={"value": [canary, "\x00"]})
    await api.owner.put(f"/variables/{name}", json={"value": {canary: 1}})
    await api.owner.delete(f"/variables/{name}")
    key = (await api.owner.post("/api-keys", json={"name": canary[6:]})).json()["key"]
    text = (await api.owner.get("/audit", params={"limit": 500})).text
    assert canary not in text
    assert key not in text
    told = await lines(api, object=name)
    assert [line["change"] for line in told] == ["deleted", "changed", "changed", "created"]
    assert told[1]["before"] == told[1]["after"] == {"value": "(hidden)"}


async def test_what_was_refused_leaves_no_line(api: Api) -> None:
    queue = await a_queue(api)
    for client, path, body in (
        (api.viewer, f"/queues/{queue}", {"max_attempts": 5}),
        (api.owner, f"/queues/{queue}", {"max_attempts": -1}),
        (api.foreign, f"/queues/{queue}", {"max_attempts": 5}),
    ):
        assert (await client.patch(path, json=body)).status_code >= 400
    assert [line["change"] for line in await lines(api, object=queue)] == ["created"]


async def test_it_is_found_by_each_filter_and_read_page_by_page(api: Api) -> None:
    queue = await a_queue(api)
    await api.editor.patch(f"/queues/{queue}", json={"max_attempts": 5})
    await api.owner.delete(f"/queues/{queue}")
    gone, changed, made = await lines(api, object=queue)
    assert await lines(api, object=queue, change="deleted") == [gone]
    assert await lines(api, object=queue, who="editor") == [changed]
    assert await lines(api, object=queue, who="OWNER@localhost.localdomain") == [gone, made]
    assert await lines(api, object=made["object"]["id"], kind="queue", action="queues.write") == [gone, changed, made]
    assert await lines(api, object=queue, **{"from": changed["at"], "to": gone["at"]}) == [changed]
    assert await lines(api, object=queue, kind="workflow") == []
    assert await lines(api, who="nobody@x.org") == []
    seen: list[JsonObject] = []
    cursor: str | None = None
    while True:
        page = (
            await api.owner.get(
                "/audit", params={"object": queue, "limit": 1, **({"cursor": cursor} if cursor else {})}
            )
        ).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [gone, changed, made]
    problem(await api.owner.get("/audit", params={"from": "yesterday"}), 422, "filter.invalid")
    problem(await api.owner.get("/audit", params={"who": "a\x00"}), 422, "filter.invalid")
    problem(await api.owner.get("/audit", params={"cursor": "WzFd"}), 422, "cursor.invalid")


async def test_a_repeated_request_is_one_line(api: Api) -> None:
    name, headers = fresh("q"), {"Idempotency-Key": uuid4().hex}
    for _ in range(2):
        assert (await api.owner.post("/queues", json={"name": name}, headers=headers)).status_code == 201
    assert len(await lines(api, object=name)) == 1


async def test_the_first_start_is_millstreams_own_doing(api: Api) -> None:
    found = await lines(api, object="main", kind="workspace", change="created")
    assert [(line["who"], line["from"], line["action"]) for line in found] == [(None, None, None)]
