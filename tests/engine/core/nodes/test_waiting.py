"""`core.wait`, `core.wait_for_event`, `core.subworkflow`: what takes time, and what the run says of itself meanwhile."""

from __future__ import annotations

import pytest

from engine.core.effects import ChildEnd
from engine.core.errors import StepError
from engine.core.records import RunStatus
from engine.core.resume import make_token, parse_token, verify
from tests.engine.core.fake import BEGIN, RUN_ID, World, document, http, run, step


async def test_a_wait_takes_its_time_and_the_run_only_waits() -> None:
    ran = await run(
        document({"w": step("wait", {"duration": "2h"}), "after": step("log", {"message": "x"})}, ["w after"])
    )
    assert ran.seconds == 7200
    assert (BEGIN, 0) in ran.world.parked
    waiting = next(row for row in ran.world.order if row.path == "w")
    assert (waiting.status.value, waiting.wait, waiting.wait_until) == ("waiting", "timer", BEGIN + 7200)
    assert ran.row("after").started_at == BEGIN + 7200


@pytest.mark.parametrize(
    ("inputs", "seconds"),
    [
        ({"until": "2023-11-14T22:14:20Z"}, 60),
        ({"until": "2023-11-14T23:14:20+01:00"}, 60),
        ({"until": "2020-01-01T00:00:00Z"}, 0),
        ({"duration": 0.5}, 0.5),
        ({"duration": "{{ '5' ~ 's' }}"}, 5),
    ],
)
async def test_until_and_duration(inputs: dict[str, object], seconds: float) -> None:
    assert (await run(document({"w": step("wait", inputs)}))).seconds == seconds


@pytest.mark.parametrize("inputs", [{"duration": "soon"}, {"until": "tomorrow"}, {"duration": "{{ true }}"}, {}])
async def test_what_is_no_time_is_refused(inputs: dict[str, object]) -> None:
    assert (await run(document({"w": step("wait", inputs)}))).code == "input.invalid"


async def test_two_waits_go_on_at_the_same_time() -> None:
    ran = await run(document({"a": step("wait", {"duration": 10}), "b": step("wait", {"duration": 15})}))
    assert ran.seconds == 15


async def test_a_call_beside_a_wait_keeps_the_run_busy() -> None:
    from tests.engine.core.fake import Answer

    ran = await run(
        document({"a": http(), "b": step("wait", {"duration": 15})}),
        world=World(answer=lambda c, m: Answer(1, seconds=3)),
    )
    assert ran.world.parked == [(BEGIN + 3, 0), (BEGIN + 15, 1)]


def event(**inputs: object) -> dict[str, object]:
    return document(
        {
            "mail": step("set", {"values": {"url": "{{ steps.ask.resume_url }}"}}),
            "ask": step("wait_for_event", inputs),
            "yes": step("set", {"values": {"got": "{{ steps.ask.output.ok }}"}}),
        },
        ["mail ask", "ask yes"],
    )


async def test_the_posted_body_is_the_output_and_the_address_was_known_before() -> None:
    ran = await run(event(timeout="1d"), world=World(events={"ask": (BEGIN + 60, {"ok": True})}))
    assert ran.output("yes") == {"got": True}
    assert ran.seconds == 60
    url = ran.output("mail")["url"]
    assert url == f"https://mill.example/resume/{make_token(RUN_ID, 'ask', b'secret')}"
    waiting = next(row for row in ran.world.order if row.path == "ask")
    assert (waiting.wait, waiting.wait_until, waiting.resume_url) == ("event", BEGIN + 86400, url)
    token = parse_token(url.rpartition("/")[2])
    assert token is not None
    assert (token.run_id, token.path) == (RUN_ID, "ask")
    assert verify(token, b"secret")
    assert not verify(token, b"other")


async def test_a_post_that_came_early_ends_the_wait_at_once() -> None:
    doc = event()
    doc["steps"]["mail"] = step("wait", {"duration": "1h"})
    ran = await run(doc, world=World(events={"ask": (BEGIN + 60, {"ok": 1})}))
    assert ran.seconds == 3600


