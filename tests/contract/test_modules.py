"""Section 4: each module of the first release, its inputs, output and handles."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fixtures.http_server import Answer
from tests.fixtures.stack import Document, Ran, Stack

# effect, idempotent, handles, slots
TABLE: dict[str, tuple[str, list[str], list[str]]] = {
    "core.if": ("none", ["true", "false"], []),
    "core.for_each": ("none", ["out"], ["body"]),
    "core.while": ("none", ["out"], ["body"]),
    "core.set_state": ("none", ["out"], []),
    "core.try": ("none", ["out"], ["body", "catch", "finally"]),
    "core.race": ("none", ["out"], ["body"]),
    "core.set": ("none", ["out"], []),
    "core.wait": ("none", ["out"], []),
    "core.wait_for_event": ("none", ["out", "timeout"], []),
    "core.log": ("none", ["out"], []),
    "core.subworkflow": ("write", ["out"], []),
    "core.respond": ("none", ["out"], []),
    "core.merge": ("none", ["out"], []),
    "core.aggregate": ("none", ["out"], []),
    "core.validate": ("none", ["valid", "invalid"], []),
    "data.transform": ("none", ["out"], []),
    "data.parse": ("by_input", ["out"], []),
    "data.format": ("by_input", ["out"], []),
    "text.template": ("none", ["out"], []),
    "kv.get": ("read", ["out"], []),
    "kv.set": ("write", ["out"], []),
    "kv.delete": ("write", ["out"], []),
    "kv.increment": ("write", ["out"], []),
    "files.read": ("read", ["out"], []),
    "files.write": ("write", ["out"], []),
    "files.delete": ("write", ["out"], []),
}


async def test_every_module_declares_what_the_table_says(stack: Stack) -> None:
    items = (await stack.http.get("/modules", params={"limit": 500})).json()["items"]
    found = {one["module"]: one for one in items}
    assert set(TABLE) | {
        "core.switch",
        "core.stop",
        "core.fail",
        "core.assert",
        "core.break",
        "core.continue",
        "http.request",
        "webhook.trigger",
    } <= set(found)
    for name, (effect, handles, slots) in TABLE.items():
        one = found[name]
        assert (one["effect"], one["handles"], one["slots"]) == (effect, handles, slots), name
        assert one["idempotent"] is True or effect != "write", name
    keys = {
        "module",
        "version",
        "title",
        "effect",
        "idempotent",
        "input_schema",
        "output_schema",
        "handles",
        "slots",
        "timeout",
        "retry",
        "example",
        "manual",
    }
    for one in items:
        whole = (await stack.http.get(f"/modules/{one['module']}/{one['version']}")).json()
        assert keys <= set(whole), one["module"]
        assert whole["manual"]
        assert "inputs" in whole["example"]
        assert whole["input_schema"]


async def only(stack: Stack, module: str, given: object = None, **inputs: object) -> Ran:
    """A run of that one step; what it gave is in its row."""
    document = stack.document("steps: {}", steps={"a": {"module": module, "inputs": inputs}})
    return await stack.run(document, given)


async def gave(stack: Stack, module: str, given: object = None, **inputs: object) -> Any:
    ran = await only(stack, module, given, **inputs)
    assert ran["status"] == "succeeded", ran["error"]
    return ran.row("a")["output"]


async def handle(stack: Stack, module: str, **inputs: object) -> str:
    return (await only(stack, module, **inputs)).row("a")["handle"]


# -- branching


@pytest.mark.parametrize(
    ("condition", "expected"),
    [(True, "true"), (False, "false"), (None, "false"), ("{{ 1 > 2 }}", "false"), ("{{ [1] }}", "true")],
)
async def test_if(stack: Stack, condition: object, expected: str) -> None:
    assert await handle(stack, "core.if", condition=condition) == expected


async def test_switch_takes_the_first_match_else_default(stack: Stack) -> None:
    cases = [
        {"handle": "a", "equals": 1},
        {"handle": "b", "when": "{{ input == 5 }}"},
        {"handle": "c", "equals": {"x": [1]}},
        {"handle": "d", "equals": 1},
    ]
    for value, given, expected in ((1, 0, "a"), (2, 5, "b"), (1, 5, "a"), ({"x": [1]}, 0, "c"), (9, 0, "default")):
        ran = await only(stack, "core.switch", given, value=value, cases=cases)
        assert (ran.row("a")["handle"], ran["status"]) == (expected, "succeeded")
    edges = await stack.findings("""
