"""API keys: shown once, and over at once when they are revoked or expire."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx

from db import api_keys
from tests.docs.write_rights import matrix
from tests.fixtures.api import PREFIX, Api, problem

KEYS = {"api_key_id", "user_id", "name", "prefix", "role", "scopes", "created_at", "expires_at", "last_used_at"}


@asynccontextmanager
async def client_of(api: Api, key: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=api.url + PREFIX, headers=headers, timeout=60) as client:
        yield client


async def new_key(api: Api, **body: object) -> str:
    made = await api.owner.post("/api-keys", json={"name": f"k-{uuid4().hex[:8]}", "role": "owner", **body})
    assert made.status_code == 201, made.text
    return made.json()["key"]


async def status_with(api: Api, key: str) -> int:
    async with httpx.AsyncClient(base_url=api.url + PREFIX) as client:
        return (await client.get("/workspaces", headers={"Authorization": f"Bearer {key}".encode()})).status_code


async def test_a_key_is_made_used_listed_and_revoked(api: Api) -> None:
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    made = await api.owner.post(
        "/api-keys", json={"name": "for a hook", "role": "viewer", "scopes": ["hook", "read"], "expires_at": soon}
    )
    assert (made.status_code, set(made.json())) == (201, KEYS | {"key"})
    key = made.json()["key"]
    assert key.startswith(made.json()["prefix"])
    assert await status_with(api, key) == 200
    listed = (await api.owner.get("/api-keys", params={"limit": 1})).json()
    assert (set(listed["items"][0]), listed["items"][0]["name"]) == (KEYS, "for a hook")
    assert key not in (await api.owner.get("/api-keys")).text
    assert (await api.owner.delete(f"/api-keys/{made.json()['api_key_id']}")).status_code == 204
    assert await status_with(api, key) == 401
    problem(await api.owner.delete(f"/api-keys/{made.json()['api_key_id']}"), 404, "api_key.unknown")


async def test_what_cannot_be_a_key_is_refused(api: Api) -> None:
    for body in ({}, {"name": ""}, {"name": "x", "role": "god"}, {"name": "x" * 201}):
        problem(await api.owner.post("/api-keys", json=body), 422, "request.invalid")
    problem(
        await api.owner.post("/api-keys", json={"name": "x", "expires_at": "2020-01-01T00:00:00Z"}), 422, "key.expired"
    )
    problem(await api.owner.post("/api-keys", json={"name": "x", "scopes": ["runz"]}), 422, "key.scope_unknown")
    problem(await api.owner.post("/api-keys", json={"name": "x", "user_id": 10**9}), 422, "member.unknown")
    for key in ("ms_nothing", "x" * 5000, "ms_\u00e9"):
        assert await status_with(api, key) == 401


async def test_a_wrong_a_revoked_and_an_expired_key_and_one_whose_person_left_answer_alike(api: Api) -> None:
    """Byte by byte; that it is one statement for all of them is `db.api_keys.authenticate`."""
    member = (await api.owner.post("/members", json={"email": f"{uuid4().hex}@x.org", "role": "owner"})).json()
    left, revoked = await new_key(api, user_id=member["user_id"]), await new_key(api)
    found = (await api.owner.get("/api-keys", params={"limit": 1})).json()["items"][0]["api_key_id"]
    async with api.db.tenant(api.workspace_id) as connection:
        past = datetime.now(UTC) - timedelta(seconds=1)
        _, expired = await api_keys.create(connection, api.workspace_id, name="e", role="owner", expires_at=past)
    assert [await status_with(api, key) for key in (left, revoked)] == [200, 200]
    assert (await api.owner.delete(f"/api-keys/{found}")).status_code == 204
    assert (await api.owner.delete(f"/members/{member['user_id']}")).status_code == 204
    answers: set[tuple[int, bytes, str]] = set()
    for key in (left, revoked, expired, "ms_wrong", "x" * 5000):
        for path in ("/workspaces", f"/api-keys/{found}", "/runs/0190d5a0-0000-7000-8000-000000000000"):
            async with client_of(api, key) as client:
                answer = await client.get(path) if "key" not in path else await client.delete(path)
            told = {name: value for name, value in answer.headers.items() if name != "date"}
            answers.add((answer.status_code, answer.content, json.dumps(told)))
    [(status, body, _)] = answers
    assert (status, json.loads(body)["code"]) == (401, "auth.invalid")


async def test_scopes_leave_of_a_role_what_they_name(api: Api) -> None:
    asked = {
        "runs.read": ("GET", "/runs"),
        "queues.read": ("GET", "/queues"),
        "queues.enqueue": ("POST", "/queues/nothing/items"),
        "keys.read": ("GET", "/api-keys"),
        "workflows.write": ("PATCH", "/workflows/nothing"),
    }
    nouns = {"runs", "queues", "keys", "workflows"}
    for scopes in (
        [],
        ["api", "hook"],
        ["hook"],
        ["read"],
        ["queues.enqueue"],
        ["runs", "keys"],
        ["read", "workflows.write"],
    ):
        async with client_of(api, await new_key(api, scopes=scopes)) as client:
            for action, (method, path) in asked.items():
                answer = await client.request(method, path, json=None if method == "GET" else {})
                allowed = (
                    not scopes
                    or "api" in scopes
                    or action in scopes
                    or (action.partition(".")[0] in nouns & set(scopes))
                    or ("read" in scopes and "viewer" in matrix()[action])
                )
                assert (answer.status_code != 403) == allowed, (scopes, action, answer.text)
                if not allowed:
                    problem(answer, 403, "key.scope")


async def test_a_narrowed_key_makes_no_wider_one(api: Api) -> None:
    async with client_of(api, await new_key(api, scopes=["keys", "read"])) as client:
        for scopes in ([], ["api"], ["keys", "runs"], ["hook"]):
            problem(await client.post("/api-keys", json={"name": "w", "scopes": scopes}), 403, "key.scope")
        assert (await client.post("/api-keys", json={"name": "n", "scopes": ["read"]})).status_code == 201


async def test_a_key_is_made_once_and_its_text_is_nowhere(api: Api) -> None:
    body = {"name": f"once-{uuid4().hex}", "role": "viewer"}
    headers = {"Idempotency-Key": uuid4().hex}
    first = await api.owner.post("/api-keys", json=body, headers=headers)
    again = await api.owner.post("/api-keys", json=body, headers=headers)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    key = first.json()["key"]
    kept = "select k.answer::text || a::text from idempotency_keys k, api_keys a where k.key = '{}' and a.api_key_id = '{}'"
    async with api.db.engine() as connection:
        # Nothing in the database has the text; the sealed answer opens in its row alone.
        await connection.script(
            "do $$ declare found text; begin "
            f"found := ({kept.format(headers['Idempotency-Key'], first.json()['api_key_id'])}); "
            f"if found is null or strpos(found, '{key}') > 0 then raise 'it is told'; end if; end $$"
        )


async def test_who_lost_the_first_answer_gets_the_same_key_with_another_text(api: Api) -> None:
    body = {"name": f"lost-{uuid4().hex}", "role": "viewer"}
    headers = {"Idempotency-Key": uuid4().hex}

    async def lose() -> None:
        """As a server that dies between the commit of the key and that of the answer."""
        async with api.db.engine() as connection:
            await connection.script(f"delete from idempotency_keys where key = '{headers['Idempotency-Key']}'")

    first = (await api.owner.post("/api-keys", json=body, headers=headers)).json()
    await lose()
    second = (await api.owner.post("/api-keys", json=body, headers=headers)).json()
    assert (second["api_key_id"], second["key"] != first["key"]) == (first["api_key_id"], True)
    assert [await status_with(api, one["key"]) for one in (first, second)] == [401, 200]
    await lose()
    # Used by now, so the answer did arrive: the text isn't handed out to whoever sends the request again.
    problem(await api.owner.post("/api-keys", json=body, headers=headers), 409, "key.used")
