"""Drafts: saved with errors, never over somebody else's change."""

from __future__ import annotations

import asyncio

from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step

SET = flow(a=step("core.set", values={"n": 1}))
KEYS = {"revision", "document", "findings", "content_hash", "saved_at"}
YAML = {"Content-Type": "application/yaml"}


async def test_a_draft_is_read_and_saved_by_its_revision(api: Api) -> None:
    name = await api.create(SET, deploy=False)
    first = (await api.viewer.get(f"/workflows/{name}/draft")).json()
    assert (set(first), first["revision"]) == (KEYS, 1)
    changed = first["document"] | {"title": "Another"}
    saved = await api.editor.put(f"/workflows/{name}/draft", json={"document": changed, "base_revision": 1})
    assert saved.status_code == 200
    assert (set(saved.json()), saved.json()["revision"], saved.json()["document"]) == (KEYS, 2, changed)
    assert saved.json()["content_hash"] != first["content_hash"]
    stale = problem(
        await api.editor.put(f"/workflows/{name}/draft", json={"document": SET, "base_revision": 1}), 409, "draft.stale"
    )
    assert stale["draft"] == saved.json()
    moved = changed | {"layout": {"a": {"x": 1, "y": 2}}}
    laid = await api.editor.put(f"/workflows/{name}/draft", json={"document": moved, "base_revision": 2})
    assert laid.json()["content_hash"] == saved.json()["content_hash"], "the layout is no part of what runs"


async def test_of_two_who_save_at_once_one_is_told(api: Api) -> None:
    name = await api.create(SET, deploy=False)
    both = [
        api.editor.put(
            f"/workflows/{name}/draft", json={"document": SET | {"name": name, "title": str(n)}, "base_revision": 1}
        )
        for n in range(4)
    ]
    assert sorted(answer.status_code for answer in await asyncio.gather(*both)) == [200, 409, 409, 409]


async def test_the_base_revision_must_be_said_and_be_a_number(api: Api) -> None:
    name = await api.create(SET, deploy=False)
    path = f"/workflows/{name}/draft"
    problem(await api.editor.put(path, json={"document": SET}), 422, "base_revision.missing")
    for odd in ("x", 1.5, True, [1], "9" * 30):
        answer = await api.editor.put(path, json={"document": SET, "base_revision": odd})
        problem(answer, 422, "base_revision.invalid")
    for old in (0, -1, 2**31, 2**63):
        problem(await api.editor.put(path, json={"document": SET, "base_revision": old}), 409, "draft.stale")
    problem(await api.editor.put(path, json={"base_revision": 1}), 422, "request.invalid")


async def test_yaml_is_saved_with_the_revision_in_the_address(api: Api) -> None:
    name = await api.create(SET, deploy=False)
    text = (
        f"schema_version: 1\nname: {name}\nsteps: {{b: {{module: core.set, version: 1, inputs: {{values: {{}}}}}}}}\n"
    )
    path = f"/workflows/{name}/draft"
    saved = await api.editor.put(f"{path}?base_revision=1", content=text, headers=YAML)
    assert (saved.status_code, saved.json()["revision"], list(saved.json()["document"]["steps"])) == (200, 2, ["b"])
    problem(await api.editor.put(path, content=text, headers=YAML), 422, "base_revision.missing")
    problem(await api.editor.put(f"{path}?base_revision=1", content=text, headers=YAML), 409, "draft.stale")
    problem(await api.editor.put(f"{path}?base_revision=2", content="a: [", headers=YAML), 400, "yaml.malformed")


async def test_errors_are_findings_and_do_not_keep_a_draft_from_being_saved(api: Api) -> None:
    name = await api.create(SET, deploy=False)
    wrong = SET | {"name": name, "steps": {"a": {"module": "core.nothing", "version": 1}}, "colour": "red"}
    saved = await api.editor.put(f"/workflows/{name}/draft", json={"document": wrong, "base_revision": 1})
    assert saved.status_code == 200
    findings = saved.json()["findings"]
    assert all(set(one) == {"code", "path", "message", "hint", "severity"} for one in findings)
    assert {"/steps/a/module", "/colour"} <= {one["path"] for one in findings}
    renamed = SET | {"name": "other"}
    answer = await api.editor.put(f"/workflows/{name}/draft", json={"document": renamed, "base_revision": 2})
    assert [one["code"] for one in answer.json()["findings"]] == ["name.changed"]


async def test_keys_that_stand_twice_are_findings_in_json_and_yaml(api: Api) -> None:
    name = await api.create(SET, deploy=False)
    document = f'{{"schema_version": 1, "name": "{name}", "steps": {{}}, "title": "a", "title": "b"}}'
    saved = await api.editor.put(
        f"/workflows/{name}/draft",
        content=f'{{"document": {document}, "base_revision": 1}}',
        headers={"Content-Type": "application/json"},
    )
    assert saved.json()["document"]["title"] == "b"
    assert ("document.key.duplicate", "/title") in [(one["code"], one["path"]) for one in saved.json()["findings"]]
    text = f"schema_version: 1\nname: {name}\nsteps: {{}}\ntitle: a\ntitle: b\n"
    again = await api.editor.put(f"/workflows/{name}/draft?base_revision=2", content=text, headers=YAML)
    assert ("document.key.duplicate", "/title") in [(one["code"], one["path"]) for one in again.json()["findings"]]


async def test_what_is_no_document_at_all_is_refused(api: Api) -> None:
    name = await api.create(SET, deploy=False)
    for odd in ([], "text", 7, None, True):
        answer = await api.editor.put(f"/workflows/{name}/draft", json={"document": odd, "base_revision": 1})
        problem(answer, 422, "document.shape")
    large = SET | {"name": name, "description": "x" * 1_100_000}
    answer = await api.editor.put(f"/workflows/{name}/draft", json={"document": large, "base_revision": 1})
    assert problem(answer, 413, "limit.size")["findings"]