steps: {s: {module: core.switch, inputs: {value: 1, cases: [{handle: a, equals: 1}]}}, x: {module: core.set, inputs: {values: {}}}}
edges: "s:a > x, s:default > x, s:none > x"
""")
    assert [(one["code"], one["path"]) for one in edges if one["severity"] == "error"] == [
        ("handle.unknown", "/edges/2/handle")
    ]


# -- loops

EACH = """
steps:
  each: {module: core.for_each, inputs: {items: "{{ input.items }}", $MORE}}
  in: {module: core.set, parent: each, inputs: {values: {v: "{{ item }}"}}}
output: "{{ steps.each.output }}"
"""


async def test_for_each_gives_a_list_in_item_order(stack: Stack) -> None:
    name = await stack.deploy(EACH.replace("$MORE", "concurrency: 3"))
    assert (await stack.again(name, {"items": [3, 1, 2]}))["output"] == [{"v": 3}, {"v": 1}, {"v": 2}]
    assert (await stack.again(name, {"items": {"a": 1, "b": 2}}))["output"] == [
        {"v": {"key": "a", "value": 1}},
        {"v": {"key": "b", "value": 2}},
    ]
    assert (await stack.again(name, {"items": []}))["output"] == []
    assert (await stack.again(name, {"items": 7})).said == ("failed", "input.invalid")
    collected = await stack.run(EACH.replace("$MORE", 'collect: "{{ index }}"'), {"items": ["x", "y"]})
    assert collected["output"] == [0, 1]


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_for_each_has_as_many_iterations_at_once_as_it_says(stack: Stack, concurrency: int) -> None:
    now, most = 0, 0

    async def count(_: object) -> Answer:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.1)
        now -= 1
        return Answer.of_json({})

    stack.web.handle("GET", f"/each/{concurrency}", count)
    ran = await stack.run(f"""
steps:
  each: {{module: core.for_each, inputs: {{items: [1, 2, 3, 4, 5, 6], concurrency: {concurrency}}}}}
  in: {{module: http.request, parent: each, inputs: {{url: "$WEB/each/{concurrency}"}}}}
""")
    assert (ran["status"], most) == ("succeeded", concurrency)


async def test_for_each_takes_a_concurrency_of_1_to_500(stack: Stack) -> None:
    for value, good in ((1, True), (500, True), (0, False), (501, False)):
        found = await stack.findings(EACH.replace("$MORE", f"concurrency: {value}"))
        assert ([one["path"] for one in found if one["severity"] == "error"] == []) is good


async def test_for_each_continue_puts_the_error_in_the_items_place(stack: Stack) -> None:
    text = """
steps:
  each: {module: core.for_each, inputs: {items: [1, 0, 2], on_item_error: $HOW}}
  in: {module: core.set, parent: each, inputs: {values: {v: "{{ 4 / item }}"}}}
output: "{{ steps.each.output }}"
"""
    ran = await stack.run(text.replace("$HOW", "continue"))
    good, bad, last = ran["output"]
    assert (good, last, set(bad)) == ({"v": 4.0}, {"v": 2.0}, {"$error"})
    assert (bad["$error"]["code"], bad["$error"]["step"]) == ("expression.value", "each[1].in")
    assert (await stack.run(text.replace("$HOW", "fail"))).said == ("failed", "expression.value")


async def test_break_and_continue_in_for_each(stack: Stack) -> None:
    ran = await stack.run("""
steps:
  each: {module: core.for_each, inputs: {items: [1, 2, 3, 4, 5], collect: "{{ item }}"}}
  skip: {module: core.if, parent: each, inputs: {condition: "{{ item == 2 }}"}}
  go: {module: core.continue, parent: each}
  stop: {module: core.if, parent: each, inputs: {condition: "{{ item == 4 }}"}}
  end: {module: core.break, parent: each}
