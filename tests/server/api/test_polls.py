"""Polls: what is new at a real server starts runs, once each, whatever the server or the clock does."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from engine.expressions.values import Json
from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step
from tests.fixtures.http_server import Answer, HttpServer, Request
from tests.server.api.test_connection_targets import create, postgres_target, relayed


def polling(**inputs: Json) -> dict[str, Any]:
    document = flow("{{ trigger }}", a=step("core.set", values={}))
    return {
        **document,
        "triggers": {"new": {"module": "poll.trigger", "version": 1, "inputs": {"every": "1h", **inputs}}},
    }


def asking(server: HttpServer, **inputs: Json) -> dict[str, Any]:
    return polling(request={"url": f"{server.url}/orders"}, **inputs)


async def poll_of(api: Api, workflow: str) -> dict[str, Any]:
    [found] = (await api.viewer.get("/polls", params={"workflow": workflow})).json()["items"]
    return found


async def asked(api: Api, workflow: str, *, again: bool = True) -> dict[str, Any]:
    """The poll once it has asked, and got an answer or failed; `again`: it is told to."""
    before = await poll_of(api, workflow)
    if again:
        answer = await api.editor.post(f"/polls/{before['poll_id']}/now")
        assert answer.status_code == 202, answer.text
    while True:
        now = await poll_of(api, workflow)
        fresh = now["answered_at"] != before["answered_at"] or now["failures"] > before["failures"]
        if fresh or (not again and (now["answered_at"] is not None or now["failures"])):
            return now
        await asyncio.sleep(0.02)


async def runs(api: Api, workflow: str, least: int = 1) -> list[dict[str, Any]]:
    """Oldest first and ended, once there are so many."""
    while True:
        found = (await api.viewer.get("/runs", params={"workflow": workflow, "limit": 200})).json()["items"]
        if len(found) >= least:
            return [await api.end(run["run_id"]) for run in found[::-1]]
        await asyncio.sleep(0.02)


async def bodies(api: Api, workflow: str, least: int = 1) -> list[Json]:
    return [run["output"]["body"] for run in await runs(api, workflow, least)]


async def test_each_new_item_starts_one_run_in_order(api: Api, http_server: HttpServer) -> None:
    orders = [{"id": 1}, {"id": 2}]
    http_server.handle("GET", "/orders", lambda request: Answer.of_json({"orders": orders}))
    name = await api.create(asking(http_server, items="{{ body.orders }}", key="{{ item.id }}"))
    await asked(api, name, again=False)
    orders[:] = [{"id": 2, "changed": True}, {"id": 3}, {"id": 3, "twice": True}]
    await asked(api, name)
    await asked(api, name)
    assert await bodies(api, name, 3) == [{"id": 1}, {"id": 2}, {"id": 3}]
    [run, *_] = await runs(api, name)
    assert {name: run["output"][name] for name in ("type", "id")} == {"type": "poll", "id": "new"}
    events = (await api.viewer.get("/inbox", params={"workflow": name, "kind": "poll"})).json()["items"]
    assert [one["verdict"] for one in events] == ["accepted"] * 3


async def test_the_cursor_of_an_answer_is_in_the_next_question(api: Api, http_server: HttpServer) -> None:
    def answer(request: Request) -> Answer:
        after = int(parse_qs(urlsplit(request.path).query).get("after", ["0"])[0])
        return Answer.of_json({"rows": [{"n": after + 1}, {"n": after + 2}]})

    http_server.handle("GET", "/orders", answer)
    request: Json = {"url": f"{http_server.url}/orders", "query": {"after": "{{ cursor }}"}}
    name = await api.create(
        polling(request=request, items="{{ body.rows }}", cursor="{{ items | map(attribute='n') | max }}")
    )
    assert (await asked(api, name, again=False))["cursor"] == 2
    poll = await asked(api, name)
    assert (poll["cursor"], poll["failures"], poll["error"]) == (4, 0, None)
    assert await bodies(api, name, 4) == [{"n": n} for n in (1, 2, 3, 4)]
    await api.editor.post(f"/polls/{poll['poll_id']}/reset", json={"cursor": 10})
    assert (await asked(api, name))["cursor"] == 12
    assert (await bodies(api, name, 6))[4:] == [{"n": 11}, {"n": 12}]


async def test_without_a_key_an_item_is_new_when_it_is_not_the_same(api: Api, http_server: HttpServer) -> None:
    http_server.answer(
        "GET", "/orders", Answer.of_json([{"a": 1, "b": 2}]), Answer.of_json([{"b": 2, "a": 1}, {"a": 2}])
    )
    name = await api.create(asking(http_server))
    await asked(api, name, again=False)
    await asked(api, name)
    assert await bodies(api, name, 2) == [{"a": 1, "b": 2}, {"a": 2}]


async def test_a_batch_is_one_run(api: Api, http_server: HttpServer) -> None:
    http_server.answer("GET", "/orders", Answer.of_json(list(range(7))))
    name = await api.create(asking(http_server, batch=3))
    await asked(api, name, again=False)
    found = await runs(api, name, 3)
    assert [run["output"]["items"] for run in found] == [[0, 1, 2], [3, 4, 5], [6]]
    assert found[2]["output"]["body"] == {"items": [6]}


async def test_what_is_there_at_first_can_be_skipped(api: Api, http_server: HttpServer) -> None:
    http_server.answer("GET", "/orders", Answer.of_json([1, 2]), Answer.of_json([1, 2, 3]))
    name = await api.create(asking(http_server, first="skip"))
    await asked(api, name, again=False)
    await asked(api, name)
    assert await bodies(api, name) == [3]


async def test_while_it_fails_it_waits_longer_and_the_inbox_says_why_once(api: Api, http_server: HttpServer) -> None:
    http_server.answer(
        "GET", "/orders", Answer.of_json([1]), Answer(500), Answer.of_json({"a": 1}, 418), Answer.of_json([1, 2])
    )
    name = await api.create(asking(http_server, items="{{ body }}"))
    await asked(api, name, again=False)
    failed = [await asked(api, name) for _ in range(2)]
    assert [(one["failures"], one["error"]["code"]) for one in failed] == [(1, "http.500"), (2, "http.418")]
    refused = (await api.viewer.get("/inbox", params={"workflow": name, "verdict": "refused"})).json()["items"]
    assert len(refused) == 1
    assert "http.500" in refused[0]["reason"]
    well = await asked(api, name)
    assert (well["failures"], well["error"]) == (0, None)
    assert await bodies(api, name, 2) == [1, 2]


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"items": "{{ body.nothing.here }}"}, "expression.undefined"),
        ({"key": "{{ item.id | default(none) }}"}, "poll.key"),
        ({"cursor": "{{ items.x.y }}"}, "expression.undefined"),
    ],
)
async def test_an_answer_that_does_not_fit_loses_nothing(
    api: Api, http_server: HttpServer, inputs: dict[str, Json], code: str
) -> None:
    http_server.answer("GET", "/orders", Answer.of_json([{"a": 1}]))
    name = await api.create(asking(http_server, **inputs))
    failed = await asked(api, name, again=False)
    assert (failed["error"]["code"], failed["answered_at"]) == (code, None)
    assert (await api.viewer.get("/runs", params={"workflow": name})).json()["items"] == []


async def test_a_database_is_asked_through_a_connection(api: Api, database_url: str) -> None:
    async with relayed(database_url) as url:
        kind, config, secret = postgres_target(url)
        connection = await create(api, kind, config, secret)
        query: Json = {
            "sql": "select n from generate_series(1, 5) as n where n > coalesce($1::int, 3) order by n",
            "params": ["{{ cursor }}"],
        }
        document = polling(
            query=query, key="{{ item.n }}", cursor="{{ rows | map(attribute='n') | max | default(cursor) }}"
        )
        document["triggers"]["new"]["connection"] = connection
        document["requires"] = {"connections": {connection: {"app": "shop"}}}
        name = await api.create(document)
        assert (await asked(api, name, again=False))["cursor"] == 5
        assert await bodies(api, name, 2) == [{"n": 4}, {"n": 5}]


async def test_a_secret_goes_out_and_is_seen_nowhere(api: Api, http_server: HttpServer) -> None:
    http_server.handle("GET", "/orders", lambda request: Answer.of_json([{"said": request.headers.get("x-token")}]))
    await api.owner.post("/variables", json={"name": "POLL_TOKEN", "value": "s3cret-of-polls", "secret": True})
    request: Json = {"url": f"{http_server.url}/orders", "headers": {"X-Token": "{{ vars.POLL_TOKEN }}"}}
    name = await api.create({**polling(request=request), "requires": {"variables": ["POLL_TOKEN"]}})
    await asked(api, name, again=False)
    assert http_server.requests[-1].headers["x-token"] == "s3cret-of-polls"
    assert await bodies(api, name) == [{"said": "***"}]


async def test_a_poll_lives_with_its_version_and_its_workflow(api: Api, http_server: HttpServer) -> None:
    http_server.answer("GET", "/orders", Answer.of_json([1]), Answer.of_json([1, 2]))
    name = await api.create(asking(http_server))
    first = await asked(api, name, again=False)
    await api.editor.patch(f"/workflows/{name}", json={"status": "paused"})
    assert (await poll_of(api, name))["next"] is None
    problem(await api.editor.post(f"/polls/{first['poll_id']}/now"), 409, "workflow.paused")
    await api.editor.patch(f"/workflows/{name}", json={"status": "active"})
    without = flow("{{ trigger }}", a=step("core.set", values={}))
    await api.editor.put(f"/workflows/{name}/draft", json={"document": {**without, "name": name}, "base_revision": 1})
    await api.editor.post(f"/workflows/{name}/deploy", json={})
    assert (await api.viewer.get("/polls", params={"workflow": name})).json()["items"] == []
    await api.editor.post(f"/workflows/{name}/versions/1/rollback")
    again = await poll_of(api, name)
    assert again["poll_id"] == first["poll_id"]
    await runs(api, name, 2)
    assert await bodies(api, name, 2) == [1, 2]
    await api.owner.delete(f"/workflows/{name}")
    problem(await api.editor.post(f"/polls/{first['poll_id']}/now"), 404, "poll.unknown")


async def test_asking_again_and_again_happens_by_itself(api: Api, http_server: HttpServer) -> None:
    count = iter(range(1, 1_000_000))
    http_server.handle("GET", "/orders", lambda request: Answer.of_json([next(count)]))
    name = await api.create(asking(http_server, every="1s"))
    assert (await bodies(api, name, 3))[:3] == [1, 2, 3]
    await api.owner.delete(f"/workflows/{name}")
