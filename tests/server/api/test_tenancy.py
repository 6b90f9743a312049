"""Two workspaces with the same names of everything: whatever is asked in one, nothing of the other is in the answer, and nothing of it changes.

The routes come from the router, the ids of the other workspace from its own answers, so what is added is walked by itself. A route with a new
kind of id, or one that changes something and needs a body, has to be told here what to ask for.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest

from db.pool import Database
from engine.expressions.values import Json
from server.api.route import WRITES, ApiRoute
from tests.docs.write_rights import routes
from tests.fixtures.api import PREFIX, Api
from tests.fixtures.approvals import asked_for
from tests.fixtures.flows import flow, step

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NOTHING = "0190d5a0-0000-7000-8000-000000000000"
CANARY = f"canary{uuid4().hex[:12]}"
"""A word in all that belongs to the other workspace, and in nothing else."""

OF_EVERYBODY = {"/modules/{name}/{version}"}
"""Routes whose ids are the installation's."""

BODIES: dict[str, Json] = {
    "PUT /workflows/{workflow}/draft": {
        "document": {"schema_version": 1, "name": "x", "steps": {}},
        "base_revision": 1,
    },
    "PATCH /workflows/{workflow}": {"status": "paused"},
    "PUT /variables/{name}": {"value": "stolen"},
    "PATCH /connections/{connection}": {"secret": {"token": "stolen"}},
    "PATCH /connection-providers/{provider}": {"secret": {"client_secret": "stolen"}},
    "PATCH /files/{file_id}": {"name": "stolen.txt"},
    "PATCH /members/{user_id}": {"role": "viewer"},
    "PATCH /workspaces/{workspace}": {"name": "Stolen"},
    "PATCH /queues/{queue}": {"max_attempts": 1},
    "POST /queues/{queue}/items": {"items": [{"data": 1}]},
    "POST /queues/{queue}/dead-letters/replay": {"all": True},
    "POST /queues/{queue}/dead-letters/drop": {"all": True},
    "POST /copilot/conversations/{conversation_id}/messages": {"content": "said"},
    "POST /copilot/approvals/{approval_id}": {"decision": "approve", "content_hash": "x"},
    "POST /schedules/{schedule_id}/backfill": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
}
"""Of routes that take more than `{}`, so that it is the id that they are refused for."""


@dataclass
class Workspace:
    """One of the twins. `named` holds, for each name of an id in addresses, what there is."""

    client: httpx.AsyncClient
    named: dict[str, list[str]] = field(default_factory=dict)

    async def made(self, method: str, path: str, body: Json = None) -> Any:
        answer = await self.client.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None


