"""`throttle`: each attempt waits for its turn, says so, holds nothing, and counts its time from there."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.effects import RunOptions
from engine.core.from_rows import from_rows
from engine.core.records import StepRecord
from engine.expressions.values import Ref
from tests.engine.core.fake import BEGIN, Answer, World, document, http, plan_of, run, run_in_pieces, step
from tests.engine.core.test_taking_up import rows_of

CRM: dict[str, Any] = {"key": "crm", "count": 2, "per": "1m"}


def loop(throttle: dict[str, Any] = CRM, items: int = 5, **keys: Any) -> dict[str, Any]:
    return document(
        {
            "each": step("for_each", {"items": list(range(items)), "concurrency": items}),
            "x": http("POST", parent="each", throttle=throttle, **keys),
        }
    )


def begun(world: World) -> list[float]:
    """When the calls were made, in seconds from the beginning."""
    return [round(call.started_at - BEGIN) for call in world.calls]


def waits(world: World) -> list[StepRecord]:
    return [row for row in world.order if row.wait == "throttle"]


async def test_no_more_begin_in_a_window_than_the_throttle_says_and_the_others_say_why_they_wait() -> None:
    ran = await run(loop())
    assert begun(ran.world) == [0, 0, 60, 60, 120]
    assert [row.path for row in waits(ran.world)] == ["each[2].x", "each[3].x", "each[4].x"]
    assert [round((row.wait_until or 0) - BEGIN) for row in waits(ran.world)] == [60, 60, 120]
    assert {row.wait_reason for row in waits(ran.world)} == {"at most 2 starts per 1 m share the key 'crm'"}
    assert ran.row("each[4].x").started_at == pytest.approx(BEGIN + 120, abs=0.1)
    assert (0.01, 0) in [(round(at - BEGIN, 2), count) for at, count in ran.world.parked], "nothing is held meanwhile"


async def test_a_turn_is_taken_by_each_attempt_and_its_time_limit_begins_with_it() -> None:
    world = World(answer=lambda call, made: Answer(error="http.503") if made == 0 else Answer("ok", seconds=9.0))
    retry = {"max_attempts": 3, "initial": "1s", "jitter": 0}
    doc = document({"x": http(throttle={**CRM, "count": 1}, timeout="10s", retry=retry)}, output="{{ steps.x.output }}")
    ran = await run(doc, world=world)
    assert (ran.output("x"), begun(world)) == ("ok", [0, 60])
    slow = World(answer=lambda call, made: Answer("late", seconds=11.0))
    assert (await run(loop(items=1, timeout="10s"), world=slow)).code == "http.timeout"


async def test_any_step_can_be_throttled() -> None:
    steps: dict[str, Any] = {
        "a": step("set", {"values": {"n": 1}}),
        "b": step("wait", {"duration": "5s"}),
        "c": step("for_each", {"items": [1, 2]}),
        "i": step("set", {"values": {"n": "{{ item }}"}}, parent="c"),
    }
    for one in ("a", "b", "c"):
        steps[one]["throttle"] = {"key": "{{ run.id }}", "count": 1, "per": 60}
    ran = await run(document(steps, ["a b", "b c"]))
    assert ran.end.status == "succeeded"
    assert ran.row("b").finished_at == pytest.approx(BEGIN + 65, abs=0.1), "the wait begins after the turn"
    assert [round(ran.row(path).started_at - BEGIN) for path in ("a", "b", "c", "c[1].i")] == [
        0,
        60,
        120,
        120,
    ]


async def test_keys_are_values_of_the_step_and_a_bad_one_is_the_steps_error() -> None:
    per_item = {"key": "{{ item }}", "count": 1, "per": "1h"}
    ran = await run(loop(per_item))
    assert begun(ran.world) == [0, 0, 0, 0, 0]
    assert sorted(ran.world.turns) == ["0", "1", "2", "3", "4"]
    bad = await run(loop({**per_item, "key": "{{ item.missing.deep }}"}, items=1))
    assert (bad.code, bad.world.calls) == ("expression.undefined", [])
    large = await run(loop({**per_item, "key": "{{ trigger.body }}"}, items=2), body={"text": "x" * 5000})
    [key] = large.world.turns
    assert key.startswith("sha256:")
    assert all(len(row.wait_reason or "") < 150 for row in waits(large.world))
    kept = World(store={"r1": {"text": "x"}})
    assert (
        await run(loop({**per_item, "key": "{{ trigger.body }}"}, items=1), Ref("r1", 100_000, "object"), world=kept)
    ).end.status == "succeeded"
    assert list(kept.turns) == ['{"text":"x"}']


async def test_cancelled_while_it_waits() -> None:
    ran = await run(loop(), cancel_at=30)
    assert ran.end.status == "cancelled"
    assert [ran.row(f"each[{index}].x").status for index in range(5)] == ["succeeded"] * 2 + ["cancelled"] * 3
    assert ran.seconds == pytest.approx(30, abs=1)


async def test_time_limits_around_it_hold_while_it_waits() -> None:
    doc = loop({**CRM, "count": 1})
    doc["steps"]["each"]["timeout"] = "10s"
    ran = await run(doc)
    assert (ran.code, begun(ran.world)) == ("step.timeout", [0])
    assert (await run(loop() | {"settings": {"timeout": "70s"}}, deadline=BEGIN + 70)).end.status == "timed_out"


async def test_tests_and_simulations_do_not_wait() -> None:
    mocked = RunOptions(mocks={"x": {"output": 1}}, unmocked="fail")
    assert (await run(loop(), options=mocked)).seconds < 1
    pure = document({"a": step("set", {"values": {}}, throttle=CRM)})
    tested = await run(pure, options=RunOptions(unmocked="fail"))
    assert (tested.world.turns, tested.end.status) == ({}, "succeeded")
    real = await run(loop(), options=RunOptions(mocks={"y": {"output": 1}}))
    assert real.seconds > 100, "with `unmocked: run` it is a run like any other"


@pytest.mark.parametrize("every", [1, 3])
async def test_it_keeps_its_turn_over_many_histories(every: int) -> None:
    ran, _ = await run_in_pieces(loop(items=9), every=every)
    assert sorted(begun(ran.world)) == [0, 0, 60, 60, 120, 120, 180, 180, 240]
    assert len(ran.world.turns["crm"]) == 9, "nobody asked twice"


async def test_taken_up_from_rows_it_keeps_a_time_that_is_ahead_and_asks_again_for_one_that_is_long_past() -> None:
    doc, world = loop(), World()
    whole = await run(doc, world=world)
    memo = from_rows(rows_of(whole, until=BEGIN + 30), plan_of(doc))
    again = World(now=BEGIN + 30, turns={"crm": list(world.turns["crm"])})
    assert (await run(doc, world=again, memo=memo)).end.status == "succeeded"
    assert begun(again) == [60, 60, 120]
    assert len(again.turns["crm"]) == 5
    late = World(now=BEGIN + 600, turns={"crm": list(world.turns["crm"])})
    assert (await run(doc, world=late, memo=memo)).end.status == "succeeded"
    assert begun(late) == [600, 600, 660], "all that slept too long take new turns, and don't begin at once"


async def test_a_lost_attempt_takes_another_turn() -> None:
    world = World(answer=lambda call, made: Answer("ok", lost=made == 0))
    doc = document({"x": http("POST", throttle={**CRM, "count": 1})})
    ran = await run(doc, world=world)
    assert (begun(world), ran.attempts("x")) == ([0, 60], [(1, "failed"), (2, "succeeded")])
    assert all(call.throttled for call in world.calls)
