"""The examples of ways to start runs, deployed and started in these ways, with real servers for what they call."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import yaml

from engine.expressions.values import Json
from tests.fixtures.api import Api
from tests.fixtures.http_server import Answer, HttpServer, Request

EXAMPLES = Path(__file__).parents[3] / "examples"


async def deployed(api: Api, example: str, secret: str | None = None, **variables: str) -> str:
    """The example, with names of its own for what it reads of the workspace's variables."""
    text = (EXAMPLES / example).read_text()
    tag = uuid4().hex[:6].upper()
    for name, value in variables.items():
        own = f"{name}_{tag}"
        answer = await api.owner.post("/variables", json={"name": own, "value": value, "secret": name == secret})
        assert answer.is_success, answer.text
        text = text.replace(name, own)
    return await api.create(yaml.safe_load(text))


async def runs(api: Api, workflow: str, count: int) -> list[dict[str, Any]]:
    """Oldest first, once there are so many and all ended."""
    while True:
        found = (await api.viewer.get("/runs", params={"workflow": workflow})).json()["items"]
        if len(found) >= count:
            assert len(found) == count
            return [await api.end(run["run_id"]) for run in found[::-1]]
        await asyncio.sleep(0.02)


def sent(server: HttpServer) -> list[tuple[str, Json]]:
    return [(each.path, json.loads(each.body)) for each in server.requests if each.method == "PUT"]


async def test_new_orders_are_polled_from_where_the_last_answer_ended(api: Api, http_server: HttpServer) -> None:
    orders: list[dict[str, Any]] = [{"id": 1, "express": False, "lines": []}]

    def answer(request: Request) -> Answer:
        after = int(parse_qs(urlsplit(request.path).query)["after"][0])
        return Answer.of_json({"orders": [order for order in orders if order["id"] > after]})

    http_server.handle("GET", "/orders", answer)
    for number in (2, 3):
        http_server.answer("PUT", f"/pack/{number}", Answer(204))
    name = await deployed(api, "new_orders.yaml", SHOP_URL=http_server.url, PACKERS_URL=f"{http_server.url}/pack")
    await answered(api, name, 1)
    orders += [{"id": 2, "express": True, "lines": [1]}, {"id": 3, "express": False, "lines": [2]}]
    await answered(api, name, 3)
    assert [run["output"] for run in await runs(api, name, 2)] == [{"order": 2}, {"order": 3}]
    assert sorted(sent(http_server)) == [
        ("/pack/2", {"lane": "express", "lines": [1]}),
        ("/pack/3", {"lane": "normal", "lines": [2]}),
    ]
    asked = [parse_qs(urlsplit(each.path).query)["after"] for each in http_server.requests if each.method == "GET"]
    assert list(dict.fromkeys(each[0] for each in asked))[:2] == ["0", "1"]


async def answered(api: Api, workflow: str, cursor: int) -> None:
    """The workflow's poll asks, until it goes on from there."""
    while True:
        [poll] = (await api.viewer.get("/polls", params={"workflow": workflow})).json()["items"]
        if poll["answered_at"] is not None and poll["cursor"] == cursor:
            return
        await api.editor.post(f"/polls/{poll['poll_id']}/now")
        await asyncio.sleep(0.05)


async def test_the_nightly_report_is_of_the_day_that_it_is_for(api: Api, http_server: HttpServer) -> None:
    orders = [{"customer": "a", "amount": 3}, {"customer": "b", "amount": 4}, {"customer": "a", "amount": 5}]
    http_server.handle("GET", "/orders", lambda request: Answer.of_json({"orders": orders}))
    wednesday = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    wednesday -= timedelta(days=7 + (wednesday.weekday() - 2) % 7)
    day = wednesday.date().isoformat()
    http_server.answer("PUT", f"/reports/{day}", Answer(204))
    name = await deployed(api, "nightly_report.yaml", SHOP_URL=http_server.url, REPORT_URL=f"{http_server.url}/reports")
    [one] = (await api.viewer.get("/schedules", params={"workflow": name})).json()["items"]
    span = {"from": wednesday.isoformat(), "to": (wednesday + timedelta(days=1)).isoformat()}
    answer = await api.editor.post(f"/schedules/{one['schedule_id']}/backfill", json=span)
    [time] = answer.json()["times"]
    [run] = await runs(api, name, 1)
    sums = [{"customer": "a", "orders": 2, "amount": 8}, {"customer": "b", "orders": 1, "amount": 4}]
    assert run["output"] == sums
    [(path, body)] = sent(http_server)
    assert (path, body["sums"], body["since"] < time) == (f"/reports/{day}", sums, True)  # type: ignore[index,call-overload]


async def test_a_push_is_built_once_if_github_signed_it(api: Api, http_server: HttpServer) -> None:
    http_server.answer("PUT", "/4b825dc", Answer(201))
    key = uuid4().hex
    name = await deployed(api, "github_pushes.yaml", "GITHUB_SECRET", GITHUB_SECRET=key, BUILDS_URL=http_server.url)
    push = {
        "ref": "refs/heads/main",
        "after": "4b825dc",
        "repository": {"full_name": "shop/site"},
        "pusher": {"name": "mona"},
    }
    body = json.dumps(push).encode()
    headers = {
        "content-type": "application/json",
        "x-github-event": "push",
        "x-github-delivery": str(uuid4()),
        "x-hub-signature-256": "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest(),
    }
    hook = f"/hooks/main/{name}/github"
    for _ in range(2):
        assert (await api.outside.post(hook, content=body, headers=headers)).status_code == 202
    forged = await api.outside.post(hook, content=body.replace(b"mona", b"eve!"), headers=headers)
    assert forged.status_code == 401
    [run] = await runs(api, name, 1)
    assert run["output"] == "succeeded"
    assert sent(http_server) == [("/4b825dc", {"repository": "shop/site", "by": "mona"})]
