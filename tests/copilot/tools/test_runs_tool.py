"""Runs as the copilot reads them: why one failed, what it would do, and asking for a replay."""

import json
from typing import cast
from uuid import UUID

from db.ids import RunId
from engine.expressions.values import Json
from engine.spec.canonical import content_hash
from tests.copilot.tools.toolbox import Toolbox, as_object, placed
from tests.engine.runs.stack import Document
from tests.fixtures.flows import flow, step

ORDERS = flow(
    "{{ steps.total.output.sum }}",
    total=step("core.set", values={"sum": "{{ trigger.body.price * trigger.body.count }}"}),
    note=step("kv.set", after="total", key="last", value="{{ steps.total.output.sum }}"),
    name="orders",
)


def data(content: Json, *path: str) -> Json:
    """What stands below a mark."""
    here = content
    for name in path:
        here = as_object(here)[name]
    return as_object(here)["data"]


async def failed_after_green(box: Toolbox) -> tuple[str, str]:
    """The ids of a run that failed and of the green one before it, of two versions."""
    name = await box.stack.define(ORDERS)
    green = await box.stack.run(name, {"price": 2, "count": 3, "note": "x"})
    assert green.status == "succeeded", green.error
    await box.content(
        "workflows",
        "edit",
        workflow=name,
        base_revision=1,
        operations=[{"op": "set_step", "id": "total", "title": "Sum"}],
    )
    await box.stack.definitions.deploy(box.stack.workspace_id, None, name, None, None, authority="owner")
    bad = await box.stack.run(name, {"price": {"amount": 2}, "count": 3, "extra": 1})
    assert bad.status == "failed"
    return str(bad.run_id), str(green.run_id)


async def test_a_failed_run_is_explained_by_its_step_its_input_and_what_was_different(box: Toolbox) -> None:
    bad, green = await failed_after_green(box)
    told = await box.content("runs", "explain", run=bad)
    assert as_object(data(told, "failed", "about"))["path"] == "total"
    assert as_object(data(told, "failed", "error"))["code"] == "expression.type"
    assert as_object(data(told, "last_green"))["run"] == green
    differs = as_object(told["differs"])
    assert (differs["version"], differs["same_document"]) == ({"from": 1, "to": 2}, False)
    changed = as_object(data(differs, "document"))["steps"]
    assert isinstance(changed, list)
    assert [as_object(each)["id"] for each in changed] == ["total"]
    shape = as_object(data(differs, "input"))
    assert shape["missing"] == ["/note"]
    assert shape["new"] == ["/price/amount", "/extra"]
    assert shape["another_type"] == [{"path": "/price", "from": "number", "to": "object"}]
    by_place = await box.call("runs", "explain", place=placed(run=RunId(UUID(bad))))
    assert by_place.content == told
    fine = await box.content("runs", "explain", run=green)
    assert (fine["last_green"], "failed" in fine) == (None, False)


async def test_runs_are_listed_and_shown_step_by_step(box: Toolbox) -> None:
    bad, green = await failed_after_green(box)
    listed = data(await box.content("runs", "list", workflow="orders"), "runs")
    assert isinstance(listed, list)
    assert [as_object(each)["run"] for each in listed] == [bad, green]
    only = data(await box.content("runs", "list", status="failed"), "runs")
    assert isinstance(only, list)
    assert [as_object(each)["run"] for each in only] == [bad]
    older = data(await box.content("runs", "list", before=bad), "runs")
    assert isinstance(older, list)
    assert [as_object(each)["run"] for each in older] == [green]
    shown = await box.content("runs", "show", run=green)
    rows = data(shown, "steps")
    assert isinstance(rows, list)
    assert [(as_object(each)["path"], as_object(each)["status"]) for each in rows] == [
        ("total", "succeeded"),
        ("note", "succeeded"),
    ]
    assert as_object(data(shown, "trigger"))["body"] == {"price": 2, "count": 3, "note": "x"}
    one = await box.content("runs", "show", run=green, step="note")
    assert as_object(data(one, "step", "input"))["value"] == 6
    missing = await box.call("runs", "show", run=green, step="nowhere")
    assert missing.error == "tool.arguments"


