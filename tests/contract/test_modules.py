"""Section 4: each module of the first release, its inputs, output and handles."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fixtures.http_server import Answer
from tests.fixtures.stack import Document, Ran, Stack, problem

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
    "data.parse": ("none", ["out"], []),
    "data.format": ("none", ["out"], []),
    "text.template": ("none", ["out"], []),
    "kv.get": ("read", ["out"], []),
    "kv.set": ("write", ["out"], []),
    "kv.delete": ("write", ["out"], []),
    "kv.increment": ("write", ["out"], []),
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


async def test_merge(stack: Stack) -> None:
    left, right = [{"id": 1, "l": "a"}, {"id": 2, "l": "b"}], [{"id": 1, "r": "x"}, {"id": 3, "r": "y"}]
    assert await gave(stack, "core.merge", strategy="deep", values=[{"a": {"x": 1}}, {"a": {"y": 2}}]) == {
        "a": {"x": 1, "y": 2}
    }
    assert await gave(stack, "core.merge", strategy="shallow", values=[{"a": {"x": 1}}, {"a": {"y": 2}}]) == {
        "a": {"y": 2}
    }
    assert await gave(stack, "core.merge", strategy="concat", values=[[1], [2, 3]]) == [1, 2, 3]
    expected = {
        "inner": [{"id": 1, "l": "a", "r": "x"}],
        "left": [{"id": 1, "l": "a", "r": "x"}, {"id": 2, "l": "b"}],
        "outer": [{"id": 1, "l": "a", "r": "x"}, {"id": 2, "l": "b"}, {"id": 3, "r": "y"}],
        "anti": [{"id": 2, "l": "b"}],
    }
    for how, rows in expected.items():
        assert await gave(stack, "core.merge", strategy="join", values=[left, right], on="id", how=how) == rows


async def test_aggregate(stack: Stack) -> None:
    items = [{"k": "a", "n": 1}, {"k": "b", "n": 5}, {"k": "a", "n": 3}]
    measures = {name: {"op": name, "of": "n"} for name in ("sum", "avg", "min", "max")} | {"count": {"op": "count"}}
    assert await gave(stack, "core.aggregate", items=items, group_by=["k"], measures=measures) == [
        {"k": "a", "sum": 4, "avg": 2, "min": 1, "max": 3, "count": 2},
        {"k": "b", "sum": 5, "avg": 5, "min": 5, "max": 5, "count": 1},
    ]


async def test_validate(stack: Stack) -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    good = await only(stack, "core.validate", data={"n": 1}, schema=schema)
    assert (good.row("a")["handle"], good.row("a")["output"]) == ("valid", {"errors": []})
    bad = await only(stack, "core.validate", data={"n": "x"}, schema=schema)
    assert (bad["status"], bad.row("a")["handle"], len(bad.row("a")["output"]["errors"])) == ("succeeded", "invalid", 1)


async def test_transform(stack: Stack) -> None:
    data = {"lines": [{"n": 1}, {"n": 2}]}
    assert await gave(stack, "data.transform", language="jsonata", expression="$sum(lines.n)", data=data) == 3
    assert await gave(stack, "data.transform", language="jmespath", expression="lines[*].n", data=data) == [1, 2]
    assert await gave(stack, "data.transform", language="jmespath", expression="'{{ raw }}'", data=1) == "{{ raw }}"
    for expression in ("$now()", "$millis()", "$random()", "$eval('1')"):
        assert (await only(stack, "data.transform", language="jsonata", expression=expression, data=1)).said == (
            "failed",
            "data.expression",
        )


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "xml", "yaml"])
async def test_parse_reads_what_format_writes(stack: Stack, form: str) -> None:
    rows: list[Any] = [{"a": "1", "b": 'x,\n"é"'}, {"a": "2", "b": ""}]
    if form == "xml":
        rows = [{"root": {"a": "1", "b": ["x", "y"]}}]
    text = (await gave(stack, "data.format", format=form, rows={"$literal": rows}))["text"]
    parsed = await gave(stack, "data.parse", "x", format=form, text={"$literal": text})
    assert (parsed["rows"], parsed["next"], parsed["total"]) == (rows, None, len(rows))


async def test_parse_goes_page_by_page(stack: Stack) -> None:
    text = "n\n" + "".join(f"{n}\n" for n in range(5))
    first = await gave(stack, "data.parse", format="csv", text=text, limit=2)
    assert first == {"rows": [{"n": "0"}, {"n": "1"}], "next": 2, "total": 5}
    last = await gave(stack, "data.parse", format="csv", text=text, limit=2, offset=4)
    assert last == {"rows": [{"n": "4"}], "next": None, "total": 5}
    assert (await only(stack, "data.parse", format="json", text="{")).said == ("failed", "data.invalid")


async def test_text_template_sees_only_its_data(stack: Stack) -> None:
    template = "{% for x in xs %}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}"
    assert await gave(stack, "text.template", template=template, data={"xs": [1, 2]}) == {"text": "1,2"}
    for hidden in ("{{ input }}", "{{ steps }}", "{{ run.id }}", "{% include 'x' %}", "{{ xs.append(1) }}"):
        ran = (
            await stack.run(
                stack.document(
                    "steps: {}",
                    steps={"a": {"module": "text.template", "inputs": {"template": hidden, "data": {"xs": []}}}},
                )
            )
            if "include" not in hidden and "append" not in hidden
            else None
        )
        if ran is not None:
            assert ran.said == ("failed", "expression.undefined")


async def test_kv(stack: Stack) -> None:
    ran = await stack.run("""
