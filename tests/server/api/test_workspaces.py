"""The workspace that a key belongs to."""

from tests.fixtures.api import Api


async def test_a_key_sees_the_one_workspace_that_it_belongs_to(api: Api) -> None:
    answer = await api.viewer.get("/workspaces")
    assert answer.status_code == 200
    assert answer.json() == {
        "items": [{"workspace_id": int(api.workspace_id), "slug": "main", "name": "Main", "role": "viewer"}],
        "next_cursor": None,
    }
    assert (await api.foreign.get("/workspaces")).json()["items"][0]["slug"] == "other"
