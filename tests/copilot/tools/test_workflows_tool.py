"""Drafts as the copilot reads and writes them: as the person, against a revision, and never live."""

import json
from dataclasses import replace
from typing import cast

from copilot.tools.tool import Answer
from engine.expressions.values import Json
from tests.copilot.tools.toolbox import Toolbox, as_object, placed, unmarked
from tests.engine.runs.stack import Document
from tests.fixtures.flows import flow, step

ONE = flow("{{ steps.a.output.v }}", a=step("core.set", values={"v": 1}))


def setting(value: Json) -> list[Json]:
    return [{"op": "set_input", "id": "a", "path": "/values/v", "value": value}]


async def draft(box: Toolbox, name: str) -> Document:
    return await box.kit.definitions.draft(box.stack.workspace_id, name)


async def test_an_edit_gives_the_new_revision_and_findings_and_nothing_goes_live(box: Toolbox) -> None:
    name = await box.stack.define(ONE)
    answer = await box.call("workflows", "edit", workflow=name, base_revision=1, operations=setting(2))
    assert answer.content == {"revision": 2, "findings": {"errors": 0, "warnings": 0}}
    assert answer.fact == {"kind": "draft_edited", "workflow": name, "revision": 2, "operations": 1}
    compared = await box.content("workflows", "diff", workflow=name)
    assert compared["same"] is False
    assert (await box.stack.run(name)).output == 1, "what is live stays"
    shown = await box.content("workflows", "get", workflow=name)
    document = as_object(as_object(shown["document"])["data"])
    assert document["steps"]["a"]["inputs"] == {"values": {"v": 2}}  # type: ignore[index, call-overload]
    live = await box.content("workflows", "get", workflow=name, version="deployed")
    assert as_object(as_object(live["document"])["data"])["steps"]["a"]["inputs"] == {"values": {"v": 1}}  # type: ignore[index, call-overload]
    wrong = await box.content(
        "workflows",
        "edit",
        workflow=name,
        base_revision=2,
        operations=[{"op": "set_output", "value": "{{ steps.gone.output }}"}],
    )
    findings = as_object(wrong["findings"])
    assert findings["errors"] == 1
    assert as_object(findings["list"])["source"] == "validator"
    assert (await box.content("workflows", "validate", workflow=name))["findings"] == findings


async def test_of_two_edits_of_one_revision_the_second_is_told_to_read_again(box: Toolbox) -> None:
    name = await box.stack.define(ONE)
    await box.content("workflows", "edit", workflow=name, base_revision=1, operations=setting(2))
    for base in (1, 3, 99):
        late = await box.call("workflows", "edit", workflow=name, base_revision=base, operations=setting(3))
        assert late.error == "draft.stale"
        assert as_object(late.content)["revision"] == 2
    assert (await draft(box, name))["revision"] == 2


async def test_a_call_that_is_made_again_knows_its_own_write(box: Toolbox) -> None:
    name = await box.stack.define(ONE)
    here = placed(name)
    given: Document = {"base_revision": 1, "operations": setting(2)}
    first = await box.call("workflows", "edit", place=here, **given)
    again = await box.call("workflows", "edit", place=here, **given)
    assert (again.content, again.fact, again.error) == (first.content, first.fact, None)
    other = await box.call("workflows", "edit", place=replace(here, call_id="another"), **given)
    assert other.error == "draft.stale"
    made = await box.call("workflows", "create", place=here, workflow="fresh")
    assert await box.call("workflows", "create", place=here, workflow="fresh") == made
    taken = await box.call("workflows", "create", workflow="fresh")
    assert taken.error == "name.taken"
    assert (await draft(box, name))["revision"] == 2


async def test_of_operations_all_are_done_or_none(box: Toolbox) -> None:
    name = await box.stack.define(ONE)
    answer = await box.call(
        "workflows",
        "edit",
        workflow=name,
        base_revision=1,
        operations=[*setting(2), {"op": "connect", "from": "a", "to": "nowhere"}],
    )
    assert answer.error == "edit.refused"
    problems = as_object(as_object(answer.content)["problems"])["data"]
    assert isinstance(problems, list)
    assert [as_object(each)["operation"] for each in problems] == [1]
    assert (await draft(box, name))["revision"] == 1


