"""`core.for_each`: order of results, concurrency, collect, failures, data kept by reference."""

from __future__ import annotations

from engine.core.records import RunStatus
from engine.expressions.values import Ref
from tests.engine.core.fake import Answer, World, document, http, run, step


def loop(inner: dict[str, object] | None = None, **inputs: object) -> dict[str, object]:
    return document(
        {"each": step("for_each", {"items": "{{ input }}", **inputs}), "one": inner or http(parent="each")},
        output="{{ steps.each.output }}",
    )


async def test_results_stand_in_the_order_of_the_items_whichever_iteration_ends_first() -> None:
    world = World(answer=lambda call, made: Answer(call.path, seconds=10.0 - int(call.path[5])))
    ran = await run(loop(concurrency=4), [1, 2, 3, 4, 5], world=world)
    assert ran.end.output == [f"each[{index}].one" for index in range(5)]
    assert 10 < ran.seconds < 20


async def test_no_more_iterations_than_asked_for_are_in_work() -> None:
    live = most = 0

    def answer(call: object, made: int) -> Answer:
        nonlocal most
        most = max(most, len(world.calls) - len(world.journal))
        return Answer(1, seconds=1.0)

    world = World(answer=answer)
    ran = await run(loop(concurrency=3), list(range(10)), world=world)
    assert (live, most) == (0, 3)
    assert ran.seconds == 4.0


async def test_an_object_gives_its_entries() -> None:
    ran = await run(loop(step("set", {"values": "{{ item }}"}, parent="each")), {"a": 1, "b": [2]})
    assert ran.end.output == [{"key": "a", "value": 1}, {"key": "b", "value": [2]}]


async def test_collect_sees_the_iteration() -> None:
    doc = loop(
        step("set", {"values": {"double": "{{ item * 2 }}"}}, parent="each"),
        collect="{{ [index, loop.length, loop.first, loop.last, steps.one.output.double] }}",
    )
    ran = await run(doc, [5, 6])
    assert ran.end.output == [[0, 2, True, False, 10], [1, 2, False, True, 12]]


async def test_loop_parent_is_the_outer_iteration() -> None:
    doc = document(
        {
            "outer": step("for_each", {"items": [10, 20]}),
            "inner": step("for_each", {"items": [1, 2]}, parent="outer"),
            "sum": step("set", {"values": {"v": "{{ item + loop.parent.item + loop.parent.index }}"}}, parent="inner"),
        },
        output="{{ steps.outer.output }}",
    )
    ran = await run(doc)
    assert ran.end.output == [[{"v": 11}, {"v": 12}], [{"v": 22}, {"v": 23}]]
    assert ran.row("outer[1].inner[0].sum").iteration == 0


async def test_a_failed_item_fails_the_loop_and_cancels_the_others() -> None:
    world = World(
        answer=lambda call, made: Answer(
            error="http.422" if "[1]" in call.path else None, seconds=int(call.path[5]) + 1
        )
    )
    ran = await run(loop(concurrency=5), list(range(5)), world=world)
    assert (ran.status, ran.code, ran.end.error.step) == (RunStatus.FAILED, "http.422", "each[1].one")
    assert ran.statuses() == {
        "each": "failed",
        "each[0].one": "succeeded",
        "each[1].one": "failed",
        "each[2].one": "cancelled",
        "each[3].one": "cancelled",
        "each[4].one": "cancelled",
    }


async def test_a_failed_item_is_left_in_its_place_when_the_loop_goes_on() -> None:
    world = World(answer=lambda call, made: Answer("ok", error="http.404" if "[1]" in call.path else None))
    ran = await run(loop(on_item_error="continue"), [1, 2, 3], world=world)
    assert ran.status is RunStatus.SUCCEEDED
    assert (ran.end.output[0], ran.end.output[2]) == ("ok", "ok")
    assert ran.end.output[1]["$error"]["code"] == "http.404"
    assert ran.end.output[1]["$error"]["step"] == "each[1].one"


async def test_break_gives_the_finished_and_continue_gives_null() -> None:
    doc = document(
        {
            "each": step("for_each", {"items": [1, 2, 3, 4]}),
            "which": step(
                "switch",
                {"value": "{{ item }}", "cases": [{"handle": "skip", "equals": 2}, {"handle": "end", "equals": 4}]},
                parent="each",
            ),
            "next": step("continue", parent="each"),
            "leave": step("break", parent="each"),
            "value": step("set", {"values": {"n": "{{ item }}"}}, parent="each"),
        },
        ["which.skip next", "which.end leave", "which.default value"],
        output="{{ steps.each.output }}",
    )
    doc["steps"]["each"]["inputs"]["collect"] = "{{ steps.value.output }}"
    ran = await run(doc)
    assert ran.end.output == [{"n": 1}, None, {"n": 3}]
    assert ran.row("each[3].leave").status.value == "succeeded"


async def test_break_cancels_the_iterations_in_flight() -> None:
    doc = document(
        {
            "each": step("for_each", {"items": [0, 1, 2], "concurrency": 3, "collect": "{{ item }}"}),
            "get": http(parent="each"),
            "mine": step("if", {"condition": "{{ item == 1 }}"}, parent="each"),
            "leave": step("break", parent="each"),
        },
        ["get mine", "mine.true leave"],
        output="{{ steps.each.output }}",
    )
    world = World(answer=lambda call, made: Answer(1, seconds=int(call.path[5]) + 1))
    ran = await run(doc, world=world)
    assert ran.end.output == [0]
    assert ran.statuses()["each[2].get"] == "cancelled"


async def test_a_list_kept_by_reference_is_gone_through_page_by_page() -> None:
    world = World(store={"big": list(range(10))}, pages=4)
    doc = loop(step("set", {"values": {"n": "{{ item + 1 }}"}}, parent="each"))
    ran = await run(doc, Ref("big", 1_000_000, "array"), world=world)
    assert ran.end.output == [{"n": index + 1} for index in range(10)]


async def test_nothing_to_do() -> None:
    ran = await run(loop(concurrency=3), [])
    assert (ran.status, ran.end.output) == (RunStatus.SUCCEEDED, [])


async def test_what_is_no_list_is_refused() -> None:
    ran = await run(loop(), 7)
    assert (ran.code, ran.end.error.step) == ("input.invalid", "each")


async def test_twenty_thousand_iterations_leave_nothing_behind_but_their_results() -> None:
    doc = loop(step("set", {"values": {"n": "{{ item }}"}}, parent="each"))
    ran = await run(doc, list(range(20_000)))
    assert len(ran.end.output) == 20_000
    assert ran.end.output[19_999] == {"n": 19_999}
