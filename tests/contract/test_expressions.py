"""Section 3: the expression language, through the API that evaluates it and through runs."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any

import pytest

from tests.fixtures.http_server import Answer
from tests.fixtures.stack import Document, Stack

SCOPE: Document = {
    "input": {
        "n": 2,
        "s": "text",
        "null": None,
        "list": [1, "x"],
        "o": {"a": {"b": 1}},
        "items": [{"k": 1, "v": "b"}, {"k": 2, "v": "a"}, {"v": None}, {}],
    },
    "d": "2026-03-01T12:00:00Z",
}

EVALUATED: dict[str, Any] = {
    # the value with its type, and mixed text
    "{{ input.n }}": 2,
    "{{ input.list }}": [1, "x"],
    "n={{ input.n }}": "n=2",
    "{{ input.list }}!": '[1,"x"]!',
    "{{ true }}-{{ none }}-{{ input.s }}-{{ {'a': 1} }}": 'true--text-{"a":1}',
    " {{ input.n }}": " 2",
    # what is missing
    "{{ input.none | default(7) }}": 7,
    "{{ input.none.deeper.still | default(7) }}": 7,
    "{{ input.null.deeper | default(7) }}": 7,
    "{{ input.null | default(7) }}": None,
    "{{ input.null | default(7, true) }}": 7,
    "{{ '' | default(7, true) }}": 7,
    "{{ input.none is defined }}": False,
    "{{ input.none.deeper is defined }}": False,
    "{{ input.null is defined }}": True,
    "{{ input.none is undefined }}": True,
    "{{ input['items'] | selectattr('k') | list | length }}": 2,
    "{{ input['items'] | rejectattr('k') | list | length }}": 2,
    "{{ input['items'] | map(attribute='v') | list }}": ["b", "a", None, None],
    "{{ input['items'] | sort_by('k') | map(attribute='k') | list }}": [1, 2, None, None],
    "{{ input['items'] | group_by('k') | map(attribute='key') | list }}": [1, 2, None],
    # operators
    "{{ 7 + 2 * 3 - 1 }}": 12,
    "{{ 7 / 2 }}": 3.5,
    "{{ 7 // 2 }}": 3,
    "{{ 7 % 2 }}": 1,
    "{{ 2 ** 10 }}": 1024,
    "{{ -input.n }}": -2,
    "{{ 'a' ~ 1 }}": "a1",
    "{{ 1 < 2 }}": True,
    "{{ 1 <= 1 and 2 >= 2 and 1 != 2 and 1 == 1 and 2 > 1 }}": True,
    "{{ 'x' in input.list }}": True,
    "{{ 'y' not in input.list }}": True,
    "{{ not true or false }}": False,
    "{{ 'a' if input.n == 2 else 'b' }}": "a",
    "{{ input.list[-1] }}": "x",
    "{{ input.list[:1] }}": [1],
    "{{ input['o']['a'].b }}": 1,
    "{{ [1, {'a': 2}] }}": [1, {"a": 2}],
    "{{ input.items | length }}": 4,
    "{{ 2 is even and 3 is odd }}": True,
    # filters of Jinja
    "{{ -1 | abs }}": 1,
    "{{ [1,2,3] | batch(2) | list }}": [[1, 2], [3]],
    "{{ 'aB' | capitalize }}": "Ab",
    "{{ {'b':1,'a':2} | dictsort }}": [["a", 2], ["b", 1]],
    "{{ [1,2] | first }}": 1,
    "{{ '1.5' | float }}": 1.5,
    "{{ 'a\nb' | indent(1) }}": "a\n b",
    "{{ '7' | int }}": 7,
    "{{ {'a':1} | items | list }}": [["a", 1]],
    "{{ [1,2] | join('-') }}": "1-2",
    "{{ [1,2] | last }}": 2,
    "{{ 'abc' | length }}": 3,
    "{{ 'ab' | list }}": ["a", "b"],
    "{{ 'AB' | lower }}": "ab",
    "{{ ['a'] | map('upper') | list }}": ["A"],
    "{{ [1,3] | max }}": 3,
    "{{ [1,3] | min }}": 1,
    "{{ [1,2] | reject('odd') | list }}": [2],
    "{{ 'aa' | replace('a','b') }}": "bb",
    "{{ [1,2] | reverse | list }}": [2, 1],
    "{{ 2.567 | round(1) }}": 2.6,
    "{{ [1,2] | select('odd') | list }}": [1],
    "{{ [1,2,3] | slice(2) | list }}": [[1, 2], [3]],
    "{{ [2,1] | sort }}": [1, 2],
    "{{ 1 | string }}": "1",
    "{{ [{'n':1},{'n':2}] | sum(attribute='n') }}": 3,
    "{{ 'a b' | title }}": "A B",
    "{{ ' a ' | trim }}": "a",
    "{{ 'abc def ghi' | truncate(7, true, '', 0) }}": "abc def",
    "{{ [1,1] | unique | list }}": [1],
    "{{ 'a' | upper }}": "A",
    "{{ 'a b' | urlencode }}": "a%20b",
    "{{ 'a b' | wordcount }}": 2,
    # ours
    "{{ {'a': [1]} | to_json }}": '{"a":[1]}',
    "{{ '[1]' | from_json }}": [1],
    "{{ '1.5' | to_number }}": 1.5,
    "{{ '7' | to_int }}": 7,
    "{{ 'true' | to_bool }}": True,
    "{{ '01.03.2026 13:00' | to_datetime('%d.%m.%Y %H:%M', 'Europe/Berlin') }}": "2026-03-01T12:00:00Z",
    "{{ d | format_datetime('%H:%M', 'Europe/Berlin') }}": "13:00",
    "{{ d | add_duration('-2h') }}": "2026-03-01T10:00:00Z",
    "{{ d | date_diff('2026-02-28T12:00:00Z', 'days') }}": 1,
    "{{ 'ab' | regex_match('a') }}": True,
    "{{ 'ab' | regex_search('x') }}": None,
    "{{ 'ab' | regex_search('(?P<l>b)') }}": {"match": "b", "groups": ["b"], "named": {"l": "b"}},
    "{{ 'ab' | regex_replace('b', 'c') }}": "ac",
    "{{ 'a' | b64encode }}": "YQ==",
    "{{ 'YQ==' | b64decode }}": "a",
    "{{ 'a' | sha256 }}": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
    "{{ {'a':{'b':1}} | get('a.b', 2) }}": 1,
    "{{ {} | get('a.b', 2) }}": 2,
    "{{ [1,[2,[3]]] | flatten }}": [1, 2, [3]],
    "{{ [1,[2,[3]]] | flatten(2) }}": [1, 2, 3],
    "{{ [1,2] | zip(['a','b']) | list }}": [[1, "a"], [2, "b"]],
    "{{ {'a':1} | keys | list }}": ["a"],
    "{{ {'a':1} | values | list }}": [1],
    "{{ {'a':{'x':1}} | merge({'a':{'y':2}}, deep=true) }}": {"a": {"x": 1, "y": 2}},
    "{{ {'a':1} | merge({'a':2}) }}": {"a": 2},
    "{{ {'a':1,'b':2} | pick('a') }}": {"a": 1},
    "{{ {'a':1,'b':2} | omit('a') }}": {"b": 2},
    "{{ [1,2,3] | chunk(2) }}": [[1, 2], [3]],
    # tests
    "{{ none is none and true is boolean and 1 is number and 'a' is string and {} is mapping and [] is sequence }}": True,
    "{{ 9 is divisibleby 3 and 1 is in [1] and 1 is eq 1 and 1 is ne 2 and 1 is lt 2 and 1 is le 1 and 2 is gt 1 and 1 is ge 1 }}": True,
    "{{ 'ab' is startswith 'a' and 'ab' is endswith 'b' }}": True,
}
EVALUATED["{{ 'a' | hmac_sha256('k') }}"] = hmac.new(b"k", b"a", "sha256").hexdigest()

REFUSED: dict[str, str] = {
    "{{ input.nn }}": "expression.undefined",
    "{{ nothing }}": "expression.undefined",
    "{{ input.null.a }}": "expression.*",
    "{{ input.none == 1 }}": "expression.undefined",
    "{{ input.s.upper }}": "expression.undefined",  # dots reach keys only
    "{{ input.s.upper() }}": "expression.syntax",
    "{{ ''.__class__ }}": "expression.*",
    "{{ input | attr('keys') }}": "expression.filter",
    "{{ [] | random }}": "expression.filter",
    "{{ now() }}": "expression.syntax",
    "{{ 1 + 'a' }}": "expression.type",
    "{{ 1 / 0 }}": "expression.value",
    "{{ 2 ** 64 }}": "expression.*",
    "{{ 'a' * 100000000 }}": "expression.budget",
    "{{ 'aa' | regex_match('(a)\\\\1') }}": "expression.value",  # RE2 has no back-references
    "{{ 1": "expression.syntax",
}


async def evaluate(stack: Stack, expression: str, scope: Document = SCOPE) -> Document:
    answer = await stack.http.post("/expressions/evaluate", json={"expression": expression, "scope": scope})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_expressions_give(stack: Stack) -> None:
    wrong = {}
    found = await asyncio.gather(*[evaluate(stack, text) for text in EVALUATED])
    for (text, expected), answer in zip(EVALUATED.items(), found, strict=True):
        if answer != {"value": expected}:
            wrong[text] = answer
    assert wrong == {}


async def test_what_expressions_refuse(stack: Stack) -> None:
    wrong = {}
    found = await asyncio.gather(*[evaluate(stack, text) for text in REFUSED])
    for (text, code), answer in zip(REFUSED.items(), found, strict=True):
        said = answer.get("error", {}).get("code", answer)
        if said != code and not (code == "expression.*" and str(said).startswith("expression.")):
            wrong[text] = answer
    assert wrong == {}


async def test_an_undefined_name_tells_the_nearest_one(stack: Stack) -> None:
    for text, missing, near in (("{{ input.lst }}", "lst", "list"), ("{{ inptu }}", "inptu", "input")):
        message = (await evaluate(stack, text))["error"]["message"]
        assert f"'{missing}'" in message
        assert f"'{near}'" in message


async def run_value(stack: Stack, value: str, given: object = None, **more: object) -> Any:
    ran = await stack.run(
        f"steps: {{a: {{module: core.set, inputs: {{values: {{v: {value}}}}}}}}}\noutput: '{{{{ steps.a.output.v }}}}'",
        given,
        **more,
    )
    return ran.said


async def test_text_without_braces_and_statements_are_text(stack: Stack) -> None:
    for text in ("plain", "{% if true %}x{% endif %}", "{# not a comment #}", "} }} {"):
        assert await run_value(stack, f"'{text}'") == ("succeeded", text)


async def test_literal_switches_expressions_off(stack: Stack) -> None:
    assert await run_value(stack, "{$literal: {x: '{{ not.parsed('}}") == ("succeeded", {"x": "{{ not.parsed("})
    assert errors_of(
        await stack.findings("steps: {a: {module: core.set, inputs: {values: {v: '{{ not.parsed('}}}}")
    ) == ["expression.syntax"]


def errors_of(findings: list[Document]) -> list[str]:
    return [one["code"] for one in findings if one["severity"] == "error"]


async def test_object_keys_and_data_are_never_parsed(stack: Stack) -> None:
    text = "{{ 1 + 1 }}"
    assert await run_value(stack, '"{{ input }}"', {text: text}) == ("succeeded", {text: text})
    assert await run_value(stack, '{"{{ 1 + 1 }}": 1}') == ("succeeded", {text: 1})


SCOPES = """
triggers: {hook: {module: webhook.trigger}}
steps:
  before: {module: core.set, inputs: {values: {x: 1}}}
  each: {module: core.for_each, inputs: {items: [[a, b], [c]], collect: "{{ steps.inner.output }}"}}
  inner: {module: core.for_each, parent: each, inputs: {items: "{{ item }}"}}
  leaf: {module: core.set, parent: inner, inputs: {values: {item: "{{ item }}", index: "{{ index }}", outer: "{{ loop.parent.item }}", upper: "{{ loop.parent.index }}",
         first: "{{ loop.first }}", last: "{{ loop.last }}", length: "{{ loop.length }}", before: "{{ steps.before.output.x }}"}}}
  count: {module: core.while, inputs: {condition: "{{ loop.state.n < 2 }}", state: {n: 0}}}
  turn: {module: core.set_state, parent: count, inputs: {state: {n: "{{ loop.state.n + 1 }}", at: "{{ index }}"}}}
  run: {module: core.set, inputs: {values: {id: "{{ run.id }}", at: "{{ run.started_at }}", wid: "{{ workflow.id }}", name: "{{ workflow.name }}", version: "{{ workflow.version }}",
        trigger: "{{ trigger.id }}", input: "{{ input }}", var: "{{ vars.SCOPE_VAR }}", began: "{{ steps.before.started_at }}", ended: "{{ steps.before.finished_at }}"}}}