async def furnish(db: Database, client: httpx.AsyncClient, word: str, tag: str) -> Workspace:
    """Everything that a workspace can hold; the names are the same in both, what they hold tells whose it is."""
    made = Workspace(client)
    document = {
        **flow({"said": word}, a=step("core.set", values={"said": word, "long": word * 20000}), name=f"twin-{tag}"),
        "description": word,
        "triggers": {
            "take": {"module": "queue.consumer", "version": 1, "inputs": {"queue": f"twin-{tag}"}},
            "at": {"module": "schedule.trigger", "version": 1, "inputs": {"cron": "0 0 1 1 *"}},
            "hook": {"module": "webhook.trigger", "version": 1, "inputs": {}},
            "new": {
                "module": "poll.trigger",
                "version": 1,
                "inputs": {"every": "30d", "request": {"url": "https://x.invalid"}},
            },
        },
        "tests": [],
    }
    # Its name alone is the workspace's own: by it, what isn't shared can be asked for.
    only = f"{'only' if word == CANARY else 'sole'}-{word[-8:]}"
    queue = await made.made("POST", "/queues", {"name": f"twin-{tag}", "flush_record_max_age": 86400})
    workflow = await made.made("POST", "/workflows", {"document": document})
    await made.made("POST", f"/workflows/twin-{tag}/deploy", {"note": word})
    alone = await made.made(
        "POST", "/workflows", {"document": {**flow(a=step("core.wait", duration="1h")), "name": only}}
    )
    await made.made("POST", f"/workflows/{only}/deploy", {"note": word})
    await made.made("POST", "/queues", {"name": only})
    ended = await made.made(
        "POST", f"/workflows/twin-{tag}/runs", {"input": {"said": word, "long": word * 20000}, "wait": 60}
    )
    waiting = await made.made("POST", f"/workflows/{only}/runs", {"input": word})
    await made.made("POST", f"/runs/{ended['run_id']}/pin", {"reason": word})
    item = await made.made("POST", f"/queues/twin-{tag}/items", {"items": [{"data": word}]})
    for name in (f"TWIN_{tag}", f"ONLY_{word[-8:]}"):
        await made.made("POST", "/variables", {"name": name, "value": word})
    key = await made.made("POST", "/api-keys", {"name": word, "role": "viewer"})
    member = await made.made("POST", "/members", {"email": f"{word}@example.org", "role": "viewer"})
    steps = await made.made("GET", f"/runs/{ended['run_id']}/steps")
    refs = re.findall(r'"\$ref":\s*"([0-9a-f]{32})"', json.dumps([steps, ended]))
    assert refs
    file = await client.post(
        "/files", params={"name": f"{word}.txt"}, content=word.encode(), headers={"Content-Type": "text/plain"}
    )
    assert file.status_code == 201, file.text
    oauth = {"authorization_url": "https://p.example/a", "token_url": "https://p.example/t", "client_id": word}
    secret = {"client_secret": word}
    provider = await made.made("POST", "/connection-providers", {"name": only, "config": oauth, "secret": secret})
    bearer = {"kind": "bearer", "config": {"base_url": "https://x.example"}, "secret": {"token": word}}
    connection = await made.made("POST", "/connections", {"name": only, "app": "shop", **bearer})
    # Its server can't be reached, which makes a call that failed.
    models = {"kind": "llm", "config": {"base_url": "http://127.0.0.1:9/v1", "model": word}, "secret": {}}
    await made.made("POST", "/connections", {"name": f"llm-{tag}", "app": "llm", **models})
    asking = {
        "schema_version": 1,
        "name": f"ask-{tag}",
        "steps": {"a": {**step("llm.prompt", prompt=word), "connection": f"llm-{tag}"}},
        "edges": [],
        "requires": {"connections": {f"llm-{tag}": {"app": "llm"}}},
    }
    await made.made("POST", "/workflows", {"document": asking})
    await made.made("POST", f"/workflows/ask-{tag}/runs", {"version": "draft", "wait": 60})
    call = (await made.made("GET", "/copilot/llm-calls"))["items"][0]
    await made.made("PUT", "/copilot/llm-prices", {"model": word, "input_usd": 1, "output_usd": 2})
    # No model is set up: the answer is what to do about that.
    talk = await made.made("POST", "/copilot/conversations", {"title": word})
    turn = await made.made("POST", f"/copilot/conversations/{talk['conversation_id']}/messages", {"content": word})
    while (await made.made("GET", f"/copilot/conversations/{talk['conversation_id']}/messages"))["items"][-1][
        "status"
    ] == "in_progress":
        await asyncio.sleep(0.05)
    me = (await made.made("GET", "/workspaces"))["items"][0]
    schedule = (await made.made("GET", "/schedules"))["items"][0]
    while not (poll := (await made.made("GET", "/polls"))["items"][0])["failures"]:
        await asyncio.sleep(0.05)
    base = str(client.base_url).partition(PREFIX)[0]
    await client.post(f"{base}/hooks/{me['slug']}/twin-{tag}/hook", json={"said": word})
    event = (await made.made("GET", "/inbox"))["items"][0]
    made.named = {
        "workflow": [workflow["workflow_id"], alone["workflow_id"], only],
        "run_id": [ended["run_id"], waiting["run_id"]],
        "queue": [queue["queue_id"], only],
        "name": [f"ONLY_{word[-8:]}"],
        "api_key_id": [key["api_key_id"]],
        "user_id": [str(member["user_id"])],
        "workspace": [me["slug"], str(me["workspace_id"])],
        "ref": refs[:1],
        "number": ["1"],
        "connection": [connection["connection_id"], only],
        "provider": [provider["provider_id"], only],
        "file_id": [file.json()["file_id"]],
        "item_id": item["item_ids"],
        "schedule_id": [schedule["schedule_id"]],
        "event_id": [event["event_id"]],
        "poll_id": [poll["poll_id"]],
        "call_id": [call["call_id"]],
        "conversation_id": [talk["conversation_id"]],
        "turn_id": [turn["turn_id"]],
        "approval_id": [await asked_for(db, talk["conversation_id"], turn["turn_id"], word)],
    }
    return made


@dataclass
class Twins:
    api: Api
    mine: Workspace
    theirs: Workspace
    secret: frozenset[str]
    """Every id that the other workspace's answers hold and this one's don't, its names of its own, and the canary."""
    before: dict[str, str]
    """What the other workspace answered before anybody asked for anything."""

    def leaks(self, text: str, asked: str = "") -> list[str]:
        """What of the other workspace is in the text; what was asked for may be repeated."""
        return [one for one in self.secret if one in text and one not in asked]


