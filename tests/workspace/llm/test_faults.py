"""What goes wrong at a model server: each thing ends in its code, in words for people, and in a row."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from db.pool import Database
from tests.fixtures.model_server import DONE, ModelServer, Rule, chunks, fails, model_server_running, raw, says
from tests.workspace.llm.stand import Stand, stand_on, turn
from workspace.egress.adapters.llm_exchange import seconds_of
from workspace.llm.answer import LONGEST

TEXT = {"index": 0, "delta": {"content": "some words"}}
STOP = {"index": 0, "delta": {}, "finish_reason": "stop"}

FAULTS: list[tuple[str, Rule, str, int | None, bool]] = [
    ("busy", fails(429, "slow down", code="rate_limit_exceeded", retry_after="7"), "llm.rate", 429, True),
    ("no credit", fails(429, "You exceeded your quota", code="insufficient_quota"), "llm.rate", 429, False),
    ("broken", fails(500), "llm.server", 500, True),
    ("overloaded", fails(503, retry_after="1"), "llm.server", 503, True),
    ("cut", says("these words break off", cut_after=3, chunk=4), "llm.cut", None, True),
    ("ended without an end", raw(chunks([TEXT]), DONE), "llm.cut", None, True),
    ("nothing", raw(chunks([]), DONE), "llm.empty", None, True),
    ("not even a piece", raw(), "llm.empty", None, True),
    ("no JSON", raw(chunks([TEXT]), "data: {nope\n\n"), "llm.malformed", None, True),
    ("a list", raw("data: [1]\n\n"), "llm.malformed", None, True),
    ("an error amid it", raw(chunks([TEXT]), 'data: {"error": {"message": "out of memory"}}\n\n'), "llm.server", None, True),
    ("10 MB", says("x" * 10_000_000, chunk=50_000), "llm.too_large", None, False),
    ("one endless line", raw("data: ", *["x" * 1_000_000] * 20), "llm.too_large", None, False),
    ("too long a request", fails(400, "maximum context length is 8192 tokens", code="context_length_exceeded"), "llm.context", 400, False),
    ("refused content", fails(400, "no", code="content_policy_violation"), "llm.filtered", 400, False),
    ("held back", raw(chunks([TEXT], [{**STOP, "finish_reason": "content_filter"}]), DONE), "llm.filtered", None, False),
    ("a bad request", fails(422, "top_k is out of range"), "llm.refused", 422, False),
    ("a page", raw("<html>hello</html>", headers={"content-type": "text/html"}), "llm.empty", None, True),
    ("a page of JSON", raw("<html>", headers={"content-type": "application/json"}), "llm.malformed", None, True),
    ("a redirect", raw(status=302, headers={"location": "http://169.254.169.254/"}), "llm.refused", 302, False),
    ("broken at once", raw(destroy=True, status=200), "llm.server", None, True),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "code", "status", "retry"), [pytest.param(*one[1:], id=one[0]) for one in FAULTS])
async def test_each_fault_has_its_code_and_its_row(
    stand: Stand, model_server: ModelServer, rule: Rule, code: str, status: int | None, retry: bool
) -> None:
    await model_server.script(rule, says("fine now"))
    problem = await stand.problem(purpose=(of := turn()))
    assert (problem.code, problem.status, problem.retry) == (code, status, retry)
    assert problem.message[0].isupper()
    assert problem.message.endswith(".")
    [call] = await stand.calls()
    assert call.status == "error"
    assert isinstance(call.error, dict)
    assert call.error["code"] == code
    assert call.cost_usd is None
    # What the next attempt says is the step's answer.
    assert (await stand.say(purpose={**of, "attempt": 2})).text == "fine now"
    assert [(one.attempt, one.status) for one in await stand.calls()] == [(1, "error"), (2, "ok")]
    assert len(await model_server.journal()) == 2


async def test_what_was_said_before_it_broke_stands_in_the_row(stand: Stand, model_server: ModelServer) -> None:
    await model_server.script(raw(chunks([TEXT]), DONE))
    await stand.problem()
    [call] = await stand.calls()
    assert "some words" in str((await stand.bodies(call))[1])
    assert call.first_chunk_at is not None


async def test_when_to_come_back(stand: Stand, model_server: ModelServer) -> None:
    await model_server.script(fails(429, retry_after="7"))
    assert (await stand.problem()).retry_after == 7
    assert [call.retry_after_s for call in await stand.calls()] == [7]
    now = time.time()
    date = email.utils.formatdate(now + 90, usegmt=True)
    assert 88 <= (seconds_of(date, now) or 0) <= 91
    assert seconds_of(email.utils.formatdate(now - 90, usegmt=True), now) == 0
    for nonsense in (None, "soon", "inf", "nan", ""):
        assert seconds_of(nonsense, now) is None


async def test_a_wrong_key_and_an_unknown_model(db: Database, model_server: ModelServer) -> None:
    async with stand_on(db, model_server, key="wrong") as stand:
        problem = await stand.problem()
        assert (problem.code, problem.status, problem.retry) == ("llm.key", 401, False)
        assert "wrong" not in str(await stand.bodies((await stand.calls())[0]))
    async with stand_on(db, model_server) as stand:
        problem = await stand.problem(model="gpt-9")
        assert (problem.code, problem.status) == ("llm.model_unknown", 404)
        assert "'gpt-9'" in problem.message


async def test_addresses_that_are_not_for_it(db: Database, model_server: ModelServer) -> None:
    async with stand_on(db, model_server, allow=()) as stand:
        problem = await stand.problem()
        assert (problem.code, problem.retry) == ("llm.blocked", False)
    assert await model_server.journal() == []
    async with stand_on(db, model_server, url=f"http://127.0.0.1:{free()}/v1") as stand:
        problem = await stand.problem()
        assert (problem.code, problem.retry) == ("llm.server", True)
        assert [call.status for call in await stand.calls()] == ["error", "error"]


async def test_who_says_nothing_is_waited_for_a_while_only(db: Database, model_server: ModelServer) -> None:
    await model_server.script(raw(hang=True), raw(chunks([TEXT]), hang=True))
    async with stand_on(db, model_server, silence_s=0.2) as stand:
        for _ in range(2):
            problem = await stand.problem()
            assert (problem.code, problem.retry) == ("llm.timeout", True)
        assert [call.status for call in await stand.calls()] == ["error", "error"]


async def test_who_is_called_off_at_the_end_doesnt_lose_the_answer(stand: Stand, model_server: ModelServer) -> None:
    """At whichever moment: the row has ended, and a step that has its answer keeps it."""
    await model_server.script(says("words " * 5, chunk=6, tokens_per_s=200, times=0))
    for after in range(0, 60, 4):
        asked = asyncio.create_task(stand.say(purpose=(of := turn())))
        await asyncio.sleep(after / 1000)
        asked.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asked
        said = await stand.say(purpose={**of, "attempt": 2})
        assert said.text == "words " * 5
    await stand.models.close()
    assert {call.status for call in await stand.calls()} <= {"ok", "cancelled", "interrupted"}
    answered = [call for call in await stand.calls() if call.status == "ok"]
    assert len({call.turn_id for call in answered}) == len(answered) == 15


def free() -> int:
    from server.embedded.ports import free_port

    return free_port()


async def test_who_is_gone_leaves_a_row_that_says_so(stand: Stand, model_server: ModelServer) -> None:
    await model_server.script(raw(chunks([TEXT]), hang=True))
    asked = asyncio.create_task(stand.say())
    while not stand.heard:
        await asyncio.sleep(0.01)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    [call] = await stand.calls()
    assert call.status == "cancelled"
    assert "some words" in str((await stand.bodies(call))[1])
    [asked_for] = await model_server.journal()
    assert not asked_for.whole


@pytest.mark.parametrize(
    "lacks",
    [
        ["tools"],
        ["tools", "json_schema"],
        ["tools", "json_schema", "json_object"],
        ["stream_options"],
        ["stream"],
        ["max_tokens", "temperature"],
        ["tools", "json_schema", "json_object", "stream", "max_tokens", "temperature"],
    ],
    ids=" ".join,
)
async def test_a_server_that_lacks_something_answers_all_the_same(
    db: Database, tmp_path: Path, lacks: Sequence[str]
) -> None:
    in_words = '{"say": "I look", "calls": [{"tool": "workflows", "arguments": {"action": "list"}}]}'
    tool = {"type": "function", "function": {"name": "workflows", "parameters": {"type": "object"}}}
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    async with model_server_running(tmp_path / "j", lacks=lacks) as server, stand_on(db, server) as stand:
        if "tools" in lacks:
            await server.script(says(in_words, when={"user": "use a tool"}, times=0))
        else:
            await server.script(
                says("I look", tools=[("workflows", {"action": "list"})], when={"user": "use a tool"}, times=0)
            )
        await server.script(says('```json\n{"n": 3}\n```', when={"user": "give JSON"}, times=0), says("plain", times=0))
        for _ in range(2):
            said = await stand.say("use a tool", tools=[tool], max_tokens=50, temperature=0.0, purpose=(of := turn()))
            assert said.text == "I look"
            assert [(call.name, call.arguments.replace(" ", "")) for call in said.tool_calls] == [
                ("workflows", '{"action":"list"}')
            ]
            assert await stand.say("use a tool", tools=[tool], purpose=of) == said
            assert (await stand.say("give JSON", json_schema=schema, max_tokens=50)).json == {"n": 3}
            assert (await stand.say("anything", temperature=0.0)).text == "plain"
        rows, journal = await stand.calls(), await server.journal()
        assert len(rows) == len(journal)
        # What it lacks is known after the first time.
        assert [row.status for row in rows[-3:]] == ["ok"] * 3
        if lacks == ["stream"] or lacks == ["stream_options"]:
            # Found out by what was tried, so that no answer was put off by it.
            assert {row.purpose for row in rows if row.status == "error"} == {"probe"}
        # What was tried at the same time came in any order.
        told = [one.usage for one in journal if one.usage is not None]
        counted = [row for row in rows if row.usage_source == "endpoint"]
        assert sorted((row.input_tokens, row.output_tokens) for row in counted) == sorted(
            (one["prompt_tokens"], one["completion_tokens"]) for one in told
        )


async def test_json_is_mended_once(stand: Stand, model_server: ModelServer) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    await model_server.script(
        says('{"n": "three"}', usage=(10, 5)),
        says('{"n": 3}', when={"anywhere": "'three' is not of type 'integer'"}, usage=(20, 5)),
        says("no JSON at all", times=0),
    )
    said = await stand.say("give", json_schema=schema)
    assert said.json == {"n": 3}
    assert (said.usage.input, said.usage.output) == (30, 10)
    first, second = (call for call in await stand.calls() if call.purpose == "chat")
    assert (second.parent_id, second.subject, second.call_id) == (first.call_id, "repair", said.call_id)
    problem = await stand.problem("give", json_schema=schema)
    assert (problem.code, problem.retry) == ("llm.malformed", False)


def test_the_limit_is_below_what_a_fault_says() -> None:
    assert LONGEST < 10_000_000
