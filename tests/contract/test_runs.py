"""Execution, rules 10 to 12, and sub-workflows: keys, caps, states, tests, mocks, simulation, children."""

from __future__ import annotations

import pytest

from tests.fixtures.http_server import Answer
from tests.fixtures.stack import Ran, Stack, problem

HELD = """
settings: {$SETTINGS}
steps: {w: {module: core.wait_for_event, inputs: {}}}
"""


async def answer(stack: Stack, run_id: str) -> Ran:
    url = (await stack.waits(run_id, "event"))["resume_url"]
    assert (await stack.outside.post(url, json={})).status_code == 200
    return await stack.end(run_id)


async def test_runs_with_one_key_go_one_at_a_time_in_accept_order(stack: Stack) -> None:
    name = await stack.deploy(HELD.replace("$SETTINGS", 'concurrency_key: "{{ trigger.body.k }}"'))
    first, second, third = [await stack.start(name, {"k": "a"}) for _ in range(3)]
    other = await stack.start(name, {"k": "b"})
    await stack.waits(first, "event")
    await stack.waits(other, "event")
    for run_id in (second, third):
        waits = await stack.waits(run_id, "key")
        assert (await stack.get(run_id))["status"] == "queued"
        assert waits["reason"]
    assert (await answer(stack, first))["status"] == "succeeded"
    await stack.waits(second, "event")
    await stack.waits(third, "key")
    assert (await answer(stack, second))["status"] == "succeeded"
    assert (await answer(stack, third))["status"] == "succeeded"
    assert (await answer(stack, other))["status"] == "succeeded"


async def test_keys_are_of_one_workflow(stack: Stack) -> None:
    text = HELD.replace("$SETTINGS", "concurrency_key: always")
    runs = [await stack.start(await stack.deploy(text)) for _ in range(2)]
    for run_id in runs:
        await stack.waits(run_id, "event")
        await answer(stack, run_id)


async def test_a_key_that_fails_to_evaluate_means_no_key_with_a_warning(stack: Stack) -> None:
    name = await stack.deploy(HELD.replace("$SETTINGS", 'concurrency_key: "{{ trigger.body.k }}"'))
    runs = [await stack.start(name, {}) for _ in range(2)]
    for run_id in runs:
        await stack.waits(run_id, "event")
        ran = await answer(stack, run_id)
        assert "concurrency_key" in str(ran["warnings"]) or "expression.undefined" in str(ran["warnings"])


async def test_no_more_runs_are_open_than_the_cap(stack: Stack) -> None:
    name = await stack.deploy(HELD.replace("$SETTINGS", "max_concurrent_runs: 2"))
    runs = [await stack.start(name) for _ in range(3)]
    for run_id in runs[:2]:
        await stack.waits(run_id, "event")
    waits = await stack.waits(runs[2], "cap")
    assert (waits["path"], bool(waits["reason"])) == (None, True)
    for run_id in runs:
        assert (await answer(stack, run_id))["status"] == "succeeded"


async def test_a_run_that_sleeps_is_waiting_and_says_until_when(stack: Stack) -> None:
    run_id = await stack.start(await stack.deploy("steps: {w: {module: core.wait, inputs: {duration: 1h}}}"))
    waits = await stack.waits(run_id, "timer", "w")
    assert waits["until"] is not None
    await stack.when(run_id, lambda run: run["status"] == "waiting")
    row = await stack.logged(run_id, "w", "waiting")
    assert (row["attempt"], row["finished_at"], row["handle"]) == (1, None, None)
    await stack.http.post(f"/runs/{run_id}/cancel")
    ended = await stack.end(run_id)
    assert ended["waiting_for"] == []
    # terminal states never change
    assert (await stack.http.post(f"/runs/{run_id}/cancel")).json()["status"] == "cancelled"
    assert (await stack.end(run_id)).run == ended.run


# -- rule 12

DOCUMENT = """
input_schema: {type: object}
steps:
  get: {module: http.request, retry: {initial: 10ms}, inputs: {url: "http://example.invalid/"}}
  nap: {module: core.wait, inputs: {duration: 7d}}
  when: {module: core.if, inputs: {condition: "{{ steps.get.output.body.ok }}"}}
  yes: {module: core.set, inputs: {values: {v: "{{ vars.DEPTH | default('none') }}", list: [1, {a: 1, b: 2}]}}}
  no: {module: core.fail, inputs: {code: was.no, message: x}}
  each: {module: core.for_each, inputs: {items: [1, 2]}}
  put: {module: http.request, parent: each, inputs: {method: PUT, url: "http://example.invalid/"}}
edges: get > nap, nap > when, "when:true > yes", "when:false > no", yes > each
output: {v: "{{ steps.yes.output.v | default('undefined') }}", more: [1, 2]}
tests: [$TESTS]
"""
DOCUMENT = DOCUMENT.replace(
    'edges: get > nap, nap > when, "when:true > yes", "when:false > no", yes > each',
    'edges: "get > nap, nap > when, when:true > yes, when:false > no, yes > each"',
)
MOCKS = "mocks: {get: {output: {status: 200, body: {ok: true}}}, put: {output: {}}}"