@pytest.fixture(scope="module")
async def twins(api: Api) -> AsyncIterator[Twins]:
    tag = uuid4().hex[:6]
    made = await api.owner.post("/workspaces", json={"slug": f"twin-{tag}", "name": CANARY})
    async with client_of(api, made.json()["key"]) as foreign:
        theirs = await furnish(api.db, foreign, CANARY, tag)
        mine = await furnish(api.db, api.owner, f"own{uuid4().hex[:12]}", tag)
        before = await crawl(theirs)
        known = set(UUID.findall(json.dumps(await crawl(mine))))
        ids = set(UUID.findall(json.dumps(before))) - known
        ids |= {one for names in theirs.named.values() for one in names if len(one) > 6 and one != f"twin-{tag}"}
        ids -= {one for names in mine.named.values() for one in names}
        yield Twins(api, mine, theirs, frozenset({CANARY, *ids}), before)


@asynccontextmanager
async def client_of(api: Api, key: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=api.url + PREFIX, headers=headers, timeout=60) as client:
        yield client


def addresses(route: ApiRoute, named: dict[str, list[str]]) -> Iterator[dict[str, str]]:
    """By turns each thing that there is under each name of an id in the path."""
    names: list[str] = re.findall(r"\{(\w+)\}", route.path)
    missing = [name for name in names if name not in named]
    assert not missing, f"{route.path}: say in `furnish` what {missing} names"
    for number in range(max((len(named[name]) for name in names), default=1)):
        yield {name: named[name][number % len(named[name])] for name in names}


async def read(client: httpx.AsyncClient, path: str, **more: Any) -> tuple[int, str]:
    """Status and body; of a stream that doesn't end, nothing but its status."""
    async with client.stream("GET", path, **more) as answer:
        if answer.headers["content-type"].startswith("text/event-stream") and path.endswith("/runs/events"):
            return answer.status_code, ""
        if answer.headers["content-type"].startswith("text/event-stream"):
            lines: list[str] = []
            async for line in answer.aiter_lines():
                lines.append(line)
                if line.startswith(":") or '"waiting"' in line:
                    break
            return answer.status_code, "\n".join(lines)
        return answer.status_code, (await answer.aread()).decode()


async def crawl(workspace: Workspace) -> dict[str, str]:
    """What each route says that reads, of each thing that there is; without what changes by being looked at."""
    found: dict[str, str] = {}
    for method, route in routes():
        if method != "GET" or route.path in OF_EVERYBODY:
            continue
        for address in addresses(route, workspace.named):
            path = route.path.format(**address)
            params = {"limit": 500} if "{" not in route.path else {}
            params |= {"from": "1", "to": "1"} if route.path.endswith("/diff") else {}
            if "/events" in path:
                continue
            _, text = await read(workspace.client, path, params=params)
            found[path] = re.sub(r'"(last_used_at|oldest_age_s|flushes_per_min)":[^,}]*', "", text)
    return found


def test_the_walk_finds_what_there_is(twins: Twins) -> None:
    assert len(twins.secret) > 15
    assert sum(CANARY in text for text in twins.before.values()) > 10


ALL = [pytest.param(method, route, id=f"{method} {route.path}") for method, route in routes()]
WITH_IDS = [one for one in ALL if "{" in one.values[1].path and one.values[1].path not in OF_EVERYBODY]  # type: ignore[union-attr]


@pytest.mark.parametrize(("method", "route"), WITH_IDS)
async def test_a_foreign_id_answers_as_one_of_nothing(twins: Twins, method: str, route: ApiRoute) -> None:
    api = twins.api
    body = BODIES.get(f"{method} {route.path}", {}) if method in WRITES and method != "DELETE" else None
    params = {"from": "1", "to": "1"} if route.path.endswith("/diff") else {}
    for address in addresses(route, twins.theirs.named):
        # What isn't the thing's own id, as a version's number, stays: it is the same in both.
        nothing = {name: value if name == "number" else _nothing(value) for name, value in address.items()}
        for client in (api.owner, api.editor, api.viewer):
            answers = [
                await client.request(method, route.path.format(**one), json=body, params=params)
                for one in (address, nothing)
            ]
            there, none = (_forget(answer.text, one) for answer, one in zip(answers, (address, nothing), strict=True))
            assert (answers[0].status_code, there) == (answers[1].status_code, none)
            assert answers[0].status_code in (403, 404), "say in BODIES what this route takes"
            assert sorted(answers[0].headers) == sorted(answers[1].headers)
            assert twins.leaks(answers[0].text, json.dumps(address)) == []