async def test_texts_that_look_like_secrets_are_not_written_but_may_stay(box: Toolbox) -> None:
    name = await box.stack.define(ONE)
    bad: list[Json] = [
        setting("sk-proj-aB3dE5gH7jK9mN1pQ3sT5"),
        [
            {
                "op": "add_step",
                "id": "b",
                "module": "http.request",
                "inputs": {"url": "https://example.com", "headers": {"Authorization": "Bearer aB3dE5gH7jK9mN1pQ3sT5"}},
            }
        ],
        [{"op": "set_input", "id": "a", "path": "/values/password", "value": "hunter2hunter2"}],
        [{"op": "set_document", "description": "the key is AKIAIOSFODNN7EXAMPLE"}],
    ]
    for operations in bad:
        answer = await box.call("workflows", "edit", workflow=name, base_revision=1, operations=operations)
        assert answer.error == "secret.text", operations
        assert "hunter2" not in json.dumps(answer.content)
        assert "aB3dE5" not in json.dumps(answer.content)
    refused = await box.call(
        "workflows", "create", workflow="leaky", document=flow(a=step("core.set", values={"api_key": "0123456789abc"}))
    )
    assert refused.error == "secret.text"
    fine = setting("{{ vars.API_KEY }}")
    await box.content("workflows", "edit", workflow=name, base_revision=1, operations=fine)
    there = flow(a=step("core.set", values={"token": "ghp_" + "a1B2c3D4e5" * 4}), name="there")
    await box.stack.define(there, deploy=False)
    kept = await box.content("workflows", "edit", workflow="there", base_revision=1, operations=[RENAME])
    assert kept["revision"] == 2
    shown = await box.content("workflows", "get", workflow="there")
    assert "a1B2c3D4e5" not in json.dumps(shown)


RENAME: Json = {"op": "rename_step", "id": "a", "to": "b"}


async def test_each_action_asks_for_the_right_of_the_person(box: Toolbox) -> None:
    name = await box.stack.define(ONE)
    edit: Document = {"workflow": name, "base_revision": 1, "operations": setting(2)}
    for action, given in (("edit", edit), ("create", {"workflow": "mine"})):
        answer = await box.call("workflows", action, by="viewer", **cast("Document", given))
        assert answer.error == "auth.forbidden"
        assert "viewer" in str(as_object(answer.content)["message"])
    for action in ("get", "diff", "validate"):
        assert (await box.call("workflows", action, by="viewer", workflow=name)).error is None
    assert (await draft(box, name))["revision"] == 1


async def test_what_is_of_another_workspace_is_found_by_no_name_and_no_id(box: Toolbox) -> None:
    name = await box.stack.define(ONE)
    shown = await box.kit.definitions.get(box.stack.workspace_id, "acme", name)
    for reference in (name, str(shown["workflow_id"])):
        for action, more in (
            ("get", {}),
            ("diff", {}),
            ("validate", {}),
            ("edit", {"base_revision": 1, "operations": setting(2)}),
        ):
            given = cast("Document", {"workflow": reference, **more})
            foreign = await box.call("workflows", action, by="foreign", **given)
            nowhere = await box.call("workflows", action, by="foreign", **{**given, "workflow": "x" * len(reference)})
            assert foreign.error == nowhere.error == "workflow.unknown"
            assert "core.set" not in json.dumps(foreign.content)
    listed = await box.call("workflows", "list", by="foreign")
    assert as_object(as_object(listed.content)["workflows"])["data"] == []
    assert (await box.call("workflows", "get", by="foreign", place=placed(name))).error == "workflow.unknown"


async def test_an_owners_connection_is_no_editors_by_way_of_the_copilot(box: Toolbox) -> None:
    made = await box.kit.connections.create(
        box.stack.workspace_id,
        box.askers["owner"].user_id,
        {
            "name": "bank",
            "app": "bank",
            "kind": "bearer",
            "secret": {"token": "0123456789"},
            "allowed_hosts": ["bank.example"],
            "use": "owner",
        },
    )
    assert made["use"] == "owner"
    name = await box.stack.define(ONE)
    given: Document = {
        "workflow": name,
        "base_revision": 1,
        "operations": [
            {"op": "require", "connections": {"bank": "bank"}},
            {
                "op": "add_step",
                "id": "pay",
                "module": "http.request",
                "connection": "bank",
                "inputs": {"url": "https://bank.example/pay"},
            },
        ],
    }
    assert (await box.call("workflows", "edit", **given)).error == "document.forbidden"
    allowed: Answer = await box.call("workflows", "edit", by="owner", **given)
    assert allowed.error is None, allowed.content


async def test_a_large_document_is_shown_by_its_outline_and_by_steps(box: Toolbox) -> None:
    steps = {f"s{number}": step("core.set", values={"text": "x" * 800}) for number in range(60)}
    name = await box.stack.define(flow(None, **steps), deploy=False)
    shown = await box.content("workflows", "get", workflow=name)
    assert set(as_object(as_object(as_object(shown["outline"])["data"])["steps"])) == set(steps)
    part = await box.content("workflows", "get", workflow=name, steps=["s7", "nope"])
    data = as_object(as_object(part["steps"])["data"])
    assert (list(as_object(data["steps"])), data["missing"]) == (["s7"], ["nope"])
    assert "x" * 800 in json.dumps(data)
    assert all("xxxx" not in text for text in unmarked(part))