async def test_a_replay_is_asked_for_and_nothing_is_started(box: Toolbox) -> None:
    _, green = await failed_after_green(box)
    answer = await box.call("runs", "replay", run=green, version="deployed", from_step="note")
    wanted = answer.approval
    assert wanted is not None
    assert (wanted.action, wanted.workflow) == ("replay", "orders")
    deed: Document = {
        "action": "replay",
        "run_id": green,
        "request": {"from_step": "note", "version": "deployed"},
    }
    assert wanted.change_set["deed"] == deed
    assert wanted.content_hash == content_hash(deed)
    assert wanted.change_set["effects"] == [{"workflow": "orders", "module": "kv.set", "step": "note", "count": 1}]
    assert len(cast("list[Json]", data(await box.content("runs", "list"), "runs"))) == 2
    for by, more, code in (
        ("viewer", {}, "auth.forbidden"),
        ("editor", {"from_step": "nope"}, "step.unknown"),
        ("editor", {"version": "99"}, "version.unknown"),
        ("foreign", {}, "run.unknown"),
    ):
        refused = await box.call("runs", "replay", by=by, run=green, **cast("Document", more))
        assert (refused.error, refused.approval) == (code, None), refused.content


async def test_a_draft_is_tried_on_a_past_runs_data_with_nothing_written(box: Toolbox) -> None:
    bad, green = await failed_after_green(box)
    tried = await box.content("workflows", "simulate", workflow="orders", run=bad)
    assert tried["status"] == "failed"
    mended: list[Json] = [
        {"op": "set_input", "id": "total", "path": "/values/sum", "value": "{{ trigger.body.price.amount * 3 }}"}
    ]
    await box.content("workflows", "edit", workflow="orders", base_revision=2, operations=mended)
    answer = await box.call("workflows", "simulate", workflow="orders", run=bad)
    told = as_object(answer.content)
    assert (told["status"], data(told, "output"), data(told, "simulated")) == ("succeeded", 6, {"kv.set": 1})
    rows = data(told, "steps")
    assert isinstance(rows, list)
    assert as_object(rows[1])["input"]["value"] == 6  # type: ignore[index, call-overload]
    assert as_object(rows[1])["stood_in"] == "last_output"
    assert answer.fact == {"kind": "simulated", "workflow": "orders", "status": "succeeded", "steps": 2}
    assert (await box.content("workflows", "simulate", workflow="orders", run=green))["status"] == "failed"
    given = await box.content("workflows", "simulate", workflow="orders", input={"price": {"amount": 5}})
    assert data(given, "output") == 15
    assert len(cast("list[Json]", data(await box.content("runs", "list"), "runs"))) == 2
    assert (await box.call("workflows", "simulate", by="foreign", workflow="orders", run=bad)).error is not None
    assert (await box.call("workflows", "simulate", by="viewer", workflow="orders")).error == "auth.forbidden"
    other = await box.stack.define(flow(a=step("core.set", values={}), name="other"))
    assert (await box.call("workflows", "simulate", workflow=other, run=bad)).error == "tool.arguments"


async def test_the_documents_own_tests_are_run(box: Toolbox) -> None:
    tests: Json = [
        {
            "name": "right",
            "input": {"price": 2, "count": 3},
            "mocks": {"note": {"output": {}}},
            "expect": {"output": 6},
        },
        {
            "name": "wrong",
            "input": {"price": 2, "count": 3},
            "mocks": {"note": {"output": {}}},
            "expect": {"output": 7},
        },
    ]
    name = await box.stack.define({**ORDERS, "tests": tests}, deploy=False)
    answer = await box.call("workflows", "test", workflow=name)
    assert answer.fact == {"kind": "tests", "workflow": name, "passed": 1, "failed": 1}
    assert "wrong" in json.dumps(data(answer.content, "failures"))
    assert (await box.call("workflows", "test", by="viewer", workflow=name)).error == "auth.forbidden"
