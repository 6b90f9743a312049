"""The constructs that end at once: if, switch, set, stop, fail, assert, log, respond, text.template, and pure modules."""

from __future__ import annotations

import pytest

from engine.core.records import RunStatus
from engine.expressions.values import Ref
from tests.engine.core.fake import Answer, World, document, http, run, step


@pytest.mark.parametrize(
    ("value", "handle"),
    [(True, "true"), (0, "false"), ("", "false"), ([0], "true"), (None, "false"), ("{{ input > 3 }}", "true")],
)
async def test_if(value: object, handle: str) -> None:
    assert (await run(document({"a": step("if", {"condition": value})}), 4)).row("a").handle == handle


@pytest.mark.parametrize(
    ("value", "handle"),
    [("fr", "french"), (1, "one"), (True, "default"), (50, "large"), ("de", "default"), (1.0, "one")],
)
async def test_switch(value: object, handle: str) -> None:
    cases = [
        {"handle": "french", "equals": "fr"},
        {"handle": "one", "equals": 1},
        {"handle": "large", "when": "{{ input is number and input > 10 }}"},
        {"handle": "never", "when": "{{ input.nothing.here | default(false) }}"},
    ]
    ran = await run(document({"a": step("switch", {"value": "{{ input }}", "cases": cases})}), value)
    assert ran.row("a").handle == handle


async def test_cases_after_the_match_are_not_evaluated() -> None:
    cases = [{"handle": "yes", "when": "{{ true }}"}, {"handle": "boom", "when": "{{ nothing }}"}]
    ran = await run(document({"a": step("switch", {"cases": cases})}))
    assert ran.row("a").handle == "yes"


@pytest.mark.parametrize(("status", "output"), [("succeeded", {"n": 1}), ("cancelled", {"n": 1})])
async def test_stop_ends_the_run_from_any_depth(status: str, output: object) -> None:
    doc = document(
        {
            "each": step("for_each", {"items": [1, 2]}),
            "t": step("try", parent="each"),
            "end": step("stop", {"status": status, "output": {"n": "{{ item }}"}}, parent="t"),
            "beside": http(),
            "after": http(),
        },
        ["each after"],
        output="never",
    )
    ran = await run(doc, world=World(answer=lambda call, made: Answer(1, seconds=9)))
    assert (ran.end.status.value, ran.end.output, ran.seconds) == (status, output, 0)
    assert ran.row("each[0].t.end").status.value == "succeeded"
    assert "after" not in ran.statuses()


async def test_stop_without_output_gives_the_documents() -> None:
    ran = await run(
        document({"a": step("set", {"values": {"n": 2}}), "s": step("stop")}, ["a s"], output="{{ steps.a.output }}")
    )
    assert ran.end.output == {"n": 2}


async def test_fail_and_assert() -> None:
    ran = await run(
        document({"a": step("fail", {"code": "x.y", "message": "why", "details": {"n": "{{ input }}"}})}), 7
    )
    assert (ran.code, ran.end.error.message, ran.end.error.details) == ("x.y", "why", {"n": 7})
    ran = await run(document({"a": step("assert", {"condition": "{{ input > 8 }}", "message": "too small"})}), 7)
    assert (ran.code, ran.end.error.message) == ("assert.failed", "too small")
    assert (
        await run(document({"a": step("assert", {"condition": "{{ input < 8 }}"})}), 7)
    ).status is RunStatus.SUCCEEDED


async def test_log_writes_a_line() -> None:
    ran = await run(
        document({"a": step("log", {"level": "warning", "message": "n is {{ input }}", "data": {"x": 1}})}), 7
    )
    (line,) = ran.row("a").logs
    assert (line.level, line.message, line.data) == ("warning", "n is 7", {"x": 1})


async def test_a_run_answers_once() -> None:
    doc = document(
        {
            "a": step("respond", {"status": 201, "headers": {"x": "y"}, "body": "{{ input }}"}),
            "b": step("respond"),
            "c": http(),
        },
        ["a b", "a c"],
    )
    doc["steps"]["b"]["on_error"] = "continue"
    ran = await run(doc, {"n": 1})
    assert [(answer.status, answer.headers, answer.body) for answer in ran.world.responses] == [
        (201, {"x": "y"}, {"n": 1})
    ]
    assert ran.output("a") == {"delivered": True}
    assert ran.row("b").error.code == "respond.twice"
    assert ran.statuses()["c"] == "succeeded"


async def test_text_template() -> None:
    inputs = {"template": "{% for x in xs %}{{ x }};{% endfor %}", "data": {"xs": "{{ input }}"}}
    assert (await run(document({"a": step("text.template", inputs)}), [1, 2])).output("a") == {"text": "1;2;"}


async def test_a_pure_module_runs_without_a_call_and_over_references_with_one() -> None:
    doc = document({"a": step("merge", {"values": [{"x": 1}, "{{ input }}"], "strategy": "shallow"})})
    ran = await run(doc, {"y": 2})
    assert (ran.output("a"), ran.world.calls) == ({"x": 1, "y": 2}, [])
    world = World(store={"r": {"y": 2}}, answer=lambda call, made: Answer(lambda inputs: inputs["values"]))
    ran = await run(doc, Ref("r", 100_000, "object"), world=world)
    assert ran.output("a") == [{"x": 1}, {"y": 2}]
    assert [call.module for call in world.calls] == ["core.merge"]


async def test_a_reference_passes_through_and_is_looked_into_elsewhere() -> None:
    world = World(store={"r": {"n": 5, "big": [1, 2]}})
    doc = document(
        {
            "a": step("set", {"values": {"all": "{{ input }}"}}),
            "b": step("if", {"condition": "{{ input.n > 3 }}"}),
            "c": step("text.template", {"template": "{{ n }}", "data": "{{ input }}"}),
        },
        output="{{ input.big }}",
    )
    reference = Ref("r", 100_000, "object")
    ran = await run(doc, reference, world=world)
    assert ran.output("a") == {"all": reference}
    assert ran.row("b").handle == "true"
    assert ran.output("c") == {"text": "5"}
    assert ran.end.output == [1, 2]


async def test_a_pure_module_that_is_not_installed_fails_its_step() -> None:
    from engine.core.interpreter import Run
    from tests.engine.core.fake import Fake, plan_of, start_of

    plan = plan_of(document({"a": step("merge", {"values": [], "strategy": "concat"})}))
    end = await Run(plan, start_of(), Fake(World()), {}).execute()
    assert end.error is not None
    assert end.error.code == "module.unknown"
