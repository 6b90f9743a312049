"""`throttle`: at most `count` starts per `per`, shared by all runs of the workspace that give the same key."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from tests.fixtures.http_server import Answer
from tests.fixtures.stack import Stack, problem

GET = "{module: http.request, throttle: {$THROTTLE}, inputs: {url: '$WEB/$PATH'}}"


def get(throttle: str, path: str = "ok") -> str:
    return GET.replace("$THROTTLE", throttle).replace("$PATH", path)


def key() -> str:
    return f"k{uuid4().hex}"


@pytest.fixture(autouse=True)
def _answers(stack: Stack) -> None:
    stack.web.answer("GET", "/ok", Answer.of_json({}))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_throttled_loop_starts_no_more_than_its_throttle_says(stack: Stack) -> None:
    path = key()
    stack.web.answer("GET", f"/{path}", Answer.of_json({}))
    step = get(f"key: {path}, count: 2, per: 1s", path)
    ran = await stack.run(
        "steps: {each: {module: core.for_each, inputs: {items: [0, 1, 2, 3, 4, 5], concurrency: 6}}, "
        f"x: {step[:-1]}, parent: each}}}}"
    )
    assert ran["status"] == "succeeded", ran.run
    assert len(stack.asked(f"/{path}")) == 6
    began = moment(ran["started_at"])
    starts = sorted(moment(ran.row(f"each[{index}].x")["started_at"]) for index in range(6))
    # The n-th pair can't begin before n spans have passed since the first could.
    assert all(start >= began + timedelta(seconds=index // 2) for index, start in enumerate(starts))


async def test_runs_share_a_key_and_say_what_they_wait_for_and_can_be_cancelled(stack: Stack) -> None:
    shared = key()
    step = get('key: "{{ input.k }}", count: 1, per: 1h')
    first, other = [await stack.deploy(f"steps: {{x: {step}}}") for _ in range(2)]
    assert (await stack.again(first, {"k": shared}))["status"] == "succeeded"
    held = await stack.start(other, {"k": shared})
    waits = await stack.waits(held, "throttle", "x")
    assert shared in waits["reason"]
    assert "1 start per 1 h" in waits["reason"]
    assert moment(waits["until"]) > datetime.now().astimezone() + timedelta(minutes=50)
    run = await stack.get(held)
    assert run["status"] == "waiting"
    [row] = await stack.steps(held)
    assert (row["status"], row["attempt"], row["input"]) == ("waiting", 1, None)
    assert (await stack.again(other, {"k": key()}))["status"] == "succeeded", "another key waits for nobody"
    assert (await stack.http.post(f"/runs/{held}/cancel")).status_code == 202
    ran = await stack.end(held)
    assert (ran["status"], ran.statuses) == ("cancelled", {"x": "cancelled"})


async def test_a_key_is_the_text_of_any_value(stack: Stack) -> None:
    step = get('key: "{{ input.k }}", count: 1, per: 1h')
    name = await stack.deploy(f"steps: {{x: {step}}}")
    for odd in ("a\x00" + key(), {"a": [1, key()]}, key() * 100):
        assert (await stack.again(name, {"k": odd}))["status"] == "succeeded"
        held = await stack.start(name, {"k": odd})
        assert len((await stack.waits(held, "throttle", "x"))["reason"]) < 300
        assert (await stack.http.post(f"/runs/{held}/cancel")).status_code == 202
    missing = await stack.again(name, {})
    assert missing.said == ("failed", "expression.undefined")


async def test_a_steps_time_limit_begins_after_its_turn_and_a_runs_limit_holds_while_it_waits(stack: Stack) -> None:
    shared = key()
    pair = "steps: {a: $STEP, b: $STEP}".replace(
        "$STEP", get(f"key: {shared}, count: 1, per: 2s")[:-1] + ", timeout: 1500ms}"
    )
    assert (await stack.run(pair))["status"] == "succeeded"
    slow = f"settings: {{timeout: 1s}}\nsteps: {{a: {get(f'key: {key()}x, count: 1, per: 1h')}, b: $B}}"
    timed = await stack.run(slow.replace("$B", get(f"key: {shared}, count: 1, per: 1h")))
    assert (timed["status"], timed.statuses) == ("timed_out", {"a": "succeeded", "b": "cancelled"})


async def test_many_that_wait_hold_nobody_up(stack: Stack) -> None:
    step = get(f"key: {key()}, count: 1, per: 1h")
    held = await stack.start(
        await stack.deploy(
            "steps: {each: {module: core.for_each, inputs: {items: '{{ input }}', concurrency: 120}}, "
            f"x: {step[:-1]}, parent: each}}}}"
        ),
        list(range(120)),
    )
    await stack.when(held, lambda run: sum(1 for one in run["waiting_for"] if one["kind"] == "throttle") >= 60)
    free = await stack.run(f"steps: {{x: {get(f'key: {key()}, count: 1, per: 1h')}}}")
    assert free["status"] == "succeeded"
    assert (await stack.http.post(f"/runs/{held}/cancel")).status_code == 202
    assert (await stack.end(held))["status"] == "cancelled"


async def test_a_document_that_is_wrong_about_it_is_told_so(stack: Stack) -> None:
    for throttle, found in (
        ("key: k, count: 0, per: 1s", "/steps/x/throttle/count"),
        ("key: k, count: 1, per: 0s", "/steps/x/throttle/per"),
        ("key: k, count: 1, per: soon", "/steps/x/throttle/per"),
        ("count: 1, per: 1s", "/steps/x/throttle"),
        ('key: "{{ nobody }}", count: 1, per: 1s', "/steps/x/throttle/key"),
    ):
        name = await stack.create(f"steps: {{x: {get(throttle)}}}")
        refused = problem(await stack.http.post(f"/workflows/{name}/deploy", json={}), 422, "document.invalid")
        assert any(one["path"].startswith(found) for one in refused["findings"]), (throttle, refused["findings"])


@pytest.mark.parametrize("how", [{"simulate": True}, {"unmocked": "fail", "mocks": {"x": {"output": {"ok": 1}}}}])
async def test_tests_and_simulations_do_not_wait(stack: Stack, how: dict[str, object]) -> None:
    shared = key()
    name = await stack.deploy(f"steps: {{x: {get(f'key: {shared}, count: 1, per: 1h')}}}")
    for _ in range(2):
        assert (await stack.again(name, {}, **how))["status"] == "succeeded"