steps:
  none: {module: kv.get, inputs: {key: a}}
  set: {module: kv.set, inputs: {key: a, value: {n: 1}}}
  get: {module: kv.get, inputs: {key: a}}
  again: {module: kv.set, inputs: {key: a, value: 2, if_version: "{{ steps.get.output.version }}"}}
  stale: {module: kv.set, on_error: continue, inputs: {key: a, value: 3, if_version: "{{ steps.get.output.version }}"}}
  one: {module: kv.increment, inputs: {key: c}}
  five: {module: kv.increment, inputs: {key: c, value: 4}}
  type: {module: kv.increment, on_error: continue, inputs: {key: s}}
  text: {module: kv.set, inputs: {key: s, value: x, ttl: 1h}}
  delete: {module: kv.delete, inputs: {key: a}}
  gone: {module: kv.get, inputs: {key: a}}
  shared: {module: kv.set, inputs: {scope: workspace, key: contract-shared, value: 9}}
edges: none > set, set > get, get > again, again > stale, stale > one, one > five, five > text, text > type, type > delete, delete > gone, gone > shared
""")
    outputs = {id_: ran.row(id_)["output"] for id_ in ("none", "set", "get", "again", "one", "five", "delete", "gone")}
    assert outputs["none"] == outputs["gone"] == {"value": None, "version": 0, "found": False}
    assert outputs["set"] == outputs["get"] == {"value": {"n": 1}, "version": 1, "found": True}
    assert (outputs["again"]["value"], outputs["again"]["version"]) == (2, 2)
    assert (ran.row("stale")["error"]["code"], ran.row("type")["error"]["code"]) == ("kv.conflict", "kv.type")
    assert (outputs["one"]["value"], outputs["five"]["value"]) == (1, 5)
    assert outputs["delete"]["found"] is True
    assert await gave(stack, "kv.get", key="contract-shared", scope="workspace") == {
        "value": 9,
        "version": 1,
        "found": True,
    }
    assert (await gave(stack, "kv.get", key="c"))["found"] is False  # another workflow's own store


# -- http.request


async def test_http_request_sends_and_gives(stack: Stack) -> None:
    stack.web.answer("POST", "/http/json", Answer.of_json({"id": 1}, 201, **{"X-Thing": "t"}))
    out = await gave(
        stack,
        "http.request",
        method="POST",
        url=f"{stack.web.url}/http/json",
        json={"a": [1]},
        headers={"x-mine": "m"},
        query={"q": ["1", "2"]},
        auth={"basic": {"username": "u", "password": "p"}},
    )
    assert (out["status"], out["body"], out["headers"]["x-thing"]) == (201, {"id": 1}, "t")
    [request] = stack.asked("/http/json")
    assert (request.body, request.headers["content-type"], request.headers["x-mine"]) == (
        b'{"a":[1]}',
        "application/json",
        "m",
    )
    assert request.path.endswith("?q=1&q=2")
    assert request.headers["authorization"] == "Basic dTpw"
    stack.web.answer("POST", "/http/form", Answer(200, {"content-type": "text/plain"}, "é".encode()))
    form = await gave(
        stack, "http.request", method="POST", url=f"{stack.web.url}/http/form", form={"a": "b c"}, auth={"bearer": "t"}
    )
    assert form["body"] == "é"
    [request] = stack.asked("/http/form")
    assert (request.body, request.headers["content-type"], request.headers["authorization"]) == (
        b"a=b+c",
        "application/x-www-form-urlencoded",
        "Bearer t",
    )
    stack.web.answer("PUT", "/http/multi", Answer(204))
    await gave(
        stack,
        "http.request",
        method="PUT",
        url=f"{stack.web.url}/http/multi",
        multipart=[{"name": "f", "value": "v", "filename": "n.txt"}],
    )
    assert b'name="f"' in stack.asked("/http/multi")[0].body
    stack.web.answer("PATCH", "/http/body", Answer(200))
    await gave(
        stack,
        "http.request",
        method="PATCH",
        url=f"{stack.web.url}/http/body",
        body="raw",
        headers={"content-type": "text/x"},
    )
    assert (stack.asked("/http/body")[0].body, stack.asked("/http/body")[0].headers["content-type"]) == (
        b"raw",
        "text/x",
    )


async def test_http_request_expects_a_status_and_reads_the_body_as_told(stack: Stack) -> None:
    stack.web.answer("GET", "/http/404", Answer.of_json({"why": "gone"}, 404))
    failed = await only(stack, "http.request", url=f"{stack.web.url}/http/404")
    assert failed.said == ("failed", "http.404")
    assert failed["error"]["details"]["status"] == 404
    assert (await gave(stack, "http.request", url=f"{stack.web.url}/http/404", expect_status=["2xx", 404]))["body"] == {
        "why": "gone"
    }
    assert (await gave(stack, "http.request", url=f"{stack.web.url}/http/404", expect_status=404, response="text"))[
        "body"
    ] == '{"why": "gone"}'
    stack.web.answer("GET", "/http/nojson", Answer(200, {"content-type": "text/plain"}, b"no"))
    assert (await only(stack, "http.request", url=f"{stack.web.url}/http/nojson", response="json")).said[
        1
    ] == "http.body"
    stack.web.answer("GET", "/http/from", Answer(302, {"location": "/http/to"}))
    stack.web.answer("GET", "/http/to", Answer.of_json(1))
    assert (await gave(stack, "http.request", url=f"{stack.web.url}/http/from"))["body"] == 1
    assert (
        await gave(stack, "http.request", url=f"{stack.web.url}/http/from", follow_redirects=False, expect_status=302)
    )["status"] == 302


async def test_http_request_goes_through_pages(stack: Stack) -> None:
    def page(request: Any) -> Answer:
        number = int(request.path.rpartition("=")[2]) if "=" in request.path else 1
        return Answer.of_json(
            {"rows": [number], "next": f"{stack.web.url}/http/pages?p={number + 1}" if number < 3 else None}
        )

    stack.web.handle("GET", "/http/pages", page)
    schema = (await stack.http.get("/modules/http.request/1")).json()["input_schema"]["properties"]["pagination"][
        "properties"
    ]
    assert {"next", "items", "max_pages"} <= set(schema)
    ran = await only(
        stack,
        "http.request",
        url=f"{stack.web.url}/http/pages",
        pagination={"next": "{{ body.next }}", "items": "{{ body.rows }}", "max_pages": 5}
        if schema["next"].get("x-eval") == "later"
        else {"next": "next", "items": "rows", "max_pages": 5},
    )
    assert ran["status"] == "succeeded", ran["error"]
    assert ran.row("a")["output"]["body"] == [1, 2, 3]


async def test_private_targets_are_refused_unless_admitted(stack: Stack) -> None:
    for url in ("http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::1]:8080/", "http://192.168.0.1:8080/"):
        assert (await only(stack, "http.request", url=url)).said == ("failed", "http.blocked"), url


# -- webhooks and answers

HOOK = """
triggers: {hook: {module: webhook.trigger, inputs: {$INPUTS}}}
steps: {$STEPS}
edges: $EDGES
output: {out: "{{ input }}"}
"""


def hook(
    inputs: str = "mode: sync", steps: str = "a: {module: core.log, inputs: {message: m}}", edges: str = "hook > a"
) -> str:
    return HOOK.replace("$INPUTS", inputs).replace("$STEPS", steps).replace("$EDGES", edges)


async def test_a_sync_webhook_answers_with_the_output_or_what_respond_gives(stack: Stack) -> None:
    plain = await stack.hook(await stack.deploy(hook()), json={"n": 1})
    assert (plain.status_code, plain.json()) == (200, {"out": {"n": 1}})
    steps = "a: {module: core.respond, inputs: {status: 201, headers: {x-a: b}, body: {ok: true}}}, w: {module: core.wait, inputs: {duration: 1h}}"
    name = await stack.deploy(hook(steps=steps, edges="hook > a, a > w"))
    answer = await stack.hook(name, json={})
    assert (answer.status_code, answer.json(), answer.headers["x-a"]) == (201, {"ok": True}, "b")
    [run] = (await stack.http.get("/runs", params={"workflow": name})).json()["items"]
    await stack.waits(run["run_id"], "timer")  # the run goes on
    row = (await stack.steps(run["run_id"]))[0]
    assert row["output"] == {"delivered": True}
    await stack.http.post(f"/runs/{run['run_id']}/cancel")


async def test_where_nobody_waits_respond_says_so_and_a_second_one_fails(stack: Stack) -> None:
    ran = await only(stack, "core.respond", body=1)
    assert (ran["status"], ran.row("a")["output"]) == ("succeeded", {"delivered": False})
    name = await stack.deploy(hook("mode: async", "a: {module: core.respond, inputs: {body: 1}}"))
    answer = await stack.hook(name, json={})
    assert (answer.status_code, set(answer.json())) == (202, {"run_id"})
    assert (await stack.end(answer.json()["run_id"])).row("a")["output"] == {"delivered": False}
    twice = await stack.deploy(
        hook(
            steps="a: {module: core.respond, inputs: {body: 1}}, b: {module: core.respond, inputs: {body: 2}}",
            edges="hook > a, a > b",
        )
    )
    first = await stack.hook(twice, json={})
    assert (first.status_code, first.json()) == (200, 1)
    [run] = (await stack.http.get("/runs", params={"workflow": twice})).json()["items"]
    assert (await stack.end(run["run_id"])).said == ("failed", "respond.twice")


async def test_sync_answers_of_runs_that_end_otherwise(stack: Stack) -> None:
    failed = problem(
        await stack.hook(
            await stack.deploy(hook(steps="a: {module: core.fail, inputs: {code: x.y, message: m}}")), json={}
        ),
        500,
        "run.failed",
    )
    assert (await stack.get(failed["run_id"]))["status"] == "failed"
    problem(
        await stack.hook(
            await stack.deploy(hook(steps="a: {module: core.stop, inputs: {status: cancelled}}")), json={}
        ),
        409,
        "run.cancelled",
    )
    slow = await stack.deploy(hook("mode: sync, timeout: 300ms", "a: {module: core.wait, inputs: {duration: 800ms}}"))
    late = problem(await stack.hook(slow, json={}), 504, "run.slow")
    assert (await stack.end(late["run_id"]))["status"] == "succeeded"


async def test_webhook_methods_schema_rate_and_unknown_addresses(stack: Stack) -> None:
    name = await stack.deploy(
        hook("mode: async, method: PUT, schema: {type: object, required: [n]}, rate_limit: {count: 2, per: 1h}")
    )
    wrong = problem(await stack.hook(name, json={"n": 1}), 405, "method.not_allowed")
    assert wrong["status"] == 405
    problem(await stack.hook(name, "PUT", json={}), 422, "input.invalid")
    problem(await stack.hook(name, "PUT", trigger="none", json={}), 404, "hook.unknown")
    problem(await stack.hook("no-such-flow", json={}), 404, "hook.unknown")
    codes = [(await stack.hook(name, "PUT", json={"n": 1})).status_code for _ in range(4)]
    assert codes[-1] == 429
    assert 202 in codes


async def test_a_webhook_with_auth_key_takes_a_key_with_the_scope_hook(stack: Stack) -> None:
    name = await stack.deploy(hook("mode: sync, auth: key"))
    made = await stack.http.post("/api-keys", json={"name": "hooks", "role": "viewer", "scopes": ["hook"]})
    assert made.status_code == 201
    key = made.json()["key"]
    bare = (await stack.http.post("/api-keys", json={"name": "bare", "role": "viewer"})).json()["key"]
    assert (await stack.hook(name, json={})).status_code == 401
    assert (await stack.hook(name, json={}, headers={"authorization": "Bearer nonsense"})).status_code == 401
    assert (await stack.hook(name, json={}, headers={"x-api-key": bare})).status_code == 403
    assert (await stack.hook(name, json={}, headers={"authorization": f"Bearer {key}"})).status_code == 200
    assert (await stack.hook(name, json={}, headers={"x-api-key": key})).status_code == 200
    assert key not in str((await stack.http.get("/runs", params={"workflow": name})).json())


async def test_a_webhook_with_the_same_dedupe_key_gets_the_first_answer(stack: Stack) -> None:
    for mode in ("sync", "async"):
        name = await stack.deploy(hook(f"mode: {mode}, dedupe_key: '{{{{ trigger.body.id }}}}'"))
        answers = [await stack.hook(name, json={"id": 7, "n": n}) for n in range(3)]
        assert {answer.text for answer in answers} == {answers[0].text}
        other = await stack.hook(name, json={"id": 8})
        assert other.status_code == answers[0].status_code
        assert len((await stack.http.get("/runs", params={"workflow": name})).json()["items"]) == 2


async def test_a_draft_runs_by_its_hook_only_with_a_key(stack: Stack) -> None:
    name = await stack.create(hook())
    problem(await stack.hook(name, json={}), 404, "hook.unknown")
    assert (await stack.hook(name, json={}, params={"version": "draft"})).status_code == 401
    key = (await stack.http.post("/api-keys", json={"name": "hooks", "role": "viewer", "scopes": ["hook"]})).json()[
        "key"
    ]
    assert (await stack.hook(name, json={"n": 1}, params={"version": "draft"}, headers={"x-api-key": key})).json() == {
        "out": {"n": 1}
    }


async def test_paused_and_deleted_workflows_answer_404_and_410(stack: Stack) -> None:
    name = await stack.deploy(hook())
    await stack.http.patch(f"/workflows/{name}", json={"status": "paused"})
    problem(await stack.hook(name, json={}), 404, "workflow.paused")
    await stack.http.patch(f"/workflows/{name}", json={"status": "active"})
    assert (await stack.hook(name, json={})).status_code == 200
    await stack.http.delete(f"/workflows/{name}")
    problem(await stack.hook(name, json={}), 410, "workflow.deleted")


# -- core.wait_for_event

EVENT = """
steps:
  mail: {module: core.set, inputs: {values: {url: "{{ steps.ask.resume_url }}"}}}
  hold: {module: core.wait, inputs: {duration: 300ms}}
  ask: {module: core.wait_for_event, inputs: {$INPUTS}}