edges: hook > before, before > each, before > count, before > run
"""


async def test_what_is_in_scope(stack: Stack) -> None:
    await stack.http.post("/variables", json={"name": "SCOPE_VAR", "value": {"any": ["json"]}})
    ran = await stack.run(SCOPES, {"n": 1})
    assert ran["status"] == "succeeded", ran["error"]
    leaf = ran.row("each[0].inner[1].leaf")["output"]
    assert leaf == {
        "item": "b",
        "index": 1,
        "outer": ["a", "b"],
        "upper": 0,
        "first": False,
        "last": True,
        "length": 2,
        "before": 1,
    }
    assert ran.row("count")["output"] == {"iterations": 2, "state": {"n": 2, "at": 1}}
    told = ran.row("run")["output"]
    assert told == {
        **told,
        "id": ran["run_id"],
        "wid": ran["workflow_id"],
        "name": ran["workflow"],
        "version": 1,
        "trigger": "hook",
        "input": {"n": 1},
        "var": {"any": ["json"]},
    }
    before = ran.row("before")
    assert (told["began"][:23], told["ended"][:23]) == (before["started_at"][:23], before["finished_at"][:23])
    assert told["at"].endswith("Z")


async def test_variables_are_those_of_the_runs_start(stack: Stack) -> None:
    await stack.http.post("/variables", json={"name": "AT_START", "value": 1})
    name = await stack.deploy(
        "steps: {w: {module: core.wait_for_event, inputs: {}}, a: {module: core.set, inputs: {values: {v: '{{ vars.AT_START }}'}}}}\nedges: w > a"
    )
    run_id = await stack.start(name)
    url = (await stack.waits(run_id, "event"))["resume_url"]
    assert (await stack.http.put("/variables/AT_START", json={"value": 2})).status_code == 200
    await stack.outside.post(url, json={})
    assert (await stack.end(run_id)).row("a")["output"] == {"v": 1}
    assert (await stack.again(name, mocks={"w": {"output": None}})).row("a")["output"] == {"v": 2}


SET = 'module: core.set, inputs: {values: {x: "{{ steps.%s }}"}}'
BODY = "{module: core.set, %sinputs: {values: {}}}"
LOOP = "{module: core.for_each, %sinputs: {items: [1]}}"

# The steps before, the step that reads, the edges; whether the reference may stand.
REACH: list[tuple[str, str, str, bool]] = [
    ("a: " + BODY % "", SET % "a.output", "a > r", True),
    ("a: " + BODY % "" + ", m: " + BODY % "", SET % "a.output", "a > m, m > r", True),
    ("a: " + BODY % "", SET % "a.output", "r > a", False),
    ("a: " + BODY % "", SET % "a.output", "", False),
    ("a: " + BODY % "", SET % "a.status", "", False),
    # enclosing slots
    ("a: " + BODY % "" + ", l: " + LOOP % "", "parent: l, " + SET % "a.output", "a > l", True),
    ("a: " + BODY % "" + ", l: " + LOOP % "", "parent: l, " + SET % "a.output", "", False),
    ("l: " + LOOP % "", "parent: l, " + SET % "l.output", "", False),
    # a loop's inner steps from outside; a try's inner steps downstream of it
    ("l: " + LOOP % "" + ", a: " + BODY % "parent: l, ", SET % "a.output", "l > r", False),
    (
        "l: {module: core.while, inputs: {condition: false}}, a: " + BODY % "parent: l, ",
        SET % "a.output",
        "l > r",
        False,
    ),
    ("l: {module: core.try}, a: " + BODY % "parent: l, ", SET % "a.output", "l > r", True),
    ("l: {module: core.try}, a: " + BODY % "parent: l, slot: catch, ", SET % "a.output", "l > r", True),
    ("l: {module: core.try}, a: " + BODY % "parent: l, ", SET % "a.output", "", False),
    # catch and finally read the body
    ("l: {module: core.try}, a: " + BODY % "parent: l, ", "parent: l, slot: catch, " + SET % "a.output", "", True),
    ("l: {module: core.try}, a: " + BODY % "parent: l, ", "parent: l, slot: finally, " + SET % "a.output", "", True),
    ("l: {module: core.try}, a: " + BODY % "parent: l, slot: catch, ", "parent: l, " + SET % "a.output", "", False),
    # the one reference that needs no edge
    ("a: {module: core.wait_for_event, inputs: {}}", SET % "a.resume_url", "r > a", True),
    ("a: {module: core.wait_for_event, inputs: {}}", SET % "a.output", "r > a", False),
    (
        "l: " + LOOP % "" + ", a: {module: core.wait_for_event, parent: l, inputs: {}}",
        "parent: l, " + SET % "a.resume_url",
        "r > a",
        True,
    ),
    (
        "l: " + LOOP % "" + ", a: {module: core.wait_for_event, parent: l, inputs: {}}",
        SET % "a.resume_url",
        "l > r",
        False,
    ),
]


async def test_the_reach_of_steps(stack: Stack) -> None:
    texts = [f"steps: {{{before}, r: {{{reads}}}}}\nedges: {edges or '[]'}" for before, reads, edges, _ in REACH]
    found = await asyncio.gather(*[stack.findings(text) for text in texts])
    wrong = {}
    for text, findings, (*_, good) in zip(texts, found, REACH, strict=True):
        codes = errors_of(findings)
        if codes != ([] if good else ["reference.unreachable"]):
            wrong[text] = codes
    assert wrong == {}


@pytest.mark.parametrize(
    ("steps", "reads", "good"),
    [
        ("a: " + BODY % "", "a", True),
        ("t: {module: core.try}, a: " + BODY % "parent: t, ", "a", True),
        ("t: {module: core.try}, u: {module: core.try, parent: t}, a: " + BODY % "parent: u, ", "a", True),
        ("l: " + LOOP % "" + ", a: " + BODY % "parent: l, ", "a", False),
        ("q: {module: core.race}, a: " + BODY % "parent: q, ", "a", False),
    ],
)
async def test_the_output_reads_root_steps_and_those_inside_a_root_try(
    stack: Stack, steps: str, reads: str, good: bool
) -> None:
    found = errors_of(
        await stack.findings(f"steps: {{{steps}}}\noutput: '{{{{ steps.{reads}.output | default(none) }}}}'")
    )
    assert found == ([] if good else ["reference.unreachable"])


@pytest.mark.parametrize("name", ["item", "index", "loop", "error"])
async def test_names_of_loops_and_catch_are_not_in_scope_elsewhere(stack: Stack, name: str) -> None:
    assert errors_of(
        await stack.findings(f"steps: {{a: {{module: core.set, inputs: {{values: {{x: '{{{{ {name} }}}}'}}}}}}}}")
    ) == ["reference.unknown"]


async def test_later_and_raw_fields(stack: Stack) -> None:
    modules = {}
    for module, fields in {
        "core.while": {"condition": "later"},
        "core.for_each": {"collect": "later"},
        "webhook.trigger": {"dedupe_key": "later", "schema": "raw"},
        "data.transform": {"expression": "raw"},
        "text.template": {"template": "raw"},
        "core.validate": {"schema": "raw"},
        "core.wait_for_event": {"schema": "raw", "form": "raw"},
    }.items():
        schema = (await stack.http.get(f"/modules/{module}/1")).json()["input_schema"]
        modules[module] = {field: schema["properties"][field].get("x-eval") for field in fields} == fields
    assert set(modules.values()) == {True}, modules
    switch = (await stack.http.get("/modules/core.switch/1")).json()["input_schema"]
    assert switch["properties"]["cases"]["items"]["properties"]["when"]["x-eval"] == "later"


async def test_later_fields_are_evaluated_when_they_are_needed(stack: Stack) -> None:
    ran = await stack.run(
        """
