"""A document that names a connection which its editor may not use is refused by every route that takes or runs one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from db import api_keys
from server.api.app import BELOW, OUTSIDE
from server.api.route import WRITES, ApiRoute
from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step


@dataclass(frozen=True)
class Kept:
    """`document` names a connection that is kept for owners: the draft and version 1 of `workflow`, where `run_id` ran. Version 2 names none."""

    document: dict[str, Any]
    workflow: str
    run_id: str
    name: str


@pytest.fixture(scope="module")
async def kept(api: Api) -> Kept:
    name = f"kept-{uuid4().hex[:10]}"
    made = await api.owner.post(
        "/connections",
        json={
            "name": name,
            "app": "shop",
            "kind": "bearer",
            "config": {"base_url": "http://127.0.0.1:1"},
            "secret": {"token": "t"},
            "use": "owner",
        },
    )
    assert made.status_code == 201
    document = {
        **flow(a={**step("http.request", url="/x"), "connection": name, "disabled": True}),
        "triggers": {"hook": {"module": "webhook.trigger", "version": 1, "inputs": {}}},
        "requires": {"connections": {name: {"app": "shop"}}},
        "tests": [{"name": "t", "mocks": {"a": {"output": {}}}, "expect": {}}],
    }
    workflow = await api.create(document)
    run = await api.run(workflow)
    draft = (await api.owner.get(f"/workflows/{workflow}/draft")).json()
    plain = {**document, "name": workflow, "steps": {}, "requires": {}, "tests": []}
    for each, revision in ((plain, draft["revision"]), (draft["document"], draft["revision"] + 1)):
        saved = await api.owner.put(f"/workflows/{workflow}/draft", json={"document": each, "base_revision": revision})
        assert saved.status_code == 200, saved.text
        if each is plain:
            assert (await api.owner.post(f"/workflows/{workflow}/deploy", json={})).json()["version"] == 2
    return Kept({**document, "name": workflow}, workflow, str(run["run_id"]), name)


Ask = Callable[[Api, httpx.AsyncClient, Kept], Awaitable[httpx.Response]]


def asking(method: str, path: str, body: Callable[[Kept], Any] = lambda kept: {}) -> Ask:
    async def ask(_: Api, client: httpx.AsyncClient, kept: Kept) -> httpx.Response:
        return await client.request(method, path.format(w=kept.workflow, r=kept.run_id), json=body(kept))

    return ask


async def hook(api: Api, _: httpx.AsyncClient, kept: Kept) -> httpx.Response:
    async with api.db.engine() as connection:
        _, key = await api_keys.create(connection, api.workspace_id, name="hook", role="editor", scopes=["hook"])
    headers = {"Authorization": f"Bearer {key}"}
    return await api.outside.post(f"/hooks/main/{kept.workflow}/hook?version=draft", json={}, headers=headers)


def fresh(kept: Kept) -> dict[str, Any]:
    return {"document": {**kept.document, "name": f"other-{uuid4().hex[:10]}"}}


CASES: dict[tuple[str, str], list[Ask]] = {
    ("POST", "/workflows"): [asking("POST", "/workflows", fresh)],
    ("PUT", "/workflows/{workflow}/draft"): [
        asking("PUT", "/workflows/{w}/draft", lambda kept: {"document": kept.document, "base_revision": 3})
    ],
    ("POST", "/workflows/{workflow}/deploy"): [asking("POST", "/workflows/{w}/deploy")],
    ("POST", "/workflows/{workflow}/versions/{number}/rollback"): [
        asking("POST", "/workflows/{w}/versions/1/rollback")
    ],
    ("POST", "/workflows/{workflow}/runs"): [
        asking("POST", "/workflows/{w}/runs", lambda _: {"version": "draft"}),
        asking("POST", "/workflows/{w}/runs", lambda _: {"version": 1}),
        asking("POST", "/workflows/{w}/runs", lambda _: {"version": 1, "simulate": True}),
        asking("POST", "/workflows/{w}/runs", lambda _: {"version": "draft", "mocks": {"a": {"output": 1}}}),
    ],
    ("POST", "/workflows/{workflow}/test"): [
        asking("POST", "/workflows/{w}/test"),
        asking("POST", "/workflows/{w}/test", lambda _: {"version": 1}),
    ],
    ("POST", "/runs/{run_id}/replay"): [
        asking("POST", "/runs/{r}/replay"),
        asking("POST", "/runs/{r}/replay", lambda _: {"version": "draft"}),
        asking("POST", "/runs/{r}/replay", lambda _: {"from_step": "a"}),
    ],
    ("POST", "/hooks/{workspace}/{workflow}/{trigger}"): [hook],
}
OTHERS = {
    ("PATCH", "/workflows/{workflow}"): "pauses or goes on with what was deployed",
    ("DELETE", "/workflows/{workflow}"): "ends things",
    ("POST", "/runs/{run_id}/cancel"): "ends things",
    ("POST", "/runs/cancel"): "ends things",
    ("POST", "/runs/{run_id}/pin"): "keeps a run",
    ("POST", "/runs/{run_id}/unpin"): "lets go of a run",
    ("POST", "/runs/replay"): "tells each refusal in `failed`: below",
    ("POST", "/validate"): "runs and keeps nothing",
    ("POST", "/resume/{token}"): "goes on with a run that was authorised when it was started",
    **{
        (method, "/hooks/{workspace}/{workflow}/{trigger}"): "as POST, by the same function"
        for method in ("PUT", "PATCH", "DELETE")
    },
}


def taking_documents() -> set[tuple[str, str]]:
    """Every route that may change or start something and has to do with workflows, runs or documents."""
    found: set[tuple[str, str]] = set()
    for noun in (*BELOW, *OUTSIDE):
        for route in noun.router.routes:
            path, methods = str(getattr(route, "path", "")), set(getattr(route, "methods", ())) & WRITES
            body = str((getattr(route, "openapi_extra", None) or {}).get("requestBody", "")).lower()
            words = ("workflow", "/runs", "run_id", "validate", "/resume/", "document")
            if any(word in path for word in words) or "document" in body:
                found |= {(method, path) for method in methods}
    assert any(isinstance(route, ApiRoute) for route in BELOW[0].router.routes)
    return found


def test_no_route_that_takes_or_runs_a_document_is_forgotten() -> None:
    assert taking_documents() == set(CASES) | set(OTHERS)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(ask, id=f"{method} {path} {n}")
        for (method, path), asks in CASES.items()
        for n, ask in enumerate(asks)
    ],
)
async def test_an_editor_is_refused_and_nothing_happens(api: Api, kept: Kept, ask: Ask) -> None:
    before = [
        (await api.owner.get(path)).json()
        for path in (f"/workflows/{kept.workflow}", f"/runs?workflow={kept.workflow}")
    ]
    found = problem(await ask(api, api.editor, kept), 403, "document.forbidden")
    places = {finding["path"] for finding in found["findings"]}  # type: ignore[union-attr,index,call-overload]
    assert places == {"/steps/a/connection", f"/requires/connections/{kept.name}"}
    after = [
        (await api.owner.get(path)).json()
        for path in (f"/workflows/{kept.workflow}", f"/runs?workflow={kept.workflow}")
    ]
    assert after == before


async def test_replays_of_many_tell_of_the_refusal(api: Api, kept: Kept) -> None:
    answer = await api.editor.post("/runs/replay", json={"filter": {"workflow": kept.workflow}})
    assert {one["code"] for one in answer.json()["failed"]} == {"document.forbidden"}
    assert answer.json()["run_ids"] == []


async def test_an_editor_may_run_what_names_none_and_an_owner_all(api: Api, kept: Kept) -> None:
    for client, body in ((api.editor, {"version": 2}), (api.owner, {"version": 1}), (api.owner, {"version": "draft"})):
        answer = await client.post(f"/workflows/{kept.workflow}/runs", json={**body, "wait": 30})
        assert answer.json()["status"] == "succeeded", answer.text
    problem(await api.editor.post(f"/connections/{kept.name}/test"), 403, "connection.forbidden")
    hooked = await api.outside.post(f"/hooks/main/{kept.workflow}/hook", json={})
    assert hooked.status_code == 202, "a trigger goes by what was authorised when it was deployed"
