"""Versions: deployed, made live again, compared."""

from __future__ import annotations

from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step

KEYS = {"version", "content_hash", "note", "created_at", "created_by", "live"}


def setting(n: int) -> dict[str, object]:
    return dict(flow({"n": "{{ steps.a.output.n }}"}, a=step("core.set", values={"n": n})))


async def save(api: Api, name: str, document: dict[str, object]) -> None:
    revision = (await api.editor.get(f"/workflows/{name}/draft")).json()["revision"]
    body = {"document": document | {"name": name}, "base_revision": revision}
    assert (await api.editor.put(f"/workflows/{name}/draft", json=body)).status_code == 200


async def deploy(api: Api, name: str, **body: object) -> tuple[int, dict[str, object]]:
    answer = await api.editor.post(f"/workflows/{name}/deploy", json=body)
    return answer.status_code, answer.json()


async def test_deploying_numbers_versions_and_an_equal_draft_makes_its_version_live_again(api: Api) -> None:
    name = await api.create(setting(1), deploy=False)
    status, first = await deploy(api, name, note="the first")
    assert (status, set(first), first["version"], first["live"], first["note"]) == (201, KEYS, 1, True, "the first")
    assert await deploy(api, name) == (200, first)
    await save(api, name, setting(2))
    status, second = await deploy(api, name, base_revision=2)
    assert (status, second["version"], second["live"]) == (201, 2, True)
    await save(api, name, setting(1))
    status, again = await deploy(api, name)
    assert (status, again["version"], again["live"], again["content_hash"]) == (200, 1, True, first["content_hash"])
    versions = (await api.viewer.get(f"/workflows/{name}/versions")).json()
    assert [(one["version"], one["live"]) for one in versions["items"]] == [(2, False), (1, True)]
    assert (await api.run(name))["output"] == {"n": 1}


async def test_errors_and_stale_drafts_are_not_deployed(api: Api) -> None:
    name = await api.create(setting(1) | {"requires": {"variables": ["NOT_THERE"]}}, deploy=False)
    draft = (await api.editor.get(f"/workflows/{name}/draft")).json()
    assert next((one["code"], one["severity"]) for one in draft["findings"]) == ("variable.missing", "warning")
    refused = problem(await api.editor.post(f"/workflows/{name}/deploy", json={}), 422, "document.invalid")
    assert next((one["code"], one["severity"]) for one in refused["findings"]) == ("variable.missing", "error")
    problem(await api.editor.post(f"/workflows/{name}/deploy", json={"base_revision": 9}), 409, "draft.stale")
    problem(await api.owner.post(f"/workflows/{name}/runs", json={}), 409, "workflow.not_deployed")
    assert (await api.editor.get(f"/workflows/{name}")).json()["live_version"] is None


async def test_one_version_has_its_document_and_unknown_ones_are_not_there(api: Api) -> None:
    name = await api.create(setting(1))
    one = (await api.viewer.get(f"/workflows/{name}/versions/1")).json()
    assert set(one) == KEYS | {"document"}
    assert one["document"] == setting(1) | {"name": name}
    for number in (0, 2, -1, 2**31, 2**70):
        problem(await api.viewer.get(f"/workflows/{name}/versions/{number}"), 404, "version.unknown")
        problem(await api.editor.post(f"/workflows/{name}/versions/{number}/rollback", json={}), 404, "version.unknown")


async def test_a_rollback_leaves_the_draft_alone(api: Api) -> None:
    name = await api.create(setting(1))
    await save(api, name, setting(2))
    assert (await deploy(api, name))[0] == 201
    back = await api.editor.post(f"/workflows/{name}/versions/1/rollback", json={"note": "two was wrong"})
    assert (back.status_code, set(back.json()), back.json()["version"], back.json()["live"]) == (200, KEYS, 1, True)
    shown = (await api.viewer.get(f"/workflows/{name}")).json()
    assert (shown["live_version"], shown["draft"]["document"]["steps"]["a"]["inputs"]) == (1, {"values": {"n": 2}})
    assert (await api.run(name))["output"] == {"n": 1}
    assert (await api.run(name, version=2))["output"] == {"n": 2}
    assert (await api.run(name, version="draft"))["version"] == "draft"


async def test_the_list_of_versions_is_paged_newest_first(api: Api) -> None:
    name = await api.create(setting(1))
    for n in (2, 3):
        await save(api, name, setting(n))
        await deploy(api, name)
    page = (await api.viewer.get(f"/workflows/{name}/versions", params={"limit": 2})).json()
    assert [one["version"] for one in page["items"]] == [3, 2]
    rest = (await api.viewer.get(f"/workflows/{name}/versions", params={"cursor": page["next_cursor"]})).json()
    assert ([one["version"] for one in rest["items"]], rest["next_cursor"]) == ([1], None)


async def test_a_diff_is_by_step_input_and_edge(api: Api) -> None:
    name = await api.create(setting(1))
    changed = dict(
        flow(
            {"n": "{{ steps.a.output.n }}"},
            a=step("core.set", values={"n": 2}),
            b=step("core.set", values={}, after="a"),
        )
    )
    await save(api, name, changed)
    answer = await api.viewer.get(f"/workflows/{name}/diff", params={"from": 1, "to": "draft"})
    assert answer.status_code == 200
    found = answer.json()
    assert set(found) == {"steps", "edges", "other"}
    assert [(one["id"], one["change"]) for one in found["steps"]] == [("a", "changed"), ("b", "added")]
    assert found["steps"][0]["inputs"] == [{"path": "/inputs/values/n", "change": "changed", "from": 1, "to": 2}]
    assert [one["change"] for one in found["edges"]] == ["added"]
    same = (await api.viewer.get(f"/workflows/{name}/diff", params={"from": "deployed", "to": "1"})).json()
    assert same == {"steps": [], "edges": [], "other": []}
    problem(await api.viewer.get(f"/workflows/{name}/diff", params={"from": 1, "to": 9}), 404, "version.unknown")
    problem(await api.viewer.get(f"/workflows/{name}/diff", params={"from": "x", "to": 1}), 422, "version.invalid")
    problem(await api.viewer.get(f"/workflows/{name}/diff", params={"from": 1}), 422, "request.invalid")
