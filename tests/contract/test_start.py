"""Execution, rule 1: how a run starts."""

from __future__ import annotations

import pytest

from tests.fixtures.stack import Stack, problem

SHOW = """
triggers:
  hook: {module: webhook.trigger, inputs: {mode: sync}}
steps:
  a: {module: core.set, inputs: {values: {trigger: "{{ trigger }}", input: "{{ input }}"}}}
edges: hook > a
output: "{{ steps.a.output }}"
"""
TWO = (
    """
triggers:
  one: {module: webhook.trigger}
  two: {module: webhook.trigger, inputs: {method: PUT}}
  bare: {module: webhook.trigger, inputs: {method: PATCH}}
steps:
  first: {module: core.set, inputs: {values: 1}}
  second: {module: core.set, inputs: {values: 2}}
  both: {module: core.set, inputs: {values: {one: "{{ steps.first.status }}", two: "{{ steps.second.status }}"}}}
  loose: {module: core.set, inputs: {values: 4}}
edges: one > first, two > second, first > both, second > both
""".replace("values: 1", "values: {n: 1}")
    .replace("values: 2", "values: {n: 2}")
    .replace("values: 4", "values: {n: 4}")
)


async def test_an_api_run_has_type_api_no_id_and_the_input_as_body(stack: Stack) -> None:
    ran = await stack.run(
        "steps: {a: {module: core.set, inputs: {values: {t: '{{ trigger }}', i: '{{ input }}'}}}}\noutput: '{{ steps.a.output }}'",
        {"n": 1},
    )
    assert ran["output"] == {"t": {"type": "api", "id": None, "body": {"n": 1}}, "i": {"n": 1}}
    assert ran["input"] == {"n": 1}
    assert ran["trigger"]["body"] == {"n": 1}


async def test_a_webhook_run_has_body_headers_in_lower_case_query_and_method(stack: Stack) -> None:
    name = await stack.deploy(SHOW)
    answer = await stack.hook(name, json={"n": 1}, params={"q": "x"}, headers={"X-Mixed-Case": "Kept"})
    assert answer.status_code == 200
    trigger = answer.json()["trigger"]
    assert (trigger["type"], trigger["id"], trigger["body"]) == ("webhook", "hook", {"n": 1})
    assert (trigger["query"], trigger["method"]) == ({"q": "x"}, "POST")
    assert trigger["headers"]["x-mixed-case"] == "Kept"
    assert all(header == header.lower() for header in trigger["headers"])
    assert answer.json()["input"] == {"n": 1}


async def test_a_call_may_give_a_whole_trigger(stack: Stack) -> None:
    name = await stack.deploy(SHOW)
    ran = await stack.again(
        name, trigger={"body": {"n": 5}, "headers": {"x": "y"}, "query": {"z": "1"}, "method": "POST"}
    )
    assert ran["output"]["trigger"]["headers"] == {"x": "y"}
    assert ran["output"]["input"] == {"n": 5}


async def test_the_input_schema_is_checked_at_accept(stack: Stack) -> None:
    text = SHOW + "input_schema: {type: object, required: [n], properties: {n: {type: integer}}}"
    name = await stack.deploy(text)
    for given in ({}, {"n": "x"}, None, [1]):
        problem(await stack.post(name, given), 422, "input.invalid")
        problem(await stack.hook(name, json=given), 422, "input.invalid")
    assert (await stack.again(name, {"n": 1}))["status"] == "succeeded"
    assert (await stack.http.get("/runs", params={"workflow": name})).json()["items"][1:] == []


async def test_a_child_whose_input_is_invalid_is_refused_to_its_parent(stack: Stack) -> None:
    child = await stack.deploy(
        "input_schema: {type: object, required: [n]}\nsteps: {a: {module: core.set, inputs: {values: {}}}}"
    )
    ran = await stack.run(
        f"steps: {{call: {{module: core.subworkflow, inputs: {{workflow: {child}, input: {{m: 1}}}}}}}}"
    )
    assert ran.said == ("failed", "input.invalid")
    assert ran.row("call")["error"]["step"] == "call"


async def test_a_run_begins_with_its_triggers_targets_and_other_triggers_edges_are_not_taken(stack: Stack) -> None:
    name = await stack.deploy(TWO)
    one = await stack.again(name, trigger_id="one")
    assert one.statuses == {"first": "succeeded", "second": "skipped", "both": "succeeded", "loose": "skipped"}
    assert one.row("both")["output"] == {"one": "succeeded", "two": "skipped"}
    two = await stack.again(name, trigger_id="two")
    assert two.statuses == {"first": "skipped", "second": "succeeded", "both": "succeeded", "loose": "skipped"}
    assert (two["trigger_id"], two["trigger"]["id"]) == ("two", "two")


async def test_a_trigger_without_edges_begins_with_the_root_steps_that_nothing_leads_to(stack: Stack) -> None:
    name = await stack.deploy(TWO)
    bare = await stack.again(name, trigger_id="bare")
    assert bare.statuses == {"first": "skipped", "second": "skipped", "both": "skipped", "loose": "succeeded"}
    answer = await stack.hook(name, "PATCH", "bare", json={})
    assert answer.status_code == 202
    assert (await stack.end(answer.json()["run_id"])).statuses == bare.statuses


async def test_with_several_triggers_with_edges_the_call_must_name_one(stack: Stack) -> None:
    name = await stack.deploy(TWO)
    problem(await stack.post(name, {}), 422, "trigger.ambiguous")
    problem(await stack.post(name, {}, trigger_id="none"), 422, "trigger.unknown")


async def test_the_only_trigger_with_edges_is_meant(stack: Stack) -> None:
    ran = await stack.run("""
triggers: {one: {module: webhook.trigger}, bare: {module: webhook.trigger, inputs: {method: PUT}}}
steps:
  first: {module: core.set, inputs: {values: {id: "{{ trigger.id }}", type: "{{ trigger.type }}"}}}
  loose: {module: core.set, inputs: {values: {}}}
edges: one > first
""")
    assert ran["trigger_id"] == "one"
    assert ran.statuses == {"first": "succeeded", "loose": "skipped"}
    assert ran.row("first")["output"] == {"id": "one", "type": "api"}


async def test_no_trigger_is_meant_where_none_has_edges(stack: Stack) -> None:
    ran = await stack.run("""
triggers: {one: {module: webhook.trigger}, two: {module: webhook.trigger, inputs: {method: PUT}}}
steps: {a: {module: core.set, inputs: {values: {id: "{{ trigger.id }}"}}}}
""")
    assert (ran["trigger_id"], ran.row("a")["output"]) == (None, {"id": None})


@pytest.mark.parametrize("version", ["draft", 1, "deployed"])
async def test_a_call_says_which_version(stack: Stack, version: str | int) -> None:
    text = "steps: {a: {module: core.set, inputs: {values: {v: %s}}}}\noutput: '{{ steps.a.output.v }}'"
    name = await stack.deploy(text % 1)
    draft = (await stack.http.get(f"/workflows/{name}/draft")).json()
    for value in (2, 3):
        saved = await stack.http.put(
            f"/workflows/{name}/draft",
            json={"document": stack.document(text % value, name=name), "base_revision": draft["revision"]},
        )
        draft = saved.json()
        if value == 2:
            assert (await stack.http.post(f"/workflows/{name}/deploy", json={})).status_code == 201
    ran = await stack.again(name, version=version)
    assert ran["output"] == {"draft": 3, 1: 1, "deployed": 2}[version]
    assert ran["version"] == {"draft": "draft", 1: 1, "deployed": 2}[version]
    problem(await stack.post(name, version=9), 404, "version.unknown")