async def tested(stack: Stack, *tests: str) -> dict[str, object]:
    name = await stack.create(DOCUMENT.replace("$TESTS", ", ".join(f"{{{test}}}" for test in tests)))
    found = await stack.http.post(f"/workflows/{name}/test", json={"version": "draft"})
    assert found.status_code == 200, found.text
    return found.json()


async def test_the_documents_tests_pass_when_what_is_expected_is_contained(stack: Stack) -> None:
    found = await tested(
        stack,
        f"name: all of it, input: {{n: 1}}, vars: {{DEPTH: ada}}, {MOCKS}, expect: {{status: succeeded, skipped: [no], "
        "output: {v: ada}, steps: {when: {handle: 'true'}, yes: {status: succeeded, output: {list: [1, {a: 1, b: 2}]}}, 'each[1].put': {status: succeeded}}}",
        "name: fails, trigger: {body: {n: 1}}, mocks: {get: {output: {body: {ok: false}}}}, "
        "expect: {status: failed, error: {code: was.no}, skipped: [yes, each]}",
        "name: by path and successive attempts, mocks: {get: [{error: {code: http.503}}, {output: {body: {ok: true}}}], "
        "'each[0].put': {output: {}}, 'each[1].put': {error: {code: http.404}}}, expect: {status: failed, error: {code: http.404}}",
        f"name: by the trigger's body, trigger: {{body: {{n: 2}}}}, {MOCKS}, expect: {{status: succeeded}}",
    )
    assert (found["passed"], found["failed"]) == (4, 0), [one["failures"] for one in found["results"]]
    assert [set(result) for result in found["results"]] == [{"name", "passed", "run_id", "failures"}] * 4  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("expect", "path"),
    [
        ("status: failed", "/status"),
        ("output: {v: other}", "/output/v"),
        ("output: {more: [1]}", "/output/more"),  # lists are equal, not contained
        ("skipped: [yes]", "/skipped"),
        ("error: {code: x}", "/error"),
        ("steps: {when: {handle: 'false'}}", "/steps/when/handle"),
        ("steps: {get: {output: {body: {ok: false}}}}", "/steps/get/output/body/ok"),
    ],
)
async def test_a_failed_test_says_where_and_what_it_got(stack: Stack, expect: str, path: str) -> None:
    found = await tested(stack, f"name: wrong, {MOCKS}, expect: {{{expect}}}")
    assert (found["passed"], found["failed"]) == (0, 1)
    [result] = found["results"]  # type: ignore[misc]
    assert [set(failure) for failure in result["failures"]] == [{"path", "expected", "got"}] * len(result["failures"])
    assert any(
        failure["path"].lstrip("/").replace(".", "/").startswith(path.lstrip("/")) for failure in result["failures"]
    ), result


async def test_in_a_test_an_unmocked_effect_fails_and_an_event_needs_a_mock(stack: Stack) -> None:
    found = await tested(stack, "name: unmocked, expect: {status: failed, error: {code: mock.missing}}")
    assert found["passed"] == 1, found
    name = await stack.create("""
steps: {w: {module: core.wait_for_event, inputs: {timeout: 1h}}}
tests:
  - {name: without, expect: {error: {code: mock.missing}}}
  - {name: with, mocks: {w: {output: {ok: true}}}, expect: {status: succeeded, steps: {w: {output: {ok: true}, handle: out}}}}
""")
    events = (await stack.http.post(f"/workflows/{name}/test", json={"version": "draft"})).json()
    assert events["passed"] == 2, events


async def test_a_run_with_mocks_behaves_the_same_and_is_marked(stack: Stack) -> None:
    name = await stack.deploy(DOCUMENT.replace("$TESTS", ""))
    mocks = {"get": {"output": {"body": {"ok": True}}}}
    ran = await stack.again(name, {}, mocks=mocks)
    assert ran.said == ("failed", "mock.missing")
    assert ran["test"] is True
    assert ran.row("get")["mocked"] == "mock"
    assert ran.row("nap")["status"] == "succeeded"  # core.wait ended at once
    both = await stack.again(name, {}, mocks={**mocks, "put": {"output": {}}})
    assert both["status"] == "succeeded"


