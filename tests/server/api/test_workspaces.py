"""Workspaces: the one that a key belongs to, and new ones."""

from __future__ import annotations

from uuid import uuid4

import httpx

from db import api_keys
from tests.fixtures.api import PREFIX, Api, problem


def slug() -> str:
    return f"w-{uuid4().hex[:12]}"


async def test_a_key_sees_the_one_workspace_that_it_belongs_to(api: Api) -> None:
    answer = await api.viewer.get("/workspaces")
    assert answer.status_code == 200
    assert answer.json() == {
        "items": [
            {
                "workspace_id": int(api.workspace_id),
                "slug": "main",
                "name": "Main",
                "role": "viewer",
                "encrypt_logs": False,
            }
        ],
        "next_cursor": None,
    }
    assert (await api.foreign.get("/workspaces")).json()["items"][0]["slug"] == "other"


async def test_whoever_makes_a_workspace_owns_it_and_gets_in_by_the_answer(api: Api) -> None:
    name = slug()
    made = await api.owner.post("/workspaces", json={"slug": name, "name": "Another one"})
    assert made.status_code == 201
    assert set(made.json()) == {"workspace_id", "slug", "name", "role", "encrypt_logs", "api_key_id", "key"}
    headers = {"Authorization": f"Bearer {made.json()['key']}"}
    async with httpx.AsyncClient(base_url=api.url + PREFIX, headers=headers) as client:
        found = (await client.get("/workspaces")).json()["items"]
        assert found == [
            {
                "workspace_id": made.json()["workspace_id"],
                "slug": name,
                "name": "Another one",
                "role": "owner",
                "encrypt_logs": False,
            }
        ]
        assert (await client.get("/workflows")).json()["items"] == []
        changed = await client.patch(f"/workspaces/{name}", json={"name": "Renamed"})
        assert (changed.status_code, changed.json()["name"]) == (200, "Renamed")
        for foreign in ("main", "nothing", str(int(api.workspace_id))):
            answer = await client.patch(f"/workspaces/{foreign}", json={"name": "Mine"})
            problem(answer, 404, "workspace.unknown")
            assert answer.json()["detail"].replace(foreign, "…") == "There is no workspace '…' in this workspace."
    problem(await api.owner.post("/workspaces", json={"slug": name}), 409, "workspace.taken")
    assert (await api.viewer.get("/workspaces")).json()["items"][0]["name"] == "Main"


async def test_a_workspace_is_made_once_even_where_the_answer_was_lost(api: Api) -> None:
    body, headers = {"slug": slug()}, {"Idempotency-Key": uuid4().hex}
    first = await api.owner.post("/workspaces", json=body, headers=headers)
    again = await api.owner.post("/workspaces", json=body, headers=headers)
    assert (first.status_code, again.json()) == (201, first.json())
    async with api.db.engine() as connection:
        await connection.script(f"delete from idempotency_keys where key = '{headers['Idempotency-Key']}'")
    lost = await api.owner.post("/workspaces", json=body, headers=headers)
    assert lost.status_code == 201
    assert lost.json()["workspace_id"] == first.json()["workspace_id"]
    assert lost.json()["key"] != first.json()["key"]


async def test_a_key_of_nobody_makes_no_workspace(api: Api) -> None:
    async with api.db.tenant(api.workspace_id) as connection:
        _, key = await api_keys.create(connection, api.workspace_id, name="nobody's", role="owner")
    answer = await api.nobody.post("/workspaces", json={"slug": slug()}, headers={"Authorization": f"Bearer {key}"})
    problem(answer, 409, "workspace.no_person")


async def test_what_cannot_be_a_workspace_is_refused(api: Api) -> None:
    for body in ({}, {"slug": "Ä"}, {"slug": "-x"}, {"slug": "x" * 64}, {"slug": "x", "name": ""}):
        problem(await api.owner.post("/workspaces", json=body), 422, "request.invalid")
