"""Members: their roles bind their keys, and the last owner stays."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import httpx
import pytest

from tests.fixtures.api import PREFIX, Api, JsonObject, problem


async def member(api: Api, role: str) -> JsonObject:
    made = await api.owner.post("/members", json={"email": f"{uuid4().hex}@example.org", "role": role})
    assert made.status_code == 201, made.text
    return made.json()


async def key_of(api: Api, who: JsonObject, role: str = "owner") -> str:
    made = await api.owner.post("/api-keys", json={"name": "theirs", "role": role, "user_id": who["user_id"]})
    assert made.status_code == 201, made.text
    return made.json()["key"]


async def may(api: Api, key: str) -> str:
    """The role that the key has in effect: `none` where it doesn't hold."""
    async with httpx.AsyncClient(base_url=api.url + PREFIX, headers={"Authorization": f"Bearer {key}"}) as client:
        answer = await client.get("/workspaces")
    return answer.json()["items"][0]["role"] if answer.status_code == 200 else "none"


async def test_a_member_comes_changes_and_goes(api: Api) -> None:
    made = await member(api, "viewer")
    assert set(made) == {"user_id", "email", "role"}
    place = f"/members/{made['user_id']}"
    assert (await api.owner.patch(place, json={"role": "editor"})).json() == {**made, "role": "editor"}
    listed = (await api.viewer.get("/members", params={"limit": 500})).json()["items"]
    assert {**made, "role": "editor"} in listed
    page = (await api.viewer.get("/members", params={"limit": 1})).json()
    rest = (await api.viewer.get("/members", params={"limit": 500, "cursor": page["next_cursor"]})).json()
    assert page["items"] + rest["items"] == listed
    email = str(made["email"])
    problem(await api.owner.post("/members", json={"email": email.upper(), "role": "viewer"}), 409, "member.exists")
    assert (await api.owner.delete(place)).status_code == 204
    for gone in (place, "/members/999999999", "/members/nobody", f"/members/{10**30}"):
        problem(await api.owner.delete(gone), 404, "member.unknown")
        problem(await api.owner.patch(gone, json={"role": "owner"}), 404, "member.unknown")


async def test_a_key_may_what_the_lesser_of_its_role_and_its_persons_may(api: Api) -> None:
    who = await member(api, "owner")
    ranks = ("viewer", "editor", "owner")
    keys = {role: await key_of(api, who, role) for role in ranks}
    for role in ranks:
        await api.owner.patch(f"/members/{who['user_id']}", json={"role": role})
        for of_key, key in keys.items():
            assert await may(api, key) == min(role, of_key, key=ranks.index)


async def test_the_keys_of_whoever_leaves_end_and_stay_so(api: Api) -> None:
    who = await member(api, "editor")
    key = await key_of(api, who)
    assert await may(api, key) == "editor"
    await api.owner.delete(f"/members/{who['user_id']}")
    assert await may(api, key) == "none"
    back = await api.owner.post("/members", json={"email": who["email"], "role": "owner"})
    assert back.json()["user_id"] == who["user_id"]
    assert await may(api, key) == "none"
    assert await may(api, await key_of(api, who)) == "owner"


@pytest.mark.slow  # streams ask again after a while
async def test_an_open_stream_ends_with_its_key(api: Api) -> None:
    who = await member(api, "viewer")
    headers = {"Authorization": f"Bearer {await key_of(api, who)}"}
    async with (
        httpx.AsyncClient(base_url=api.url + PREFIX, headers=headers, timeout=60) as client,
        client.stream("GET", "/runs/events") as response,
    ):
        assert response.status_code == 200
        await api.owner.delete(f"/members/{who['user_id']}")
        async for _ in response.aiter_raw():
            pass


async def test_the_last_owner_stays_whoever_goes_at_once(api: Api) -> None:
    made = await api.owner.post("/workspaces", json={"slug": f"w-{uuid4().hex[:12]}"})
    headers = {"Authorization": f"Bearer {made.json()['key']}"}
    async with httpx.AsyncClient(base_url=api.url + PREFIX, headers=headers, timeout=60) as first:
        [me] = (await first.get("/members")).json()["items"]
        problem(await first.delete(f"/members/{me['user_id']}"), 409, "member.last_owner")
        problem(await first.patch(f"/members/{me['user_id']}", json={"role": "viewer"}), 409, "member.last_owner")
        other = (await first.post("/members", json={"email": f"{uuid4().hex}@x.org", "role": "owner"})).json()
        body = {"name": "k", "role": "owner", "user_id": other["user_id"]}
        key = (await first.post("/api-keys", json=body)).json()["key"]
        async with httpx.AsyncClient(base_url=api.url + PREFIX, headers={"Authorization": f"Bearer {key}"}) as second:
            done = await asyncio.gather(
                first.patch(f"/members/{other['user_id']}", json={"role": "viewer"}),
                second.delete(f"/members/{me['user_id']}"),
            )
            assert sorted(one.is_success for one in done) == [False, True], [one.text for one in done]
            left = [
                one for one in (await asyncio.gather(first.get("/members"), second.get("/members"))) if one.is_success
            ]
    assert [one["role"] for one in left[0].json()["items"]].count("owner") == 1


async def test_what_cannot_be_a_member_is_refused(api: Api) -> None:
    for body in (
        {},
        {"email": "x", "role": "viewer"},
        {"email": "a@b", "role": "god"},
        {"email": "a b@c", "role": "viewer"},
    ):
        problem(await api.owner.post("/members", json=body), 422, "request.invalid")
    wrong = b'{"email": "a\\u0000@b.org", "role": "viewer"}'
    answer = await api.owner.post("/members", content=wrong, headers={"Content-Type": "application/json"})
    problem(answer, 422, "request.invalid")