async def test_unmocked_run_makes_the_other_effects(stack: Stack) -> None:
    stack.web.answer("POST", "/mocks/real", Answer.of_json({}))
    name = await stack.deploy("""
steps:
  a: {module: http.request, inputs: {method: POST, url: "$WEB/mocks/real"}}
  b: {module: http.request, inputs: {method: POST, url: "$WEB/mocks/never"}}
""")
    ran = await stack.again(name, {}, mocks={"b": {"output": {"status": 201}}}, unmocked="run")
    assert (ran["status"], len(stack.asked("/mocks/real")), stack.asked("/mocks/never")) == ("succeeded", 1, [])
    assert (ran.row("a")["mocked"], ran.row("b")["output"]) == (None, {"status": 201})


async def test_simulate_fills_from_the_last_real_output_then_the_example(stack: Stack) -> None:
    stack.web.answer("POST", "/mocks/sim", Answer.of_json({"real": 1}))
    name = await stack.deploy("""
steps:
  a: {module: http.request, inputs: {method: POST, url: "$WEB/mocks/sim"}}
  k: {module: kv.set, inputs: {key: a, value: 1}}
""")
    fresh = await stack.again(name, {}, simulate=True)
    assert (fresh["status"], stack.asked("/mocks/sim"), fresh["test"]) == ("succeeded", [], True)
    assert "example" in fresh.row("a")["mocked"]
    example = (await stack.http.get("/modules/http.request/1")).json()["example"]["output"]
    assert fresh.row("a")["output"] == example
    real = await stack.again(name, {})
    after = await stack.again(name, {}, simulate=True)
    assert after.row("a")["output"] == real.row("a")["output"]
    assert after.row("a")["mocked"] != fresh.row("a")["mocked"]
    assert len(stack.asked("/mocks/sim")) == 1


# -- sub-workflows

CALL = "steps: {call: {module: core.subworkflow, inputs: {workflow: $CHILD, $MORE}}}\noutput: '{{ steps.call.output }}'"


async def called(stack: Stack, child: str, more: str = "") -> Ran:
    return await stack.run(CALL.replace("$CHILD", child).replace("$MORE", more))


async def test_a_child_gives_its_output_and_knows_its_parent(stack: Stack) -> None:
    child = await stack.deploy(
        "steps: {a: {module: core.set, inputs: {values: '{{ trigger }}'}}}\noutput: '{{ steps.a.output }}'"
    )
    ran = await called(stack, child, "input: {n: 1}")
    assert ran["output"] == {"type": "subworkflow", "id": None, "body": {"n": 1}}
    run = await stack.get(ran.row("call")["child_run_id"])
    assert (run["parent_run_id"], run["workflow"], run["status"]) == (ran["run_id"], child, "succeeded")
    by_id = await called(stack, run["workflow_id"], "input: {n: 2}")
    assert by_id["output"]["body"] == {"n": 2}


async def test_a_child_runs_the_version_that_is_named(stack: Stack) -> None:
    text = "steps: {a: {module: core.set, inputs: {values: {}}}}\noutput: %d"
    child = await stack.deploy(text % 1)
    saved = await stack.http.put(
        f"/workflows/{child}/draft", json={"document": stack.document(text % 2, name=child), "base_revision": 1}
    )
    assert saved.status_code == 200, saved.text
    await stack.http.post(f"/workflows/{child}/deploy", json={})
    assert (await called(stack, child))["output"] == 2
    assert (await called(stack, child, "version: deployed"))["output"] == 2
    assert (await called(stack, child, "version: 1"))["output"] == 1


async def test_without_waiting_a_child_goes_its_own_way(stack: Stack) -> None:
    child = await stack.deploy("steps: {w: {module: core.wait_for_event, inputs: {}}}")
    ran = await called(stack, child, "wait: false")
    assert (ran["status"], set(ran["output"])) == ("succeeded", {"run_id"})
    assert (await answer(stack, ran["output"]["run_id"]))["status"] == "succeeded"


async def test_a_childs_failure_fails_the_step_with_its_error(stack: Stack) -> None:
    child = await stack.deploy("steps: {a: {module: core.fail, inputs: {code: childs.code, message: m}}}")
    ran = await called(stack, child)
    assert ran.said == ("failed", "childs.code")
    assert ran["error"]["step"] == "call"


