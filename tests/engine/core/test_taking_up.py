"""From rows to a memo: recovery of a run whose history was lost, and replay from a step."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.from_rows import LogRow, UnknownStep, from_rows, segments_of
from engine.core.memo import Memo
from engine.core.records import StepStatus
from tests.engine.core.fake import Answer, Ran, World, document, http, plan_of, run, step


def rows_of(ran: Ran, until: float | None = None) -> list[LogRow]:
    """The log as it stood, at the end or at a time."""
    found: dict[Any, Any] = {}
    for row in ran.world.order:
        at = row.finished_at if row.finished_at is not None else row.started_at
        if until is None or at <= until:
            found[row.path, row.attempt] = row
    return [
        LogRow(
            row.path,
            row.attempt,
            row.status,
            row.started_at,
            row.finished_at,
            row.input,
            row.output,
            None if row.error is None else row.error.to_json(),
            row.handle,
            row.retry_at,
            row.wait,
            row.wait_until,
            row.child_run_id,
        )
        for row in found.values()
    ]


def chain(**answers: Any) -> tuple[dict[str, Any], World]:
    doc = document(
        {
            "a": http("POST"),
            "each": step("for_each", {"items": [1, 2, 3], "concurrency": 2}),
            "x": http("POST", parent="each"),
            "y": http("POST", parent="each"),
            "beside": http("POST"),
            "z": http("POST"),
        },
        ["a each", "x y", "each z"],
        output="{{ [steps.z.output, steps.each.output] }}",
    )
    return doc, World(answer=lambda call, made: Answer(f"{call.path} {answers.get('tag', 1)}", seconds=1.0))


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0])
async def test_a_run_whose_history_was_lost_makes_no_ended_call_again(seconds: float) -> None:
    doc, world = chain()
    whole = await run(doc, world=world)
    memo = from_rows(rows_of(whole, until=whole.world.now - 6 + seconds), plan_of(doc))
    again = World(answer=world.answer, now=whole.world.now - 6 + seconds)
    ran = await run(doc, world=again, memo=memo)
    assert ran.end == whole.end
    made = {call.path for call in again.calls}
    assert made == {path for (path, _), entry in whole.world.rows.items() if path != "each"} - {
        path for path, entry in memo.items() if path and "o" in entry
    }
    assert not {row.path for row in again.order} & {path for path, entry in memo.items() if "o" in entry}


async def test_a_wait_and_a_retry_go_on_with_their_times() -> None:
    doc = document(
        {"w": step("wait", {"duration": "1h"}), "r": http(retry={"initial": "10m", "max_interval": "1h", "jitter": 0})}
    )
    world = World(answer=lambda call, made: Answer("ok", error="http.503" if call.attempt == 1 else None))
    whole = await run(doc, world=world)
    early = rows_of(whole, until=whole.world.order[0].started_at + 1)
    ran = await run(
        doc,
        world=World(answer=world.answer, now=whole.world.order[0].started_at + 30),
        memo=from_rows(early, plan_of(doc)),
    )
    assert ran.world.now == whole.world.now
    assert ran.row("r").attempt == 2
    assert [call.attempt for call in ran.world.calls] == [2]


async def test_a_lost_attempt_is_followed_by_the_next_one_though_nothing_else_tells_of_it() -> None:
    """The worker was lost, another one wrote that down, and the history went before it could say that the call is made again."""

    def memo(on_lost: str) -> Memo:
        doc = document({"a": http("POST", retry={"on_lost": on_lost, "max_attempts": 2}), "b": http("POST")}, ["a b"])
        return from_rows([failed(1, "http.503", 2.0), failed(2, "worker.lost", None)], plan_of(doc))

    def failed(number: int, code: str, retry_at: float | None) -> LogRow:
        error = {"code": code, "message": "Gone.", "step": "a", "retryable": True, "details": {}}
        return LogRow("a", number, StepStatus.FAILED, 1.0, 2.0, error=error, retry_at=retry_at)

    doc = document({"a": http("POST", retry={"max_attempts": 2}), "b": http("POST")}, ["a b"])
    ran = await run(doc, world=World(), memo=memo("retry"))
    assert [(call.path, call.attempt) for call in ran.world.calls] == [("a", 3), ("b", 1)]
    assert ran.end.status.value == "succeeded"
    assert "o" in memo("fail")["a"]


async def test_a_replay_from_a_step_takes_over_all_that_is_not_downstream() -> None:
    doc, world = chain()
    whole = await run(doc, world=world)
    memo = from_rows(rows_of(whole), plan_of(doc), "each[1].y")
    ran = await run(doc, world=World(answer=chain(tag=2)[1].answer), memo=memo)
    assert [call.path for call in ran.world.calls] == ["each[1].y", "z"]
    assert ran.end.output == ["z 2", ["each[0].y 1", "each[1].y 2", "each[2].y 1"]]
    assert {path for path, row in ((row.path, row) for row in ran.world.rows.values()) if row.mocked == "replay"} == {
        "a",
        "beside",
        "each[0].x",
        "each[0].y",
        "each[1].x",
        "each[2].x",
        "each[2].y",
    }
    assert ran.row("each[1].x").input == whole.row("each[1].x").input


async def test_a_replay_tries_again_what_had_failed() -> None:
    doc = document({"a": http("POST"), "b": http("POST"), "c": http("POST")}, ["a b", "b c"])
    whole = await run(
        doc, world=World(answer=lambda call, made: Answer(1, error="http.404" if call.path == "b" else None))
    )
    ran = await run(doc, world=World(), memo=from_rows(rows_of(whole), plan_of(doc), "b"))
    assert [call.path for call in ran.world.calls] == ["b", "c"]
    assert ran.end.status.value == "succeeded"


async def test_a_replay_inside_of_a_try_runs_what_follows_from_it_again() -> None:
    doc = document(
        {
            "t": step("try"),
            "a": http("POST", parent="t"),
            "b": http("POST", parent="t"),
            "c": http("POST", parent="t", slot="catch"),
            "f": http("POST", parent="t", slot="finally"),
        },
        ["a b"],
    )
    whole = await run(
        doc, world=World(answer=lambda call, made: Answer(1, error="http.404" if call.step == "b" else None))
    )
    ran = await run(doc, world=World(), memo=from_rows(rows_of(whole), plan_of(doc), "t.b"))
    assert [call.path for call in ran.world.calls] == ["t.b", "t.f"]


async def test_a_replay_inside_of_a_while_keeps_the_iterations_before_it() -> None:
    doc = document(
        {
            "w": step("while", {"condition": "{{ loop.state.n < 3 }}", "state": {"n": 0}}),
            "a": http("POST", parent="w"),
            "s": step("set_state", {"state": {"n": "{{ loop.state.n + 1 }}"}}, parent="w"),
        },
        ["a s"],
        output="{{ steps.w.output }}",
    )
    whole = await run(doc)
    ran = await run(doc, world=World(), memo=from_rows(rows_of(whole), plan_of(doc), "w[1].a"))
    assert [call.path for call in ran.world.calls] == ["w[1].a", "w[2].a"]
    assert ran.end.output == {"iterations": 3, "state": {"n": 3}}


def test_paths() -> None:
    assert segments_of("a[3].b.c[0].d") == (("a", 3), ("b", None), ("c", 0), ("d", None))
    assert segments_of("a..b") == segments_of("A") == segments_of("a[x]") == ()
    with pytest.raises(UnknownStep):
        from_rows([], plan_of(document({"a": http()})), "b")


async def test_an_event_wait_and_a_child_are_carried_over_a_move() -> None:
    from engine.core.effects import ChildEnd
    from tests.engine.core.fake import BEGIN, run_in_pieces

    doc = document(
        {
            "e": step("wait_for_event", {"timeout": "1h"}),
            "s": step("subworkflow", {"workflow": "o"}),
            "b": http(),
            "c": http(),
        },
        ["b c"],
        output="{{ [steps.e.output, steps.s.output] }}",
    )
    world = World(events={"e": (BEGIN + 60, "posted")}, children={"child-0": (BEGIN + 90, ChildEnd("succeeded", 1))})
    ran, pieces = await run_in_pieces(doc, world=world)
    assert pieces > 2
    assert (ran.end.output, len(world.starts), len(world.calls)) == (["posted", 1], 1, 2)
    assert [row.status.value for row in world.order if row.path == "e"] == ["waiting", "succeeded"]
