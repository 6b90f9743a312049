"""Runs by API: what is refused, what is taken in, and what one then sees."""

from uuid import UUID

import pytest

from engine.problems import Conflict, Invalid, NotFound
from tests.engine.runs.stack import Stack
from tests.fixtures.flows import flow, step

HOOK = {"module": "webhook.trigger", "version": 1, "inputs": {"method": "POST"}}


async def test_a_run_shows_its_input_output_and_how_it_went(stack: Stack) -> None:
    name = await stack.define(flow("{{ steps.a.output.x }}", a=step("core.set", values={"x": "{{ input.n + 1 }}"})))
    run = await stack.run(name, {"n": 41})
    view = await stack.view(run.run_id)
    assert (view["status"], view["input"], view["output"], view["error"]) == ("succeeded", {"n": 41}, 42, None)
    assert (view["workflow"], view["version"], view["carrier"]) == (name, 1, "temporal")
    assert view["trigger"] == {"type": "api", "id": None, "body": {"n": 41}}
    assert view["waiting_for"] == []
    assert all(str(view[key]).endswith("Z") for key in ("queued_at", "started_at", "finished_at"))
    (row,) = await stack.steps(run.run_id)
    assert (row["path"], row["attempt"], row["status"], row["output"]) == ("a", 1, "succeeded", {"x": 42})


async def test_what_cannot_run_is_refused_before_anything_is_written(stack: Stack) -> None:
    document = flow(a=step("core.set", values={})) | {
        "input_schema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}},
        "triggers": {"one": HOOK, "two": HOOK},
        "edges": [{"from": "one", "to": "a"}, {"from": "two", "to": "a"}],
    }
    name = await stack.define(document)
    refusals = {
        "trigger.ambiguous": {"input": {"id": 1}},
        "trigger.unknown": {"input": {"id": 1}, "trigger_id": "three"},
        "input.invalid": {"input": {"id": "x"}, "trigger_id": "one"},
        "request.invalid": {"inptu": {}},
        "version.invalid": {"version": "latest"},
    }
    for code, body in refusals.items():
        with pytest.raises(Invalid) as refused:
            await stack.start(name, **body) if code == "request.invalid" else await stack.start(
                name, body.pop("input", None), **body
            )
        assert refused.value.code == code
    with pytest.raises(NotFound):
        await stack.start("nothing")
    with pytest.raises(NotFound):
        await stack.start(name, {"id": 1}, version=7, trigger_id="one")
    drafted = await stack.define(flow(name="drafted", a=step("core.set", values={})), deploy=False)
    with pytest.raises(Conflict) as undeployed:
        await stack.start(drafted)
    assert undeployed.value.code == "workflow.not_deployed"
    assert (await stack.run(drafted, version="draft")).status == "succeeded"


async def test_a_run_begins_at_the_trigger_that_is_named(stack: Stack) -> None:
    document = flow(
        "{{ steps.b.output.from | default('one') }}",
        a=step("core.set", values={"from": "one"}),
        b=step("core.set", values={"from": "{{ trigger.id }}"}),
    ) | {"triggers": {"one": HOOK, "two": HOOK}, "edges": [{"from": "one", "to": "a"}, {"from": "two", "to": "b"}]}
    name = await stack.define(document)
    assert (await stack.run(name, {}, trigger_id="one")).output == "one"
    assert (await stack.run(name, trigger={"id": "two", "body": 1})).output == "two"


async def test_values_of_every_kind_and_size_survive_the_way_to_the_log_and_back(stack: Stack) -> None:
    name = await stack.define(
        flow("{{ input.odd }}", a=step("core.set", values={"size": "{{ input.large | length }}"}))
    )
    odd = {"nul": "\x00", "half": "\ud800", "big": 18446744073709551615, "neg": -(2**63), "float": 1.5}
    large = "x" * 300_000
    run = await stack.run(name, {"odd": odd, "large": large})
    assert run.status == "succeeded", run.error
    assert run.output == odd
    view = await stack.view(run.run_id)
    reference = view["input"]
    assert isinstance(reference, dict)
    assert reference["type"] == "object"
    kept = await stack.reader.payload(stack.workspace_id, run.run_id, str(reference["$ref"]))
    assert len(kept.body) == reference["size"]
    with pytest.raises(NotFound):
        await stack.reader.payload(stack.workspace_id, run.run_id, "0" * 32)


async def test_mocks_stand_in_for_effects_and_simulation_says_where_outputs_came_from(stack: Stack) -> None:
    name = await stack.define(
        flow(
            "{{ steps.call.output.body }}",
            call=step("http.request", method="GET", url="http://127.0.0.1:9/never"),
            keep=step("kv.set", key="k", value=1, after="call"),
        )
    )
    mocked = await stack.run(
        name, mocks={"call": {"output": {"status": 200, "headers": {}, "body": "mock"}}, "keep": {"output": {}}}
    )
    assert (mocked.status, mocked.output, mocked.test) == ("succeeded", "mock", True)
    missing = await stack.run(name, mocks={"call": {"output": {"body": 1}}})
    assert missing.error is not None
    assert missing.error["code"] == "mock.missing"
    simulated = await stack.run(name, simulate=True)
    assert simulated.status == "succeeded"
    assert {row["path"]: row["mocked"] for row in await stack.steps(simulated.run_id)} == {
        "call": "example",
        "keep": "example",
    }


async def test_a_concurrency_key_that_cannot_be_worked_out_is_a_warning_and_no_key(stack: Stack) -> None:
    name = await stack.define(
        flow(a=step("core.set", values={}), settings={"concurrency_key": "{{ trigger.body.customer }}"})
    )
    run = await stack.run(name, {"costumer": 1})
    assert run.status == "succeeded"
    warnings = (await stack.view(run.run_id))["warnings"]
    assert isinstance(warnings, list)
    assert "concurrency_key" in str(warnings[0])


async def test_a_child_runs_as_a_run_of_its_own_and_its_input_is_checked(stack: Stack) -> None:
    child = flow("{{ input.n * 2 }}", name="child", a=step("core.set", values={})) | {
        "input_schema": {"type": "object", "required": ["n"]}
    }
    await stack.define(child)
    name = await stack.define(
        flow(
            "{{ steps.c.output }}",
            name="parent",
            c=step("core.subworkflow", workflow="child", input="{{ input }}"),
        )
    )
    run = await stack.run(name, {"n": 21})
    assert (run.status, run.output) == ("succeeded", 42)
    (row,) = await stack.steps(run.run_id)
    child_view = await stack.view(str(row["child_run_id"]))
    assert (child_view["parent_run_id"], child_view["workflow"]) == (str(run.run_id), "child")
    assert child_view["trigger_type"] == "subworkflow"
    refused = await stack.run(name, {})
    assert refused.error is not None
    assert refused.error["code"] == "input.invalid"
    unknown = await stack.define(flow(name="lost", c=step("core.subworkflow", workflow="nobody")))
    failed = await stack.run(unknown)
    assert failed.error is not None
    assert failed.error["code"] == "subworkflow.unknown"


async def test_a_foreign_run_is_not_there(stack: Stack) -> None:
    with pytest.raises(NotFound):
        await stack.view(str(UUID(int=0)))
