"""How failures spread: on_error, siblings, retries, Retry-After, lost attempts, timeouts, keys."""

from __future__ import annotations

import pytest

from engine.core.records import RunStatus
from tests.engine.core.fake import Answer, World, document, http, run, step


def failing(*codes: str | None, **keys: object) -> World:
    """The first calls fail with these codes; all further ones as the last."""
    return World(answer=lambda call, made: Answer("ok", error=codes[min(made, len(codes) - 1)], **keys))


async def test_a_failed_step_fails_the_run_and_cancels_its_siblings() -> None:
    world = World(answer=lambda call, made: Answer(error="http.404" if call.path == "bad" else None, seconds=1 + made))
    world.answer = lambda call, made: Answer(
        1, error="http.404" if call.path == "bad" else None, seconds=1 if call.path == "bad" else 9
    )
    ran = await run(document({"bad": http(), "slow": http(), "later": http()}, ["slow later"]), world=world)
    assert (ran.status, ran.code, ran.end.error.step, ran.end.output) == (RunStatus.FAILED, "http.404", "bad", None)
    assert ran.statuses() == {"bad": "failed", "slow": "cancelled"}
    assert world.cancelled_calls == ["slow"]
    assert ran.seconds == 1


@pytest.mark.parametrize(
    ("on_error", "handle", "next_", "other"),
    [("continue", "out", "after", "rescue"), ("branch", "error", "rescue", "after")],
)
async def test_on_error_decides_what_a_failed_step_gives(on_error: str, handle: str, next_: str, other: str) -> None:
    seen = step("set", {"values": {"s": "{{ [steps.a.status, steps.a.output, steps.a.error.code] }}"}})
    edges = ["a after"] + (["a.error rescue"] if on_error == "branch" else [])
    doc = document({"a": http(on_error=on_error), "after": seen, "rescue": seen}, edges)
    if on_error == "continue":
        del doc["steps"]["rescue"]
    ran = await run(doc, world=failing("http.404"))
    assert ran.status is RunStatus.SUCCEEDED
    assert (ran.row("a").status.value, ran.row("a").handle) == ("failed", handle)
    assert ran.output(next_) == {"s": ["failed", None, "http.404"]}
    assert ran.statuses().get(other, "skipped") == "skipped"


@pytest.mark.parametrize(
    ("method", "code", "attempts"),
    [
        ("GET", "http.503", 3),
        ("PUT", "http.503", 3),
        ("DELETE", "http.timeout", 3),
        ("POST", "http.503", 1),
        ("PATCH", "http.connect", 1),
        ("GET", "http.404", 1),
        ("GET", "http.429", 3),
        ("GET", "expression.type", 1),
        ("{{ 'post' }}", "http.503", 1),
        ("{{ 'Get' }}", "http.503", 3),
    ],
)
async def test_how_often_a_step_is_tried_by_itself(method: str, code: str, attempts: int) -> None:
    ran = await run(document({"a": http(method)}), world=failing(code))
    assert len(ran.world.calls) == attempts
    assert ran.attempts("a") == [(number + 1, "failed") for number in range(attempts)]
    assert ran.row("a", attempts).retry_at is None


async def test_retries_back_off_and_end_with_success() -> None:
    retry = {"max_attempts": 5, "initial": "1s", "backoff": 3, "max_interval": "5s", "jitter": 0}
    ran = await run(document({"a": http("POST", retry=retry)}), world=failing("http.500", "http.500", "http.502", None))
    assert ran.attempts("a") == [(1, "failed"), (2, "failed"), (3, "failed"), (4, "succeeded")]
    assert ran.seconds == 1 + 3 + 5
    assert {call.idempotency_key for call in ran.world.calls} == {"origin:a"}


async def test_the_lists_of_the_author_replace_the_engines() -> None:
    retry = {"max_attempts": 3, "on": ["http.404"], "jitter": 0}
    assert len((await run(document({"a": http(retry=retry)}), world=failing("http.404"))).world.calls) == 3
    assert len((await run(document({"a": http(retry=retry)}), world=failing("http.503"))).world.calls) == 1
    never = {"max_attempts": 3, "never_on": ["http.50*"]}
    assert len((await run(document({"a": http(retry=never)}), world=failing("http.503"))).world.calls) == 1


