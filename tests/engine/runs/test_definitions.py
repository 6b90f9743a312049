"""Workflows as people define them."""

import asyncio

import pytest

from db import variables
from engine.expressions.values import Json
from engine.problems import Conflict, Invalid, NotFound
from tests.engine.runs.stack import Document, Stack
from tests.fixtures.flows import flow, step

ONE: Document = flow("{{ steps.a.output.v }}", a=step("core.set", values={"v": 1}))
TWO: Document = flow("{{ steps.a.output.v }}", a=step("core.set", values={"v": 2}))


async def deploy(stack: Stack, name: str, note: str | None = None) -> tuple[Document, bool]:
    return await stack.definitions.deploy(stack.workspace_id, None, name, note, None, authority="owner")


async def save(stack: Stack, name: str, document: Json, base: int | None) -> Document:
    return await stack.definitions.save_draft(stack.workspace_id, None, name, document, base, authority="owner")


async def test_a_workflow_begins_as_a_draft_with_findings_and_versions_filled_in(stack: Stack) -> None:
    document: Document = {
        "schema_version": 1,
        "name": "new",
        "steps": {"a": {"module": "core.set", "inputs": {"vlaues": {}}}},
    }
    made = await stack.definitions.create(stack.workspace_id, "acme", None, document, authority="owner")
    assert (made["name"], made["status"], made["live_version"], made["hooks"]) == ("new", "active", None, [])
    draft = made["draft"]
    assert isinstance(draft, dict)
    assert draft["revision"] == 1
    assert draft["document"]["steps"]["a"]["version"] == 1  # type: ignore[index, call-overload]
    assert any(finding["severity"] == "error" for finding in draft["findings"])  # type: ignore[union-attr, index, call-overload]
    with pytest.raises(Conflict) as taken:
        await stack.definitions.create(stack.workspace_id, "acme", None, document, authority="owner")
    assert taken.value.code == "name.taken"
    for wrong in (None, [], "x", {}, {"name": 7}, {"name": "Wrong Name"}):
        with pytest.raises(Invalid):
            await stack.definitions.create(stack.workspace_id, "acme", None, wrong, authority="owner")
    with pytest.raises(Invalid) as refused:
        await deploy(stack, "new")
    assert refused.value.extra["findings"]


async def test_two_who_save_at_once_cannot_overwrite_each_other(stack: Stack) -> None:
    name = await stack.define(ONE, deploy=False)
    saves = await asyncio.gather(*(save(stack, name, document, 1) for document in (ONE, TWO)), return_exceptions=True)
    (stale,) = [one for one in saves if isinstance(one, Conflict)]
    current = stale.extra["draft"]
    assert isinstance(current, dict)
    assert current["revision"] == 2
    with pytest.raises(Invalid):
        await save(stack, name, ONE, None)
    renamed = await save(stack, name, {**ONE, "name": "other"}, 2)
    assert [finding["code"] for finding in renamed["findings"] if finding["severity"] == "error"] == ["name.changed"]  # type: ignore[union-attr, index, call-overload]


async def test_versions_count_up_never_change_and_come_back_when_deployed_again(stack: Stack) -> None:
    name = await stack.define(ONE, deploy=False)
    first, new = await deploy(stack, name, "the first")
    assert (first["version"], first["live"], first["note"], new) == (1, True, "the first", True)
    await save(stack, name, TWO, 1)
    second, new = await deploy(stack, name)
    assert (second["version"], new) == (2, True)
    assert second["content_hash"] != first["content_hash"]
    assert (await stack.run(name)).output == 2
    await save(stack, name, {**ONE, "layout": {"a": {"x": 1, "y": 2}}}, 2)
    again, new = await deploy(stack, name)
    assert (again["version"], new) == (1, False), "the layout is no part of the content"
    assert (await stack.run(name)).output == 1
    back = await stack.definitions.rollback(stack.workspace_id, name, 2, authority="owner")
    assert (back["version"], back["live"]) == (2, True)
    assert (await stack.run(name)).output == 2
    page = await stack.definitions.list_versions(stack.workspace_id, name, None, 10)
    assert [(item["version"], item["live"]) for item in page.items if isinstance(item, dict)] == [(2, True), (1, False)]
    assert (await stack.definitions.version(stack.workspace_id, name, 1))["document"] == ONE
    for number in (0, 3, -1, 2**40):
        with pytest.raises(NotFound):
            await stack.definitions.rollback(stack.workspace_id, name, number, authority="owner")


async def test_a_run_keeps_the_version_it_began_with(stack: Stack) -> None:
    waits = flow("{{ 'old' }}", e=step("core.wait_for_event"))
    name = await stack.define(waits)
    run_id = await stack.start(name)
    await stack.until(run_id, lambda row: row.status == "waiting")
    await save(stack, name, flow("{{ 'new' }}", e=step("core.wait_for_event")), 1)
    await deploy(stack, name)
    (row,) = await stack.steps(run_id)
    await stack.resumer.post(str(row["resume_url"]).rpartition("/")[2], b"1", "application/json")
    ended = await stack.end(run_id)
    assert (ended.output, ended.version) == ("old", 1)


async def test_two_versions_are_compared_by_step(stack: Stack) -> None:
    name = await stack.define(ONE)
    await save(stack, name, TWO, 1)
    changed = await stack.definitions.diff(stack.workspace_id, name, 1, "draft")
    steps = changed["steps"]
    assert isinstance(steps, list)
    assert [(one["id"], one["change"]) for one in steps if isinstance(one, dict)] == [("a", "changed")]
    same = await stack.definitions.diff(stack.workspace_id, name, 1, "deployed")
    assert same == {"steps": [], "edges": [], "other": []}
    with pytest.raises(Exception, match="no version"):
        await stack.definitions.diff(stack.workspace_id, name, 1, 9)


async def test_a_variable_that_is_missing_warns_in_the_draft_and_stops_the_deploy(stack: Stack) -> None:
    document = flow("{{ vars.REGION }}", a=step("core.set", values={})) | {"requires": {"variables": ["REGION"]}}
    name = await stack.define(document, deploy=False)
    with pytest.raises(Invalid):
        await deploy(stack, name)
    async with stack.db.tenant(stack.workspace_id) as conn:
        await variables.create(conn, stack.workspace_id, "REGION", "eu")
    await deploy(stack, name)
    assert (await stack.run(name)).output == "eu"


async def test_a_deployed_workflow_can_be_read_by_sql(stack: Stack) -> None:
    name = await stack.define(ONE)
    await stack.run(name)
    made = await stack.definitions.get(stack.workspace_id, "acme", name)
    schema = "wf_" + str(made["workflow_id"]).replace("-", "")
    async with stack.db.tenant(stack.workspace_id) as conn:
        await conn.script(f"select path, status from {schema}.workflow_execution_logs")


async def test_lists_go_page_by_page_and_leave_out_what_is_deleted(stack: Stack) -> None:
    names = [await stack.define({**ONE, "name": f"w{number}"}, deploy=False) for number in range(5)]
    await stack.definitions.delete(stack.workspace_id, names[2])
    seen: list[object] = []
    cursor = None
    while True:
        page = await stack.definitions.list_workflows(stack.workspace_id, "acme", cursor, 2)
        seen += [item["name"] for item in page.items if isinstance(item, dict)]
        cursor = page.cursor
        if cursor is None:
            break
    assert sorted(seen) == sorted(names[:2] + names[3:], key=str)