async def test_a_cancelled_child_fails_the_step_and_cancel_goes_down(stack: Stack) -> None:
    child = await stack.deploy("steps: {w: {module: core.wait, inputs: {duration: 1h}}}")
    parent = await stack.deploy(CALL.replace("$CHILD", child).replace("$MORE", ""))

    async def started() -> tuple[str, str]:
        run_id = await stack.start(parent)
        row = await stack.logged(run_id, "call", "waiting")
        await stack.waits(row["child_run_id"], "timer")
        return run_id, row["child_run_id"]

    run_id, child_id = await started()
    await stack.http.post(f"/runs/{child_id}/cancel")
    assert (await stack.end(run_id)).said == ("failed", "subworkflow.cancelled")
    run_id, child_id = await started()
    await stack.http.post(f"/runs/{run_id}/cancel")
    assert (await stack.end(run_id))["status"] == "cancelled"
    assert (await stack.end(child_id))["status"] == "cancelled"


async def test_a_depth_over_8_fails(stack: Stack) -> None:
    name = "depth"
    await stack.deploy(
        "steps: {call: {module: core.subworkflow, inputs: {workflow: depth, input: '{{ input + 1 }}'}}}", name=name
    )
    ran = await stack.again(name, 0)
    assert ran.said == ("failed", "subworkflow.depth")
    found = (await stack.http.get("/runs", params={"workflow": name})).json()["items"]
    assert sorted(run["input"] for run in found) == list(range(9))  # the root and eight below it


async def test_a_child_runs_in_its_parents_slot(stack: Stack) -> None:
    """A child needs no place of its own under its parent's cap: else a workflow that calls itself would wait for itself."""
    name = "own-slot"
    await stack.deploy(
        """
settings: {max_concurrent_runs: 1, concurrency_key: one}
steps:
  when: {module: core.if, inputs: {condition: "{{ input < 2 }}"}}
  call: {module: core.subworkflow, inputs: {workflow: own-slot, input: "{{ input + 1 }}"}}
edges: "when:true > call"
""",
        name=name,
    )
    assert (await stack.again(name, 0))["status"] == "succeeded"


async def test_a_child_of_another_workflow_waits_for_its_own_key(stack: Stack) -> None:
    child = await stack.deploy("settings: {concurrency_key: one}\nsteps: {w: {module: core.wait_for_event, inputs: {}}}")
    parent = await stack.deploy(CALL.replace("$CHILD", child).replace("$MORE", ""))
    parents = [await stack.start(parent) for _ in range(2)]
    children = [(await stack.logged(run_id, "call", "waiting"))["child_run_id"] for run_id in parents]
    told = [
        (await stack.when(child_id, lambda run: {"event", "key"} & {one["kind"] for one in run["waiting_for"]}))["waiting_for"]
        for child_id in children
    ]
    # Which parent calls first is nobody's promise.
    kinds = [{one["kind"] for one in waiting} for waiting in told]
    assert sorted(kinds, key=sorted) == [{"event"}, {"key"}]
    for _, child_id, parent_id in sorted(zip(map(sorted, kinds), children, parents, strict=True)):
        await answer(stack, child_id)
        assert (await stack.end(parent_id))["status"] == "succeeded"


async def test_an_unknown_child_fails_the_step(stack: Stack) -> None:
    assert (await called(stack, "no-such-flow")).said == ("failed", "subworkflow.unknown")


async def test_replay_from_a_step_takes_over_what_is_not_downstream(stack: Stack) -> None:
    stack.web.answer(
        "POST",
        "/replay/effect",
        Answer.of_json({"n": 1}),
        Answer.of_json({"n": 2}),
        Answer.of_json({"n": 3}),
        Answer.of_json({"n": 4}),
    )
    ran = await stack.run("""
steps:
  before: {module: http.request, inputs: {method: POST, url: "$WEB/replay/effect"}}
  each: {module: core.for_each, inputs: {items: [a, b]}}
  one: {module: core.set, parent: each, inputs: {values: {item: "{{ item }}", n: "{{ steps.before.output.body.n }}"}}}
  two: {module: http.request, parent: each, inputs: {method: POST, url: "$WEB/replay/effect"}}
edges: before > each, one > two
output: "{{ steps.each.output | map(attribute='body') | list }}"
""")
    assert ran["output"] == [{"n": 2}, {"n": 3}]
    asked = await stack.http.post(f"/runs/{ran['run_id']}/replay", json={"from_step": "each[1].two"})
    assert asked.status_code == 202, asked.text
    again = await stack.end(asked.json()["run_id"])
    assert again["output"] == [{"n": 2}, {"n": 4}]
    assert len(stack.asked("/replay/effect")) == 4
    assert {
        path: again.row(path)["mocked"]
        for path in ("before", "each[0].one", "each[0].two", "each[1].one", "each[1].two")
    } == {
        "before": "replay",
        "each[0].one": "replay",
        "each[0].two": "replay",
        "each[1].one": "replay",
        "each[1].two": None,
    }
    problem(await stack.http.post(f"/runs/{ran['run_id']}/replay", json={"from_step": "none"}), 422, "step.unknown")