async def test_a_time_that_the_target_asks_for_is_kept_beyond_the_longest_interval() -> None:
    retry = {"max_attempts": 2, "max_interval": "5s", "jitter": 0}
    ran = await run(document({"a": http(retry=retry)}), world=failing("http.429", None, retry_after=300.0))
    assert ran.seconds == 300


async def test_lost_attempts_are_made_again_with_the_same_key_and_do_not_count() -> None:
    world = World(answer=lambda call, made: Answer("ok", lost=made < 4))
    ran = await run(document({"a": http("POST")}), world=world)
    assert ran.attempts("a") == [(number, "failed") for number in range(1, 5)] + [(5, "succeeded")]
    assert ran.row("a", 2).error.code == "worker.lost"
    assert {call.idempotency_key for call in world.calls} == {"origin:a"}


async def test_a_lost_attempt_fails_where_the_author_says_so() -> None:
    world = World(answer=lambda call, made: Answer("ok", lost=True))
    ran = await run(document({"a": http("POST", retry={"on_lost": "fail", "max_attempts": 5})}), world=world)
    assert (ran.code, ran.attempts("a")) == ("worker.lost", [(1, "failed")])


async def test_a_call_has_the_time_that_the_step_gives_it() -> None:
    ran = await run(
        document({"a": http("POST", timeout="2s")}), world=World(answer=lambda call, made: Answer(1, seconds=9))
    )
    assert (ran.code, ran.seconds) == ("http.timeout", 2)


async def test_a_container_ends_at_its_limit() -> None:
    doc = document({"t": step("try", timeout="5s"), "a": http(parent="t"), "c": http(parent="t", slot="catch")})
    ran = await run(doc, world=World(answer=lambda call, made: Answer(1, seconds=29)))
    assert (ran.code, ran.end.error.step, ran.seconds) == ("step.timeout", "t", 5)
    assert ran.statuses() == {"t": "failed", "t.a": "cancelled"}


async def test_a_container_is_tried_again_as_a_whole_and_rows_are_numbered_on() -> None:
    doc = document(
        {
            "t": step("for_each", {"items": [1, 2]}, retry={"max_attempts": 2, "on": ["http.404"], "jitter": 0}),
            "a": http("POST", parent="t"),
        }
    )
    world = World(
        answer=lambda call, made: Answer("ok", error="http.404" if call.path == "t[1].a" and made == 0 else None)
    )
    ran = await run(doc, world=world)
    assert ran.status is RunStatus.SUCCEEDED
    assert ran.attempts("t") == [(1, "failed"), (2, "succeeded")]
    assert ran.attempts("t[0].a") == [(1, "succeeded"), (2, "succeeded")]
    assert ran.attempts("t[1].a") == [(1, "failed"), (2, "succeeded")]
    assert [call.idempotency_key for call in world.calls].count("origin:t[0].a") == 2


async def test_a_container_that_says_nothing_of_retries_is_carried_out_once() -> None:
    doc = document({"t": step("for_each", {"items": [1]}), "a": http(parent="t")})
    ran = await run(doc, world=failing("http.503"))
    assert (ran.attempts("t"), len(ran.world.calls)) == ([(1, "failed")], 3)


async def test_an_expression_error_names_the_step_and_the_nearest_name() -> None:
    doc = document({"a": step("set", {"values": {"x": "{{ trigger.bodi }}"}}), "b": http()}, ["a b"])
    ran = await run(doc, {"n": 1})
    assert (ran.code, ran.end.error.step) == ("expression.undefined", "a")
    assert "'body'" in ran.end.error.message
    call = http()
    call["inputs"]["json"] = "{{ trigger.bodi }}"
    ran = await run(document({"a": call}), {"n": 1})
    assert ran.code == "expression.undefined"
    assert "'body'" in ran.end.error.message


async def test_what_is_too_large_for_a_step_fails_it() -> None:
    doc = document({"a": step("set", {"values": {"x": ["{{ input }}", "{{ input }}", "{{ input }}"]}})})
    ran = await run(doc, "x" * (8 * 2**20))
    assert ran.code in ("payload.too_large", "expression.budget")
