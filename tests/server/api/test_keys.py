"""API keys: shown once, and over at once when they are revoked or expire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from tests.fixtures.api import PREFIX, Api, problem

KEYS = {"api_key_id", "name", "prefix", "role", "scopes", "created_at", "expires_at", "last_used_at"}


async def status_with(api: Api, key: str) -> int:
    async with httpx.AsyncClient(base_url=api.url + PREFIX) as client:
        return (await client.get("/workspaces", headers={"Authorization": f"Bearer {key}".encode()})).status_code


async def test_a_key_is_made_used_listed_and_revoked(api: Api) -> None:
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    made = await api.owner.post(
        "/api-keys", json={"name": "for a hook", "role": "viewer", "scopes": ["hook"], "expires_at": soon}
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
    for body in ({}, {"name": ""}, {"name": "x", "role": "god"}, {"name": "x", "scopes": ["all"]}, {"name": "x" * 201}):
        problem(await api.owner.post("/api-keys", json=body), 422, "request.invalid")
    problem(
        await api.owner.post("/api-keys", json={"name": "x", "expires_at": "2020-01-01T00:00:00Z"}), 422, "key.expired"
    )
    for key in ("ms_nothing", "x" * 5000, "ms_\u00e9"):
        assert await status_with(api, key) == 401