edges: "skip:true > go, skip:false > stop, stop:true > end"
output: "{{ steps.each.output }}"
""")
    assert ran["output"] == [1, None, 3]
    assert "each[4].skip" not in ran.statuses


async def test_break_cancels_iterations_in_flight(stack: Stack) -> None:
    ran = await stack.run(
        """
steps:
  each: {module: core.for_each, inputs: {items: [slow, quick, end, never], concurrency: 3}}
  which: {module: core.switch, parent: each, inputs: {value: "{{ item }}", cases: [{handle: slow, equals: slow}, {handle: end, equals: end}]}}
  slow: {module: core.wait, parent: each, inputs: {duration: 1h}}
  soon: {module: core.wait, parent: each, inputs: {duration: 300ms}}
  end: {module: core.break, parent: each}
  done: {module: core.set, parent: each, inputs: {values: {item: "{{ item }}"}}}
edges: "which:slow > slow, which:end > soon, soon > end, slow > done, which:default > done"
output: "{{ steps.each.output }}"
""".replace(
            "items: [slow, quick, end, never], concurrency: 3",
            "items: [slow, quick, end], concurrency: 3, collect: '{{ item }}'",
        )
    )
    assert ran["output"] == ["quick"]
    assert ran.statuses["each[0].slow"] == "cancelled"


async def test_while_counts_keeps_state_and_has_a_limit(stack: Stack) -> None:
    text = """
steps:
  w: {module: core.while, inputs: {condition: "{{ loop.state.n < 3 }}", state: {n: 0, kept: {a: 1}}, $MORE}}
  add: {module: core.set_state, parent: w, inputs: {state: {n: "{{ loop.state.n + 1 }}", i: "{{ index }}"}}}
output: "{{ steps.w.output }}"
"""
    assert (await stack.run(text.replace("$MORE", "")))["output"] == {
        "iterations": 3,
        "state": {"n": 3, "i": 2, "kept": {"a": 1}},
    }
    assert (await stack.run(text.replace("$MORE", "max_iterations: 3")))["status"] == "succeeded"
    assert (await stack.run(text.replace("$MORE", "max_iterations: 2"))).said == ("failed", "while.limit")
    none = await stack.run(
        "steps: {w: {module: core.while, inputs: {condition: false}}, x: {module: core.fail, parent: w, inputs: {message: m}}}\noutput: '{{ steps.w.output }}'"
    )
    assert none["output"] == {"iterations": 0, "state": {}}
    usual = await stack.run(
        "steps: {w: {module: core.while, inputs: {condition: true}}, x: {module: core.log, parent: w, inputs: {message: m}}}"
    )
    assert usual.said == ("failed", "while.limit")
    assert "1,000" in usual["error"]["message"] or "1000" in usual["error"]["message"]


async def test_set_state_acts_on_the_nearest_while_and_while_takes_break(stack: Stack) -> None:
    ran = await stack.run("""
steps:
  outer: {module: core.while, inputs: {condition: "{{ index < 2 }}", state: {who: outer}}}
  inner: {module: core.while, parent: outer, inputs: {condition: true, state: {n: 0}}}
  set: {module: core.set_state, parent: inner, inputs: {state: {n: "{{ loop.state.n + 1 }}"}}}
  end: {module: core.if, parent: inner, inputs: {condition: "{{ loop.state.n >= 2 }}"}}
  out: {module: core.break, parent: inner}
edges: "set > end, end:true > out"
output: "{{ steps.outer.output }}"
""")
    assert ran["output"] == {"iterations": 2, "state": {"who": "outer"}}
    assert ran.row("outer[0].inner")["output"]["state"] == {"n": 2}


# -- try, race


async def test_try_gives_status_error_and_output_of_body_or_catch(stack: Stack) -> None:
    text = """
steps:
  t: {module: core.try}
  a: {module: core.assert, parent: t, inputs: {condition: "{{ input.good }}", message: m}}
  b: {module: core.set, parent: t, inputs: {values: {from: body}}}
  c: {module: core.set, parent: t, slot: catch, inputs: {values: {from: catch}}}