def _nothing(value: str) -> str:
    if UUID.fullmatch(value):
        return NOTHING
    return str(10**9 + 7) if value.isdigit() else "z" * len(value)


def _forget(text: str, address: dict[str, str]) -> str:
    for value in sorted(address.values(), key=len, reverse=True):
        text = text.replace(f"'{value}'", "…")
    return re.sub(r" Did you mean [^?]*\?", "", text)


@pytest.mark.parametrize(("method", "route"), [one for one in ALL if one.values[0] == "GET"])
async def test_no_list_no_search_and_no_filter_finds_what_is_foreign(
    twins: Twins, method: str, route: ApiRoute
) -> None:
    """Every parameter that takes text is given every name and id of the other workspace."""
    api = twins.api
    operation = api.openapi["paths"][PREFIX + route.path][method.lower()]
    taken = [
        one["name"]
        for one in operation["parameters"]
        if one["in"] == "query" and "string" in json.dumps(one["schema"]) and one["name"] != "cursor"
    ]
    questions: list[dict[str, str]] = [{}]
    for name in taken:
        questions += (
            [{name: one} for one in sorted(twins.secret)]
            if name in ("q", "workflow", "object", "who")
            else [{name: CANARY}]
        )
    if route.path.endswith("/diff"):
        questions = [{"from": "1", "to": "1"}]
    address = (
        next(addresses(route, twins.mine.named))
        if route.path not in OF_EVERYBODY
        else {"name": "core.set", "version": "1"}
    )
    for question in questions:
        for client in (api.owner, api.viewer):
            status, text = await read(
                client,
                route.path.format(**address),
                params={"limit": "500", **question} if "{" not in route.path else question,
            )
            assert status in (200, 403, 404, 422)
            assert twins.leaks(text, json.dumps(question)) == [], question


async def test_streams_tell_of_their_own_runs_alone(twins: Twins) -> None:
    """Also from the beginning, and while both workspaces are at work."""
    api = twins.api
    tag = twins.theirs.named["workflow"][0]
    for last in (None, "0-0", "0"):
        seen: list[str] = []
        own = await api.create(flow(a=step("core.set", values={})))
        headers = {} if last is None else {"Last-Event-ID": last}
        async with api.owner.stream("GET", "/runs/events", headers=headers, timeout=60) as response:
            if response.status_code == 422:
                continue
            theirs = await twins.theirs.made("POST", f"/workflows/{tag}/runs", {"input": CANARY, "wait": 30})
            mine = await api.start(own)
            async for line in response.aiter_lines():
                seen.append(line)
                if mine in line and '"succeeded"' in line:
                    break
        text = "\n".join(seen)
        assert mine in text
        assert twins.leaks(text) == []
        assert theirs["run_id"] not in text


async def test_what_needs_no_key_tells_of_no_workspace(twins: Twins) -> None:
    api = twins.api
    names = {
        name for one in (twins.mine, twins.theirs) for found in one.named.values() for name in found if len(name) > 6
    }
    for path in ("/metrics", "/healthz", "/readyz", f"{PREFIX}/openapi.json", "/nothing"):
        async with httpx.AsyncClient(base_url=api.url) as anybody:
            text = (await anybody.get(path)).text
        assert twins.leaks(text) == []
        assert [name for name in names if name in text] == [], path
    slug = twins.theirs.named["workspace"][0]
    known, unknown = [
        await api.outside.post(f"/hooks/{workspace}/nothing/hook", json={}) for workspace in (slug, "z" * len(slug))
    ]
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)


FOREIGN_IN_A_DOCUMENT = {
    "a child": lambda named: {"steps": {"a": step("core.subworkflow", workflow=named["workflow"][0])}},
    "a child by name": lambda named: {"steps": {"a": step("core.subworkflow", workflow=named["workflow"][2])}},
    "a queue": lambda named: {"steps": {"a": step("queue.enqueue", queue=named["queue"][0], items=[{"data": 1}])}},
    "a queue by name": lambda named: {
        "steps": {"a": step("queue.enqueue", queue=named["queue"][1], items=[{"data": 1}])}
    },
    "a consumer": lambda named: {
        "steps": {"a": step("core.set", values={})},
        "triggers": {"t": {"module": "queue.consumer", "version": 1, "inputs": {"queue": named["queue"][0]}}},
    },
    "a connection": lambda named: {
        "steps": {"a": {**step("http.request", url="/"), "connection": named["connection"][1]}},
        "requires": {"connections": {named["connection"][1]: {"app": "shop"}}},
    },
    "a file that is read": lambda named: {"steps": {"a": step("files.read", file_id=named["file_id"][0])}},
    "a file that is parsed": lambda named: {
        "steps": {"a": step("data.parse", format="csv", file_id=named["file_id"][0])}
    },
    "a workbook": lambda named: {"steps": {"a": step("data.parse", format="xlsx", file_id=named["file_id"][0])}},
    "a file that is sent": lambda named: {
        "steps": {"a": step("http.request", url="http://127.0.0.1:9/", method="POST", body_file=named["file_id"][0])}
    },
    "a file in a form": lambda named: {
        "steps": {
            "a": step(
                "http.request",
                url="http://127.0.0.1:9/",
                method="POST",
                multipart=[{"name": "f", "file_id": named["file_id"][0]}],
            )
        }
    },
    "a file that is deleted": lambda named: {"steps": {"a": step("files.delete", file_id=named["file_id"][0])}},
    "a variable": lambda named: {"steps": {"a": step("core.set", values={"v": f"{{{{ vars.{named['name'][0]} }}}}"})}},
}