async def test_nobody_answers() -> None:
    ran = await run(event(timeout="1d"))
    assert (ran.status, ran.code, ran.seconds) == (RunStatus.FAILED, "event.timeout", 86400)
    doc = event(timeout="1d")
    doc["steps"]["late"] = step("log", {"message": "x"})
    doc["edges"].append({"from": "ask", "handle": "timeout", "to": "late"})
    ran = await run(doc)
    assert ran.statuses() == {"mail": "succeeded", "ask": "succeeded", "late": "succeeded", "yes": "skipped"}
    assert ran.row("ask").handle == "timeout"


async def test_event_steps_of_iterations_have_addresses_of_their_own() -> None:
    doc = document(
        {
            "each": step("for_each", {"items": [1, 2], "concurrency": 2, "collect": "{{ steps.url.output.u }}"}),
            "url": step("set", {"values": {"u": "{{ steps.ask.resume_url }}"}}, parent="each"),
            "ask": step("wait_for_event", parent="each"),
        },
        ["url ask"],
        output="{{ steps.each.output }}",
    )
    world = World(events={"each[0].ask": (BEGIN + 9, 1), "each[1].ask": (BEGIN + 3, 2)})
    ran = await run(doc, world=world)
    tokens = [parse_token(url.rpartition("/")[2]) for url in ran.end.output]
    assert [token.path for token in tokens if token] == ["each[0].ask", "each[1].ask"]


@pytest.mark.parametrize("token", ["", "x", "é", "AAAA", "A" * 43, "!!!!" * 20])
def test_what_is_no_token(token: str) -> None:
    parsed = parse_token(token)
    assert parsed is None or not verify(parsed, b"secret")


def sub(**inputs: object) -> dict[str, object]:
    return document(
        {"s": step("subworkflow", {"workflow": "other", "input": "{{ input }}", **inputs})},
        output="{{ steps.s.output }}",
    )


async def test_a_childs_output_is_the_steps() -> None:
    world = World(children={"child-0": (BEGIN + 60, ChildEnd("succeeded", {"n": 1}))})
    ran = await run(sub(), {"a": 1}, world=world)
    assert (ran.end.output, ran.seconds) == ({"n": 1}, 60)
    start = world.starts[0]
    assert (start.workflow, start.version, start.input, start.key, start.depth) == (
        "other",
        "deployed",
        {"a": 1},
        "origin:s",
        1,
    )
    assert ran.row("s").child_run_id == "child-0"
    assert [row.wait for row in ran.world.order if row.path == "s"] == ["child", None]


async def test_without_waiting_the_run_id_is_the_output() -> None:
    assert (await run(sub(wait=False, version=2))).end.output == {"run_id": "child-0"}


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (ChildEnd("failed", error=StepError("order.bad", "no", "check")), "order.bad"),
        (ChildEnd("cancelled"), "subworkflow.cancelled"),
        (ChildEnd("timed_out", error=StepError("run.timeout", "late")), "run.timeout"),
    ],
)
async def test_a_childs_failure_is_the_steps(end: ChildEnd, code: str) -> None:
    world = World(children={f"child-{number}": (BEGIN + 1, end) for number in range(3)})
    ran = await run(sub(), world=world)
    assert (ran.code, ran.end.error.step, ran.row("s").status.value) == (code, "s", "failed")


async def test_a_child_that_cannot_start() -> None:
    assert (await run(sub(workflow="nobody"))).code == "subworkflow.unknown"
    assert (await run(sub(), depth=8)).code == "subworkflow.depth"


async def test_cancel_goes_down_to_the_child() -> None:
    world = World(children={"child-0": (BEGIN + 600, ChildEnd("succeeded"))})
    ran = await run(sub(), world=world, cancel_at=5)
    assert (ran.status, world.cancelled_children) == (RunStatus.CANCELLED, ["child-0"])
    assert ran.statuses() == {"s": "cancelled"}