edges: a > b
output: "{{ steps.t.output }}"
"""
    name = await stack.deploy(text)
    assert (await stack.again(name, {"good": True}))["output"] == {
        "status": "succeeded",
        "error": None,
        "output": {"from": "body"},
    }
    caught = (await stack.again(name, {"good": False}))["output"]
    assert (caught["status"], caught["error"]["code"], caught["output"]) == (
        "caught",
        "assert.failed",
        {"from": "catch"},
    )
    assert {"code", "message", "step", "details"} <= set(caught["error"])


async def test_race_the_first_sink_that_succeeds_wins_and_all_else_is_cancelled(stack: Stack) -> None:
    ran = await stack.run("""
steps:
  r: {module: core.race}
  bad: {module: core.fail, parent: r, inputs: {code: my.code, message: m}}
  slow: {module: core.wait, parent: r, inputs: {duration: 1h}}
  nap: {module: core.wait, parent: r, inputs: {duration: 20ms}}
  won: {module: core.set, parent: r, inputs: {values: {n: 1}}}
edges: nap > won
output: "{{ steps.r.output }}"
""")
    assert ran.said == ("succeeded", {"winner": "won", "output": {"n": 1}})
    assert (ran.statuses["r.slow"], ran.statuses["r.bad"]) == ("cancelled", "failed")
    lost = await stack.run("""
steps:
  r: {module: core.race}
  bad: {module: core.fail, parent: r, inputs: {code: my.code, message: m}}
  worse: {module: core.fail, parent: r, inputs: {code: my.code, message: m}}
""")
    assert lost.said == ("failed", "my.code")


# -- small ones


async def test_set_wait_log_fail_and_assert(stack: Stack) -> None:
    assert await gave(stack, "core.set", values={"a": [1, None], "b": "{{ 1 + 1 }}"}) == {"a": [1, None], "b": 2}
    assert await gave(stack, "core.wait", duration="10ms") is None
    assert await gave(stack, "core.wait", until="2020-01-01T00:00:00Z") is None
    log = await only(stack, "core.log", level="warning", message="hello", data={"n": 1})
    [line] = log.row("a")["logs"]
    assert (line["level"], line["message"], line["data"]) == ("warning", "hello", {"n": 1})
    failed = await only(stack, "core.fail", code="my.code", message="m", details={"n": 1})
    assert (failed["error"]["code"], failed["error"]["message"], failed["error"]["details"]) == (
        "my.code",
        "m",
        {"n": 1},
    )
    assert (await only(stack, "core.assert", condition="{{ 1 == 1 }}"))["status"] == "succeeded"
    assert (await only(stack, "core.assert", condition=False, message="why")).said == ("failed", "assert.failed")


async def test_a_wait_takes_as_long_as_it_says(stack: Stack) -> None:
    ran = await only(stack, "core.wait", duration="300ms")
    assert 300 <= ran.row("a")["duration_ms"] < 5000


async def test_stop_without_output_leaves_the_documents(stack: Stack) -> None:
    ran = await stack.run(
        "steps: {a: {module: core.stop, inputs: {}}, b: {module: core.wait, inputs: {duration: 1h}}}\noutput: mine"
    )
    assert ran.said == ("succeeded", "mine")


async def test_every_module_of_the_release_has_an_example_that_fits_it(stack: Stack) -> None:
    steps: dict[str, Document] = {}
    for one in (await stack.http.get("/modules", params={"limit": 500})).json()["items"]:
        if one["kind"] != "trigger":
            steps[one["module"].replace(".", "_")] = {
                "module": one["module"],
                "version": one["version"],
                "inputs": one["example"]["inputs"],
            }
    ignored = {"break.outside_loop", "set_state.outside_while", "module.version.old"}
    found = await stack.findings(stack.document("steps: {}", steps=steps))
    assert [
        one
        for one in found
        if one["severity"] == "error" and one["code"] not in ignored and not one["code"].startswith("reference")
    ] == []
