"""Who may do what: every route against every role, no key, and another workspace's key."""

from __future__ import annotations

import re

import httpx
import pytest

from server.api.app import PREFIX
from server.api.route import ApiRoute
from tests.docs.write_rights import matrix, routes
from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step

MATRIX = matrix()
ROUTES = [pytest.param(method, route, id=f"{method} {route.path}") for method, route in routes()]


def filled(route: ApiRoute) -> str:
    """The route's path with ids of nothing; what needs no existing thing to be allowed is asked with an empty body."""
    ids = {
        "number": "1",
        "version": "1",
        "run_id": "0190d5a0-0000-7000-8000-000000000000",
        "api_key_id": "0190d5a0-0000-7000-8000-000000000000",
    }
    return re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "nothing"), route.path)


async def ask(client: httpx.AsyncClient, method: str, route: ApiRoute) -> int:
    if "/events" in route.path and "{" not in route.path:
        async with client.stream(method, filled(route)) as response:
            return response.status_code
    return (await client.request(method, filled(route), json=None if method in ("GET", "DELETE") else {})).status_code


@pytest.mark.parametrize(("method", "route"), ROUTES)
async def test_a_role_may_do_what_the_matrix_says(api: Api, method: str, route: ApiRoute) -> None:
    for role, client in (("viewer", api.viewer), ("editor", api.editor), ("owner", api.owner)):
        status = await ask(client, method, route)
        assert (status != 403) == (role in MATRIX[route.action]), (role, status)
        assert status not in (401, 405)
    assert await ask(api.nobody, method, route) == 401


def test_every_route_below_the_prefix_declares_its_action() -> None:
    assert len(ROUTES) > 30
    with pytest.raises(ValueError, match="declares no action"):
        ApiRoute("/x", lambda: None)


async def test_keys_are_asked_for_as_the_standard_says(api: Api) -> None:
    for headers in (
        {},
        {"Authorization": "Basic eDp5"},
        {"Authorization": "Bearer"},
        {"Authorization": api.keys["owner"]},
    ):
        answer = await api.nobody.get("/workflows", headers=headers)
        problem(answer, 401, "auth.required")
        assert answer.headers["www-authenticate"] == "Bearer"
    problem(await api.nobody.get("/workflows", headers={"Authorization": "Bearer ms_x"}), 401, "auth.invalid")


async def test_a_foreign_thing_and_one_that_is_not_there_answer_alike(api: Api) -> None:
    name = await api.create(flow(a=step("core.set", values={})))
    workflow_id = (await api.owner.get(f"/workflows/{name}")).json()["workflow_id"]
    run_id = str((await api.run(name))["run_id"])
    await api.owner.post("/variables", json={"name": f"V_{workflow_id[:8]}", "value": 1})
    key_id = (await api.owner.get("/api-keys")).json()["items"][0]["api_key_id"]
    nothing = "0190d5a0-0000-7000-8000-000000000000"
    pairs = [
        ("GET", "/workflows/{}", workflow_id, nothing),
        ("GET", "/workflows/{}", name, "nothing"),
        ("PATCH", "/workflows/{}", name, "nothing"),
        ("DELETE", "/workflows/{}", workflow_id, nothing),
        ("DELETE", "/workflows/{}?purge=true", workflow_id, nothing),
        ("GET", "/workflows/{}/draft", workflow_id, nothing),
        ("PUT", "/workflows/{}/draft", workflow_id, nothing),
        ("POST", "/workflows/{}/deploy", workflow_id, nothing),
        ("GET", "/workflows/{}/versions", workflow_id, nothing),
        ("GET", "/workflows/{}/versions/1", workflow_id, nothing),
        ("POST", "/workflows/{}/versions/1/rollback", workflow_id, nothing),
        ("GET", "/workflows/{}/diff?from=1&to=1", workflow_id, nothing),
        ("POST", "/workflows/{}/runs", workflow_id, nothing),
        ("POST", "/workflows/{}/test", workflow_id, nothing),
        ("GET", "/runs?workflow={}", workflow_id, nothing),
        ("GET", "/runs/{}", run_id, nothing),
        ("GET", "/runs/{}/steps", run_id, nothing),
        ("GET", "/runs/{}/events", run_id, nothing),
        ("GET", "/runs/{}/payloads/x", run_id, nothing),
        ("POST", "/runs/{}/cancel", run_id, nothing),
        ("POST", "/runs/{}/replay", run_id, nothing),
        ("GET", "/variables/{}", f"V_{workflow_id[:8]}", "NOTHING"),
        ("PUT", "/variables/{}", f"V_{workflow_id[:8]}", "NOTHING"),
        ("DELETE", "/variables/{}", f"V_{workflow_id[:8]}", "NOTHING"),
        ("DELETE", "/api-keys/{}", key_id, nothing),
    ]
    bodies = {"PATCH": {"status": "paused"}, "PUT": {"value": 1}, "POST": {}}
    for method, path, theirs, none in pairs:
        body = bodies.get(method)
        if path.endswith("/draft") and method == "PUT":
            body = {"document": {"name": "x"}, "base_revision": 1}
        answers = [await api.foreign.request(method, path.format(one), json=body) for one in (theirs, none)]
        assert [answer.status_code for answer in answers] == [404, 404], (method, path)
        assert answers[0].text.replace(theirs, none) == answers[1].text
    assert (await api.owner.get(f"/workflows/{name}")).json()["status"] == "active"
    assert (await api.owner.get(f"/runs/{run_id}")).status_code == 200


def test_the_prefix_is_the_one_that_clients_know() -> None:
    assert PREFIX == "/api/v1"