steps:
  s: {module: core.switch, inputs: {value: 1, cases: [{handle: a, equals: 1}, {handle: b, when: "{{ input.none }}"}]}}
  each: {module: core.for_each, inputs: {items: [1, 2], collect: "{{ [item, steps.in.output.v] }}"}}
  in: {module: core.set, parent: each, inputs: {values: {v: "{{ item * 10 }}"}}}
  t: {module: text.template, inputs: {template: "{{ a }}{% if a > 1 %}!{% endif %}", data: {a: "{{ 1 + 1 }}"}}}
output: ["{{ steps.each.output }}", "{{ steps.t.output.text }}"]
""",
        {},
    )
    assert (ran["status"], ran.row("s")["handle"]) == ("succeeded", "a")
    assert ran["output"] == [[[1, 10], [2, 20]], "2!"]


async def test_an_expression_over_its_budget_is_an_error_of_the_step(stack: Stack) -> None:
    status, code = await run_value(stack, "\"{{ input | map('string') | join | length }}\"", list(range(300_000)))
    assert (status, code) == ("failed", "expression.budget")
    status, code = await run_value(stack, '"{{ input * 400 }}"', "x" * 100_000)
    assert (status, code) == ("failed", "expression.budget")


async def test_an_expression_reads_data_that_is_kept_by_reference(stack: Stack) -> None:
    stack.web.answer("GET", "/expr/large", Answer.of_json({"rows": [{"n": n, "text": "x" * 100} for n in range(5000)]}))
    ran = await stack.run("""
steps:
  get: {module: http.request, inputs: {url: "$WEB/expr/large"}}
  when: {module: core.if, inputs: {condition: "{{ steps.get.output.body.rows | length == 5000 }}"}}
  sum: {module: core.set, inputs: {values: {s: "{{ steps.get.output.body.rows | sum(attribute='n') }}"}}}
  each: {module: core.for_each, inputs: {items: "{{ steps.get.output.body.rows[:2] }}"}}
  in: {module: core.set, parent: each, inputs: {values: {n: "{{ item.n }}"}}}
edges: "get > when, when:true > sum, sum > each"
output: ["{{ steps.sum.output.s }}", "{{ steps.get.output.body.rows | last | get('n') }}", "{{ steps.each.output }}"]
""")
    assert ran.said == ("succeeded", [12497500, 4999, [{"n": 0}, {"n": 1}]])
    assert set(ran.row("get")["output"]) == {"$ref", "size", "type"} or "$ref" in str(ran.row("get")["output"])
