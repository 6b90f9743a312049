"""Connections over the API: no secret comes back, and a credential goes where it belongs and nowhere else."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step
from tests.fixtures.http_server import Answer, HttpServer
from tests.fixtures.oauth_provider import provider_running

CANARY = "canary-5ecret-value"
SECRETS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "api_key": ({"base_url": "https://shop.example"}, {"api_key": CANARY}),
    "basic": ({"base_url": "https://shop.example"}, {"username": "ada", "password": CANARY}),
    "bearer": ({"base_url": "https://shop.example"}, {"token": CANARY}),
    "header": ({"base_url": "https://shop.example"}, {"headers": {"X-Token": CANARY}}),
    "oauth2": (
        {
            "grant": "client_credentials",
            "token_url": "https://p.example/t",
            "client_id": "c",
            "base_url": "https://x.example",
        },
        {"client_secret": CANARY},
    ),
    "postgres": ({"host": "db.example", "database": "d", "user": "u"}, {"password": CANARY}),
    "smtp": ({"host": "mail.example"}, {"password": CANARY}),
    "imap": ({"host": "mail.example"}, {"password": CANARY}),
    "llm": ({"base_url": "https://llm.example/v1"}, {"api_key": CANARY}),
}


def named() -> str:
    return f"shop-{uuid4().hex[:10]}"


async def create(api: Api, kind: str = "bearer", **more: Any) -> str:
    name = more.pop("name", None) or named()
    answer = await api.owner.post("/connections", json={"name": name, "app": "shop", "kind": kind, **more})
    assert answer.status_code == 201, answer.text
    return name


async def calling(api: Api, name: str, url: str, **inputs: Any) -> str:
    """A deployed workflow with a step that asks for the address with the connection."""
    asks = {**step("http.request", url=url, **inputs), "connection": name}
    return await api.create({**flow(a=asks), "requires": {"connections": {name: {"app": "shop"}}}})


@pytest.mark.parametrize("kind", SECRETS)
async def test_no_answer_holds_a_secret(api: Api, kind: str) -> None:
    config, secret = SECRETS[kind]
    name = await create(api, kind, config=config, secret=secret)
    answers = [
        await api.owner.get(f"/connections/{name}"),
        await api.editor.get(f"/connections/{name}"),
        await api.owner.get("/connections"),
        await api.owner.patch(f"/connections/{name}", json={"secret": secret}),
        await api.owner.post(f"/connections/{name}/revoke"),
    ]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert not any(CANARY in answer.text for answer in answers)
    assert answers[-1].json()["state"] == "revoked"
    shown = next(one for one in (await api.viewer.get("/connections")).json()["items"] if one["name"] == name)
    assert set(shown) == {"connection_id", "name", "app", "kind", "state"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"kind": "none"}, "/kind"),
        ({"name": "Not A Name"}, "/name"),
        ({"secret": CANARY}, "/secret"),
        ({"secret": {"token": CANARY + "\n"}}, "/secret/token"),
        ({"secret": {"tokn": CANARY}}, "/secret"),
        ({"config": {}}, "/allowed_hosts"),
        ({"config": {"base_url": "ftp://x"}}, "/config/base_url"),
        ({"allowed_hosts": ["other.example"]}, "/allowed_hosts"),
        ({"allowed_hosts": ["*.com"]}, "/allowed_hosts/0"),
        ({"allowed_hosts": ["shop.example/path"]}, "/allowed_hosts/0"),
        ({"rate_limit": {"count": 0, "per": "1s"}}, "/rate_limit/count"),
        ({"use": "everybody"}, "/use"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_what_is_wrong_is_said_by_its_place_and_without_the_secret(
    api: Api, body: dict[str, Any], path: str
) -> None:
    whole = {"name": named(), "app": "shop", "kind": "bearer", "config": SECRETS["bearer"][0], "secret": {"token": "t"}}
    answer = await api.owner.post("/connections", json={**whole, **body})
    found = problem(answer, 422, "request.invalid")
    assert path in [finding["path"] for finding in found["findings"]]  # type: ignore[union-attr,index,call-overload]
    assert CANARY not in answer.text


async def test_a_credential_goes_to_its_own_hosts_only(
    api: Api, http_server: HttpServer, other_server: HttpServer
) -> None:
    http_server.answer("GET", "/api/orders", Answer.of_json([1]))
    http_server.answer("GET", "/api/moved", Answer(302, {"location": f"{other_server.url}/there"}))
    other_server.answer("GET", "/there", Answer.of_json("there"))
    name = await create(api, config={"base_url": f"{http_server.url}/api"}, secret={"token": CANARY})
    ran = await api.run(await calling(api, name, "/orders"))
    assert (ran["status"], http_server.requests[-1].headers["authorization"]) == ("succeeded", f"Bearer {CANARY}")
    assert (await api.run(await calling(api, name, "/moved")))["status"] == "succeeded"
    assert "authorization" not in other_server.requests[-1].headers
    asked = len(other_server.requests)
    refused = await api.run(await calling(api, name, f"{other_server.url}/there"))
    assert refused["error"]["code"] == "connection.host"  # type: ignore[index,call-overload]
    assert len(other_server.requests) == asked
    for run in (ran, refused):
        assert CANARY not in str(run) + str(await api.steps(str(run["run_id"])))


async def test_where_it_goes_is_part_of_a_credential(api: Api) -> None:
    name = await create(api, config={"base_url": "https://shop.example"}, secret={"token": CANARY})
    elsewhere = {"config": {"base_url": "https://elsewhere.example"}}
    found = problem(await api.owner.patch(f"/connections/{name}", json=elsewhere), 422, "request.invalid")
    assert [finding["path"] for finding in found["findings"]] == ["/secret"]  # type: ignore[union-attr,index,call-overload]
    problem(
        await api.owner.patch(f"/connections/{name}", json={"allowed_hosts": ["*.example"]}), 422, "request.invalid"
    )
    narrower = await api.owner.patch(f"/connections/{name}", json={"config": {"base_url": "https://shop.example/v2"}})
    assert narrower.json()["allowed_hosts"] == ["https://shop.example"]
    moved = await api.owner.patch(f"/connections/{name}", json={**elsewhere, "secret": {"token": "another"}})
    assert moved.json()["allowed_hosts"] == ["https://elsewhere.example"]


async def test_one_that_is_used_is_deleted_only_by_force(api: Api, http_server: HttpServer) -> None:
    name = await create(api, config={"base_url": http_server.url}, secret={"token": "t"})
    workflow = await calling(api, name, "/x")
    found = problem(await api.owner.delete(f"/connections/{name}"), 409, "connection.used")
    assert found["used_by"] == [workflow]
    assert (await api.owner.delete(f"/connections/{name}", params={"force": "true"})).status_code == 204
    ran = await api.run(workflow)
    assert ran["error"]["code"] == "connection.missing"  # type: ignore[index,call-overload]
    problem(await api.owner.post(f"/workflows/{workflow}/deploy", json={}), 422, "document.invalid")


async def test_its_rate_limit_holds_for_all_runs(api: Api, http_server: HttpServer) -> None:
    http_server.answer("GET", "/x", Answer.of_json("x"))
    limit = {"count": 2, "per": "1h"}
    name = await create(api, config={"base_url": http_server.url}, secret={"token": "t"}, rate_limit=limit)
    workflows = [await calling(api, name, "/x") for _ in range(2)]
    assert [(await api.run(workflow))["status"] for workflow in workflows] == ["succeeded"] * 2
    waiting = await api.until(await api.start(workflows[0]), "waiting")
    (reason,) = waiting["waiting_for"]  # type: ignore[misc]
    assert (reason["kind"], name in reason["reason"]) == ("throttle", True)  # type: ignore[index,call-overload]
    assert len(http_server.requests) == 2
    await api.owner.post(f"/runs/{waiting['run_id']}/cancel")


async def test_a_person_authorizes_and_the_state_is_good_once(api: Api) -> None:
    async with provider_running(f"{api.url}/oauth/callback") as provider:
        secret = {"client_secret": provider.client_secret}
        name = await create(api, "oauth2", config=provider.config, secret=secret)
        assert (await api.owner.get(f"/connections/{name}")).json()["state"] == "needs_reauth"
        workflow = await calling(api, name, "/api/me")
        ran = await api.run(workflow)
        assert ran["error"]["code"] == "connection.needs_reauth"  # type: ignore[index,call-overload]
        address = (await api.owner.post(f"/connections/{name}/authorize")).json()["url"]
        back = await provider.consent(address, f"{api.url}/oauth/callback")
        page = await api.outside.get("/oauth/callback", params=back)
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
        assert (await api.outside.get("/oauth/callback", params=back)).status_code == 400
        shown = (await api.owner.get(f"/connections/{name}")).json()
        assert (shown["state"], shown["used_by"]) == ("ok", [workflow])
        assert (await api.owner.post(f"/connections/{name}/test")).json()["ok"] is True
        ran = await api.run(workflow)
        assert ran["status"] == "succeeded", ran["error"]
        assert (await api.owner.post(f"/connections/{name}/revoke")).json()["state"] == "revoked"
        ran = await api.run(workflow)
        assert ran["error"]["code"] == "connection.revoked"  # type: ignore[index,call-overload]


async def test_the_page_of_the_callback_shows_nothing_of_the_request(api: Api) -> None:
    mark = "<script>marked</script>"
    for query in ({}, {"state": mark}, {"state": mark, "error": mark, "error_description": mark}):
        page = await api.outside.get("/oauth/callback", params=query)
        assert (page.status_code, page.headers["content-type"]) == (400, "text/html; charset=utf-8")
        assert "marked" not in page.text


async def test_providers_keep_a_client_for_several_connections(api: Api) -> None:
    name, config = named(), {"token_url": "https://p.example/t", "client_id": "c"}
    made = await api.owner.post(
        "/connection-providers", json={"name": name, "config": config, "secret": {"client_secret": CANARY}}
    )
    assert made.status_code == 201
    needs_more = {
        "name": named(),
        "app": "x",
        "kind": "oauth2",
        "config": {"provider": name, "base_url": "https://x.example"},
    }
    problem(await api.owner.post("/connections", json=needs_more), 422, "request.invalid")
    user = await create(
        api, "oauth2", config={"provider": name, "grant": "client_credentials", "base_url": "https://x.example"}
    )
    assert (await api.owner.get(f"/connection-providers/{name}")).json()["used_by"] == [user]
    problem(await api.owner.delete(f"/connection-providers/{name}"), 409, "provider.used")
    moved = {"config": {**config, "token_url": "https://elsewhere.example/t"}}
    problem(await api.owner.patch(f"/connection-providers/{name}", json=moved), 422, "request.invalid")
    moved["secret"] = {"client_secret": "new"}  # type: ignore[assignment]
    problem(await api.owner.patch(f"/connection-providers/{name}", json=moved), 409, "provider.used")
    assert (await api.owner.delete(f"/connections/{user}")).status_code == 204
    assert (await api.owner.delete(f"/connection-providers/{name}")).status_code == 204
    assert CANARY not in made.text
