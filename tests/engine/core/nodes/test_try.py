"""`core.try`: catch, finally, what they see, and the ways past them."""

from __future__ import annotations

import pytest

from engine.core.records import RunStatus
from tests.engine.core.fake import Answer, World, document, http, run, step


def fail(code: str = "my.error", **keys: object) -> dict[str, object]:
    return step("fail", {"code": code, "message": "no"}, **keys)


def tried(**steps: dict[str, object]) -> dict[str, object]:
    """A root try `t`, a step `after` it, and the given inner steps."""
    return document({"t": step("try"), **steps}, output="{{ steps.t.output }}")


async def test_a_body_that_succeeds() -> None:
    doc = tried(a=step("set", {"values": {"n": 1}}, parent="t"), c=fail(parent="t", slot="catch"))
    ran = await run(doc)
    assert ran.end.output == {"status": "succeeded", "error": None, "output": {"n": 1}}
    assert set(ran.statuses()) == {"t", "t.a"}


async def test_catch_sees_the_error_and_the_steps_of_the_body() -> None:
    doc = tried(
        a=step("set", {"values": {"n": 1}}, parent="t"),
        b=fail(parent="t"),
        c=step("set", {"values": {"e": "{{ error }}", "a": "{{ steps.a.output.n }}"}}, parent="t", slot="catch"),
    )
    doc["edges"] = [{"from": "a", "to": "b"}]
    ran = await run(doc)
    assert ran.status is RunStatus.SUCCEEDED
    caught = ran.output("t.c")
    assert caught["a"] == 1
    assert {key: caught["e"][key] for key in ("code", "message", "step", "details")} == {
        "code": "my.error",
        "message": "no",
        "step": "t.b",
        "details": {},
    }
    assert ran.end.output["status"] == "caught"
    assert ran.end.output["error"]["step"] == "t.b"
    assert ran.end.output["output"] == caught


async def test_the_first_error_counts_and_the_siblings_are_cancelled() -> None:
    doc = tried(a=http(parent="t"), b=http(parent="t"), c=step("log", {"message": "x"}, parent="t", slot="catch"))
    world = World(
        answer=lambda call, made: Answer(
            1, error="http.404" if call.step == "b" else None, seconds=3 if call.step == "a" else 1
        )
    )
    ran = await run(doc, world=world)
    assert ran.statuses() == {"t": "succeeded", "t.a": "cancelled", "t.b": "failed", "t.c": "succeeded"}


async def test_without_catch_the_try_fails_after_finally() -> None:
    doc = tried(a=fail(parent="t"), f=step("set", {"values": {"code": "{{ error.code }}"}}, parent="t", slot="finally"))
    ran = await run(doc)
    assert (ran.status, ran.code, ran.end.error.step) == (RunStatus.FAILED, "my.error", "t.a")
    assert ran.output("t.f") == {"code": "my.error"}
    assert ran.row("t").status.value == "failed"


async def test_finally_sees_null_where_nothing_went_wrong() -> None:
    doc = tried(
        a=step("set", {"values": {}}, parent="t"),
        f=step("set", {"values": {"none": "{{ error is none }}"}}, parent="t", slot="finally"),
    )
    assert (await run(doc)).output("t.f") == {"none": True}


async def test_an_error_in_catch_replaces_the_first_and_finally_still_runs() -> None:
    doc = tried(
        a=fail("first", parent="t"),
        c=fail("second", parent="t", slot="catch"),
        f=step("log", {"message": "x"}, parent="t", slot="finally"),
    )
    ran = await run(doc)
    assert (ran.code, ran.end.error.step) == ("second", "t.c")
    assert ran.statuses()["t.f"] == "succeeded"


async def test_what_the_try_gives_goes_by_its_on_error() -> None:
    doc = document(
        {
            "t": step("try", on_error="branch"),
            "a": fail(parent="t"),
            "rescue": step("set", {"values": {"c": "{{ steps.t.error.code }}"}}),
        },
        ["t.error rescue"],
    )
    assert (await run(doc)).output("rescue") == {"c": "my.error"}


async def test_later_steps_read_inside_of_a_try() -> None:
    doc = document(
        {
            "t": step("try"),
            "u": step("try", parent="t"),
            "a": step("set", {"values": {"n": 4}}, parent="u"),
            "after": step("set", {"values": {"n": "{{ steps.a.output.n }}", "u": "{{ steps.u.status }}"}}),
        },
        ["t after"],
        output="{{ steps.a.output.n }}",
    )
    ran = await run(doc)
    assert ran.output("after") == {"n": 4, "u": "succeeded"}
    assert ran.end.output == 4


@pytest.mark.parametrize("way", ["stop", "cancel", "timeout", "run_timeout"])
async def test_finally_runs_and_catch_does_not_when_the_run_ends_from_elsewhere(way: str) -> None:
    doc = tried(
        a=http(parent="t", timeout="1h"),
        c=step("log", {"message": "x"}, parent="t", slot="catch"),
        f=http(parent="t", slot="finally"),
        s=step("wait", {"duration": "5s"}),
        z=step("stop", {"output": "early"}),
    )
    doc["edges"] = [{"from": "s", "to": "z"}]
    keys: dict[str, object] = {}
    if way != "stop":
        del doc["steps"]["s"], doc["steps"]["z"]
        doc["edges"] = []
    if way == "cancel":
        keys["cancel_at"] = 5.0
    if way == "timeout":
        doc["steps"]["t"]["timeout"] = 5
    if way == "run_timeout":
        keys["deadline"] = 1_700_000_005.0
    world = World(answer=lambda call, made: Answer(1, seconds=2 if call.step == "f" else 600))
    ran = await run(doc, world=world, **keys)  # type: ignore[arg-type]
    assert ran.seconds == 7
    assert ran.statuses()["t.a"] == "cancelled"
    assert ran.statuses()["t.f"] == "succeeded"
    assert "t.c" not in ran.statuses()
    expected = {"stop": "succeeded", "cancel": "cancelled", "timeout": "failed", "run_timeout": "timed_out"}
    assert ran.end.status.value == expected[way]
    assert ran.end.output == ("early" if way == "stop" else None)
    if way == "run_timeout":
        assert ran.code == "run.timeout"


async def test_a_finally_has_only_the_time_that_the_settings_give_it_when_the_run_is_cancelled() -> None:
    doc = tried(a=http(parent="t", timeout="1h"), f=http(parent="t", slot="finally", timeout="1h"))
    doc["settings"] = {"finally_timeout": "3s"}
    ran = await run(doc, world=World(answer=lambda call, made: Answer(1, seconds=600)), cancel_at=10)
    assert (ran.end.status.value, ran.seconds) == ("cancelled", 13)
    assert ran.statuses() == {"t": "cancelled", "t.a": "cancelled", "t.f": "cancelled"}


async def test_nested_finallys_run_from_the_inside_out() -> None:
    doc = document(
        {
            "t": step("try"),
            "u": step("try", parent="t"),
            "a": http(parent="u", timeout="1h"),
            "fu": http(parent="u", slot="finally"),
            "ft": http(parent="t", slot="finally"),
        }
    )
    world = World(answer=lambda call, made: Answer(1, seconds=1 if call.step != "a" else 99))
    ran = await run(doc, world=world, cancel_at=5)
    assert [call.path for call in world.calls] == ["t.u.a", "t.u.fu", "t.ft"]
    assert ran.end.status.value == "cancelled"