@pytest.mark.parametrize("kind", FOREIGN_IN_A_DOCUMENT)
async def test_an_id_in_a_document_finds_nothing_foreign(twins: Twins, kind: str) -> None:
    """Saved, validated, deployed, run and tested: as if it named nothing."""
    api, told = twins.api, []
    for named in (
        twins.theirs.named,
        {key: [_nothing(one) for one in values] for key, values in twins.theirs.named.items()},
    ):
        name = f"doc-{uuid4().hex[:8]}"
        document = {"schema_version": 1, "name": name, "edges": [], **FOREIGN_IN_A_DOCUMENT[kind](named)}
        answers = [
            await api.owner.post("/validate", json={"document": document}),
            await api.owner.post("/workflows", json={"document": document}),
            await api.owner.post(f"/workflows/{name}/deploy", json={}),
            await api.owner.post(f"/workflows/{name}/test", json={}),
            await api.owner.post(f"/workflows/{name}/runs", json={"version": "draft", "wait": 30}),
        ]
        run = answers[-1].json().get("run_id")
        if run is not None:
            answers.append(await api.owner.get(f"/runs/{run}/steps"))
        texts: list[str] = []
        for answer in answers:
            text = answer.text
            for value in sorted(
                (one for values in named.values() for one in values if len(one) > 3), key=len, reverse=True
            ):
                text = text.replace(value, "…")
            text = UUID.sub("id", text.replace(name, "name"))
            # What is like a name that there is gets a hint, of this workspace's own names; the rest is each run's own.
            text = re.sub(
                r"(?i)[ ;:,(]*did you mean [^?]*\?\)?", "", re.sub(r',?"(hint|nearest)":("[^"]*"|null)', "", text)
            )
            text = re.sub(
                r'\d{4}-\d\d-\d\dT[0-9:.]+Z|"duration_ms":[0-9.]+|"(content_hash|idempotency_key)":"[^"]*"', "", text
            )
            texts.append(f"{answer.status_code} {text}")
            assert twins.leaks(answer.text, json.dumps(document)) == []
        told.append(texts)
    assert told[0] == told[1]


async def test_ids_in_bodies_find_nothing_foreign(twins: Twins) -> None:
    api, named = twins.api, twins.theirs.named
    own = twins.mine.named
    for path, body, status in (
        ("/api-keys", {"name": "k", "user_id": int(named["user_id"][0])}, 422),
        ("/runs/replay", {"filter": {"workflow": named["workflow"][0]}, "dry_run": True}, 404),
        ("/runs/cancel", {"filter": {"workflow": named["workflow"][2]}, "dry_run": True}, 404),
        ("/runs/cancel", {"filter": {"q": CANARY}}, 202),
        (f"/queues/{own['queue'][0]}/dead-letters/drop", {"item_ids": named["item_id"]}, 200),
        (f"/workflows/{own['workflow'][0]}/runs", {"version": 77}, 404),
    ):
        answer = await api.owner.post(path, json=body)
        assert answer.status_code == status, (path, answer.text)
        assert twins.leaks(answer.text, json.dumps(body)) == []
        if status == 202:
            assert answer.json()["count"] == 0


async def test_nothing_of_the_other_has_changed(twins: Twins) -> None:
    """Last of all: it answers as it did before the others knocked. What it did itself meanwhile is runs, which are new, and so are requests to
    addresses of hooks that it hasn't: anybody may send them."""
    after = await crawl(twins.theirs)
    changed = [path for path, text in twins.before.items() if after[path] != text]
    assert [path for path in changed if path not in {"/runs", "/inbox"}] == []
    await asyncio.sleep(0)