edges: mail > hold, hold > ask
output: "{{ steps.ask.output }}"
"""


async def url_of(stack: Stack, run_id: str) -> str:
    return (await stack.logged(run_id, "mail", "succeeded"))["output"]["url"]


async def test_a_post_that_comes_early_is_kept_and_a_second_is_409(stack: Stack) -> None:
    run_id = await stack.start(await stack.deploy(EVENT.replace("$INPUTS", "").replace("300ms", "1500ms")))
    url = await url_of(stack, run_id)
    shown = await stack.outside.get(url)
    assert shown.status_code == 200  # looking never resumes
    early = await stack.outside.post(url, json={"early": True})
    assert (early.status_code, early.json()) == (200, {"run_id": run_id})
    assert (await stack.outside.post(url, json={})).status_code == 409
    assert (await stack.end(run_id)).said == ("succeeded", {"early": True})


async def test_the_body_is_checked_against_the_schema(stack: Stack) -> None:
    name = await stack.deploy(EVENT.replace("$INPUTS", "schema: {type: object, required: [ok]}"))
    run_id = await stack.start(name)
    wait = await stack.waits(run_id, "event", "ask")
    assert (
        wait["resume_url"]
        == await url_of(stack, run_id)
        == (await stack.logged(run_id, "ask", "waiting"))["resume_url"]
    )
    problem(await stack.outside.post(wait["resume_url"], json={}), 422, "input.invalid")
    form = await stack.outside.post(wait["resume_url"], data={"ok": "yes"})
    assert form.status_code == 200
    assert (await stack.end(run_id))["output"] == {"ok": "yes"}
    assert (await stack.outside.post(wait["resume_url"], json={"ok": 1})).status_code in {409, 410}
    problem(await stack.outside.post("/resume/nonsense", json={}), 404, "resume.unknown")


async def test_after_the_timeout_the_handle_or_the_error(stack: Stack) -> None:
    failed = await stack.run(EVENT.replace("$INPUTS", "timeout: 200ms"))
    assert failed.said == ("failed", "event.timeout")
    text = EVENT.replace("$INPUTS", "timeout: 200ms").replace(
        "edges: mail > hold, hold > ask", 'edges: "mail > hold, hold > ask, ask:timeout > late"'
    )
    ran = await stack.run(
        text.replace("  mail:", "  late: {module: core.set, inputs: {values: {}}}\n  mail:").replace(
            'output: "{{ steps.ask.output }}"', ""
        )
    )
    assert (ran["status"], ran.row("ask")["handle"], ran.statuses["late"]) == ("succeeded", "timeout", "succeeded")
    over = await stack.outside.post(ran.row("mail")["output"]["url"], json={})
    problem(over, 410, "resume.over")


async def test_each_iteration_has_an_address_of_its_own(stack: Stack) -> None:
    name = await stack.deploy("""
steps:
  each: {module: core.for_each, inputs: {items: [a, b], concurrency: 2}}
  ask: {module: core.wait_for_event, parent: each, inputs: {}}
output: "{{ steps.each.output }}"
""")
    run_id = await stack.start(name)
    for path, body in (("each[1].ask", 2), ("each[0].ask", 1)):
        url = (await stack.waits(run_id, "event", path))["resume_url"]
        assert (await stack.outside.post(url, json={"n": body})).status_code == 200
    assert (await stack.end(run_id))["output"] == [{"n": 1}, {"n": 2}]


async def test_every_module_of_the_release_has_an_example_that_fits_it(stack: Stack) -> None:
    steps: dict[str, Document] = {}
    for one in (await stack.http.get("/modules", params={"limit": 500})).json()["items"]:
        if one["module"] != "webhook.trigger":
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
