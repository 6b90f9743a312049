"""`human.approve`: mails first, then the wait, as one attempt, however often the run is taken up in between."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.effects import RunOptions
from engine.core.from_rows import from_rows
from engine.core.records import RunStatus
from engine.core.resume import make_token, parse_token, resume_url, verify
from engine.core.start import ResumeBase
from engine.expressions.values import Ref
from tests.engine.core.fake import BEGIN, RUN_ID, Answer, World, document, http, plan_of, run, run_in_pieces, step
from tests.engine.core.test_taking_up import rows_of

YES = {"decision": "approved", "note": "fine", "by": "ada@example.com", "at": "2026-03-01T09:30:00Z"}
NO = {**YES, "decision": "refused"}


def asking(*edges: str, **inputs: Any) -> dict[str, Any]:
    given = {"to": "ada@example.com", "subject": "May {{ input }} go?", **inputs}
    return document(
        {
            "ask": step("human.approve", given, connection="mail"),
            "yes": step("set", {"values": {"by": "{{ steps.ask.output.by }}"}}),
            "no": step("set", {"values": {"by": "{{ steps.ask.output.by }}"}}),
            "late": step("log", {"message": "x"}),
        },
        ["ask.approved yes", "ask.refused no", *edges],
        requires={"connections": {"mail": {"app": "mail"}}},
    )


def world(**more: Any) -> World:
    return World(answer=lambda call, made: Answer({"asked": ["ada@example.com"]}, seconds=2.0), **more)


@pytest.mark.parametrize(("body", "taken", "left"), [(YES, "yes", "no"), (NO, "no", "yes")])
async def test_the_answer_decides_how_it_goes_on(body: Any, taken: str, left: str) -> None:
    ran = await run(asking(timeout="1d"), 7, world=world(events={"ask": (BEGIN + 60, body)}))
    assert ran.statuses() | {"late": "-"} == {"ask": "succeeded", taken: "succeeded", left: "skipped", "late": "-"}
    assert (ran.output("ask"), ran.row("ask").handle) == (body, body["decision"])
    (call,) = ran.world.calls
    assert (call.bare, call.effect, call.idempotent, call.connection) == (True, "write", True, "mail")
    assert call.idempotency_key == "origin:ask"
    waiting = next(row for row in ran.world.order if row.path == "ask")
    assert (waiting.status.value, waiting.wait, waiting.wait_until) == ("waiting", "event", BEGIN + 86400)
    assert waiting.resume_url is None
    assert waiting.input == {"to": "ada@example.com", "subject": "May 7 go?", "timeout": "1d"}


async def test_a_large_answer_is_asked_for_its_decision() -> None:
    ref = Ref("r1", 100_000, "object")
    ran = await run(asking(), world=world(events={"ask": (BEGIN + 60, ref)}, store={"r1": NO}))
    assert (ran.row("ask").handle, ran.output("ask")) == ("refused", ref)


async def test_who_does_not_answer_in_time_is_not_asked_again() -> None:
    ran = await run(asking(timeout="1h"), world=world())
    assert (ran.status, ran.code, ran.seconds) == (RunStatus.FAILED, "event.timeout", 3600)
    assert len(ran.world.calls) == 1
    ran = await run(asking("ask.timeout late", timeout="1h"), world=world())
    assert (ran.row("ask").handle, ran.statuses()["late"]) == ("timeout", "succeeded")


async def test_mails_that_don_t_go_out_are_tried_again_and_then_fail_the_step() -> None:
    def answer(call: Any, made: int) -> Answer:
        return Answer(error="smtp.451", retryable=True) if made == 0 else Answer({})

    ran = await run(asking(), world=World(answer=answer, events={"ask": (BEGIN + 60, YES)}))
    assert ran.attempts("ask") == [(1, "failed"), (2, "succeeded")]
    assert [call.idempotency_key for call in ran.world.calls] == ["origin:ask"] * 2
    ran = await run(asking(), world=World(answer=lambda call, made: Answer(error="smtp.550", retryable=False)))
    assert (ran.code, ran.attempts("ask")) == ("smtp.550", [(1, "failed")])


async def test_over_many_histories_the_mails_go_out_once() -> None:
    doc = asking(timeout="1d")
    doc["steps"]["beside"] = step("for_each", {"items": list(range(10))})
    doc["steps"]["one"] = http(parent="beside")
    kept = world(events={"ask": (BEGIN + 60, YES)})
    ran, pieces = await run_in_pieces(doc, world=kept)
    assert (ran.status, ran.output("yes")) == (RunStatus.SUCCEEDED, {"by": "ada@example.com"})
    assert pieces > 2
    assert len([call for call in kept.calls if call.path == "ask"]) == 1


@pytest.mark.parametrize(("seconds", "calls"), [(1.0, 1), (30.0, 0)])
async def test_a_run_whose_history_was_lost_asks_again_only_if_it_did_not_wait_yet(seconds: float, calls: int) -> None:
    doc = asking(timeout="1d")
    before = await run(doc, world=world(events={"ask": (BEGIN + 60, YES)}))
    rows = rows_of(before, BEGIN + seconds)
    # A row of a wait begins with its attempt; before the mails were out there was none.
    memo = from_rows([row for row in rows if seconds > 2 or row.path != "ask"], plan_of(doc))
    again = await run(doc, world=world(events={"ask": (BEGIN + 60, YES)}), memo=memo)
    assert again.status is RunStatus.SUCCEEDED
    assert len(again.world.calls) == calls


async def test_a_run_that_was_taken_up_while_mails_were_on_their_way_shows_that_it_waits() -> None:
    doc = asking(timeout="1d")
    memo = {"ask": {"p": {"a": 1, "c": 1, "at": None, "s": BEGIN, "n": {}}}}
    ran = await run(doc, world=world(events={"ask": (BEGIN + 60, YES)}), memo=memo)
    assert [row.status.value for row in ran.world.order if row.path == "ask"] == ["waiting", "succeeded"]
    assert len(ran.world.calls) == 1


async def test_a_cancel_ends_the_wait() -> None:
    ran = await run(asking(), world=world(), cancel_at=30)
    assert (ran.status, ran.statuses()["ask"]) == (RunStatus.CANCELLED, "cancelled")


async def test_mocks_take_the_place_of_mails_and_wait() -> None:
    for mock, taken in (({"output": YES}, "yes"), ({"output": NO, "handle": "refused"}, "no")):
        ran = await run(asking(), options=RunOptions(mocks={"ask": mock}, unmocked="fail"))
        assert (ran.statuses()[taken], ran.world.calls) == ("succeeded", [])
    assert (await run(asking(), options=RunOptions(unmocked="fail"))).code == "mock.missing"


def test_an_address_is_one_persons_and_can_t_be_made_anothers() -> None:
    base = ResumeBase("https://mill.example", b"secret")
    url = resume_url(base, RUN_ID, "ask", "ada@example.com")
    token = parse_token(url.rpartition("/")[2])
    assert token is not None
    assert (token.path, token.who, verify(token, b"secret")) == ("ask", "ada@example.com", True)
    plain = parse_token(make_token(RUN_ID, "ask", b"secret"))
    assert plain is not None
    assert (plain.who, plain.mac == token.mac) == (None, False)
    import base64

    for said in (b"ask\nbob@example.com", b"ask", b"ask\n"):
        raw = bytes.fromhex(RUN_ID.replace("-", "")) + token.mac + said
        forged = parse_token(base64.urlsafe_b64encode(raw).decode().rstrip("="))
        assert forged is None or not verify(forged, b"secret")
