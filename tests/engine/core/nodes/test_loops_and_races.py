"""`core.while`, `core.set_state`, `core.race`."""

from __future__ import annotations

from engine.core.records import RunStatus
from tests.engine.core.fake import Answer, World, document, http, run, step


def count_to(n: int, **inputs: object) -> dict[str, object]:
    return document(
        {
            "w": step("while", {"condition": f"{{{{ loop.state.n < {n} }}}}", "state": {"n": 0, "x": 1}, **inputs}),
            "add": step("set_state", {"state": {"n": "{{ loop.state.n + 1 }}", "last": "{{ index }}"}}, parent="w"),
        },
        output="{{ steps.w.output }}",
    )


async def test_state_goes_from_one_iteration_to_the_next() -> None:
    ran = await run(count_to(3))
    assert ran.end.output == {"iterations": 3, "state": {"n": 3, "x": 1, "last": 2}}
    assert ran.output("w[1].add") == {"n": 2, "x": 1, "last": 1}


async def test_a_condition_that_never_ends_is_stopped() -> None:
    ran = await run(count_to(10**9, max_iterations=5))
    assert (ran.code, ran.end.error.step) == ("while.limit", "w")
    assert (await run(count_to(5, max_iterations=5))).end.output["iterations"] == 5


async def test_steps_do_not_persist_between_iterations() -> None:
    doc = document(
        {
            "w": step("while", {"condition": "{{ index < 2 }}"}),
            "a": step("set", {"values": {"before": "{{ steps.b.status }}"}}, parent="w"),
            "b": step("log", {"message": "x"}, parent="w"),
        },
        ["a b"],
    )
    ran = await run(doc)
    assert ran.output("w[1].a") == {"before": "pending"}


async def test_break_and_continue_in_a_while() -> None:
    doc = document(
        {
            "w": step("while", {"condition": True, "state": {"n": 0}}),
            "add": step("set_state", {"state": {"n": "{{ loop.state.n + 1 }}"}}, parent="w"),
            "enough": step("if", {"condition": "{{ loop.state.n >= 3 }}"}, parent="w"),
            "leave": step("break", parent="w"),
            "again": step("continue", parent="w"),
            "never": step("fail", {"message": "no"}, parent="w"),
            "more": step("log", {"message": "x"}, parent="w"),
        },
        ["add enough", "enough.true leave", "enough.false again", "again.out never", "enough.false more"],
        output="{{ steps.w.output }}",
    )
    ran = await run(doc)
    assert ran.end.output == {"iterations": 2, "state": {"n": 3}}


async def test_of_two_changes_at_once_the_last_to_finish_wins() -> None:
    doc = document(
        {
            "w": step("while", {"condition": "{{ index < 1 }}"}),
            "ga": http(parent="w"),
            "gb": http(parent="w"),
            "a": step("set_state", {"state": {"who": "a"}}, parent="w"),
            "b": step("set_state", {"state": {"who": "b"}}, parent="w"),
        },
        ["ga a", "gb b"],
        output="{{ steps.w.output.state.who }}",
    )
    world = World(answer=lambda call, made: Answer(1, seconds=2 if call.step == "ga" else 1))
    assert (await run(doc, world=world)).end.output == "a"


def race(**answers: tuple[float, str | None]) -> tuple[dict[str, object], World]:
    doc = document(
        {"r": step("race"), **{name: http("POST", parent="r") for name in answers}}, output="{{ steps.r.output }}"
    )
    return doc, World(
        answer=lambda call, made: Answer(call.step, error=answers[call.step][1], seconds=answers[call.step][0])
    )


async def test_the_first_success_wins_and_all_else_is_cancelled() -> None:
    doc, world = race(a=(3, None), b=(2, None), c=(1, "http.404"))
    ran = await run(doc, world=world)
    assert ran.end.output == {"winner": "b", "output": "b"}
    assert ran.statuses() == {"r": "succeeded", "r.a": "cancelled", "r.b": "succeeded", "r.c": "failed"}
    assert ran.seconds == 2


async def test_a_race_that_nobody_wins_fails_with_the_last_error() -> None:
    doc, world = race(a=(3, "http.404"), b=(1, "http.422"))
    ran = await run(doc, world=world)
    assert (ran.status, ran.code, ran.end.error.step) == (RunStatus.FAILED, "http.404", "r.a")


async def test_only_the_last_step_of_a_branch_wins() -> None:
    doc = document(
        {"r": step("race"), "a1": http(parent="r"), "a2": http(parent="r"), "b": http(parent="r")},
        ["a1 a2"],
        output="{{ steps.r.output.winner }}",
    )
    world = World(answer=lambda call, made: Answer(1, seconds={"a1": 1, "a2": 1, "b": 3}[call.step]))
    assert (await run(doc, world=world)).end.output == "a2"


async def test_a_branch_that_fails_on_the_spot_ends_nobody_elses() -> None:
    bad = step("fail", {"code": "at.once", "message": "no"}, parent="r")
    doc = document({"r": step("race"), "bad": bad, "b": http(parent="r")}, output="{{ steps.r.output.winner }}")
    assert (await run(doc, world=World(answer=lambda call, made: Answer(1, seconds=3)))).end.output == "b"
    lost = await run(document({"r": step("race"), "bad": bad, "worse": bad}))
    assert (lost.status, lost.code) == (RunStatus.FAILED, "at.once")
