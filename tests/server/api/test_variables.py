"""Variables of the workspace."""

from __future__ import annotations

from uuid import uuid4

from tests.fixtures.api import JSON, Api, encoded, problem

KEYS = {"name", "secret", "value", "updated_at"}


def fresh() -> str:
    return f"V_{uuid4().hex[:10].upper()}"


async def test_a_variable_is_made_read_changed_and_deleted(api: Api) -> None:
    name = fresh()
    made = await api.editor.post(
        "/variables", content=encoded({"name": name, "value": {"a": [1, None, "\x00\ud800"]}}), headers=JSON
    )
    assert (made.status_code, set(made.json())) == (201, KEYS)
    assert made.json()["value"] == {"a": [1, None, "\x00\ud800"]}
    assert (await api.viewer.get(f"/variables/{name}")).json() == made.json()
    problem(await api.editor.post("/variables", json={"name": name, "value": 1}), 409, "variable.taken")
    changed = await api.editor.put(f"/variables/{name}", json={"value": 2**63})
    assert (changed.status_code, changed.json()["value"]) == (200, 2**63)
    gone = await api.editor.delete(f"/variables/{name}")
    assert (gone.status_code, gone.content) == (204, b"")
    for answer in (
        await api.viewer.get(f"/variables/{name}"),
        await api.editor.put(f"/variables/{name}", json={"value": 1}),
        await api.editor.delete(f"/variables/{name}"),
    ):
        problem(answer, 404, "variable.unknown")


async def test_the_list_is_by_name_in_pages(api: Api) -> None:
    names = sorted(fresh() for _ in range(3))
    for name in names:
        await api.foreign.post("/variables", json={"name": name, "value": None})
    listed: list[str] = []
    cursor: str | None = None
    while cursor is not None or not listed:
        given = {"limit": "2"} if cursor is None else {"limit": "2", "cursor": cursor}
        page = (await api.foreign.get("/variables", params=given)).json()
        listed += [one["name"] for one in page["items"]]
        cursor = page["next_cursor"]
    # Other tests have variables in this workspace too.
    assert [name for name in listed if name in names] == names
    assert listed == sorted(set(listed))
    assert not set(names) & {
        one["name"] for one in (await api.owner.get("/variables", params={"limit": 500})).json()["items"]
    }


async def test_what_cannot_be_a_variable_is_refused(api: Api) -> None:
    for body in (
        {"name": "1a", "value": 1},
        {"name": "", "value": 1},
        {"name": "A\x00", "value": 1},
        {"name": "A"},
        {"value": 1},
        {"name": "A", "value": 1, "x": 1},
        {"name": "A\n", "value": 1},
        {"name": "A" * 129, "value": 1},
        {"name": 7, "value": 1},
    ):
        assert problem(await api.editor.post("/variables", json=body), 422, "request.invalid")["findings"], body
