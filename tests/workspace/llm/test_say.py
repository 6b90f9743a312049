"""Answers: whole, on record before anybody has them, counted as the server counts, and never asked for twice."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import asyncpg

from db import llm_settings
from db.ids import new_uuid7
from db.pool import Database
from tests.fixtures.model_server import ModelServer, calls, chunks, fails, raw, says
from tests.workspace.llm.stand import MASTER, Stand, stand_on, turn
from workspace.key_store import DatabaseKeys
from workspace.keys import Vault
from workspace.llm.answer import Answer
from workspace.llm.asking import Delta, PromptName, Said, ToolCall
from workspace.llm.budget import Limits
from workspace.log_seal import WorkspaceLogSeal

TOOL = {"type": "function", "function": {"name": "workflows", "parameters": {"type": "object"}}}


async def test_an_answer_and_its_row(stand: Stand, model_server: ModelServer) -> None:
    await model_server.script(says("hello, what a day", chunk=4, usage=(120, 8)))
    conversation = new_uuid7()
    said = await stand.say(
        "greet me",
        purpose={
            "purpose": "build",
            "conversation_id": conversation,
            "message_id": new_uuid7(),
            "subject": "orders",
            "prompt": PromptName("build", "3", "h4sh"),
            "temporal": ("copilot-turn:1", "run"),
            "trace_id": "t1",
        },
        temperature=0.5,
        max_tokens=100,
    )
    assert (said.text, said.finish, said.model, said.tool_calls) == ("hello, what a day", "stop", "test-model", ())
    assert (said.usage.input, said.usage.output, said.usage.source) == (120, 8, "endpoint")
    assert said.cost_usd is None
    assert "".join(delta.text for delta in stand.heard) == said.text
    assert len(stand.heard) == 5
    [call] = await stand.calls(conversation_id=conversation)
    assert (call.call_id, call.status, call.purpose, call.subject) == (said.call_id, "ok", "build", "orders")
    assert (call.request_model, call.response_model, call.host) == ("test-model", "test-model", stand.endpoint.host)
    assert (call.prompt_name, call.prompt_version, call.prompt_hash) == ("build", "3", "h4sh")
    assert (call.temporal_workflow_id, call.temporal_run_id, call.trace_id) == ("copilot-turn:1", "run", "t1")
    assert (call.input_tokens, call.output_tokens, call.cache_read_tokens, call.cost_usd) == (120, 8, None, None)
    assert (call.finish_reasons, call.http_status, call.error) == (["stop"], 200, None)
    assert call.first_chunk_at is not None
    assert call.finished_at is not None
    assert call.started_at <= call.first_chunk_at <= call.finished_at
    assert call.time_to_first_token_ms is not None
    assert call.duration_ms is not None
    assert call.chunks is not None
    assert call.chunks > 5
    assert call.parameters == {
        "temperature": 0.5,
        "max_tokens": 100,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    request, response = await stand.bodies(call)
    assert isinstance(request, dict)
    assert request["messages"] == [{"role": "user", "content": "greet me"}]
    assert isinstance(response, dict)
    [choice] = response["choices"]  # type: ignore[misc]
    assert choice["message"]["content"] == said.text  # type: ignore[call-overload, index]


async def test_calls_of_tools_come_whole(stand: Stand, model_server: ModelServer) -> None:
    await model_server.script(
        calls(("workflows", {"action": "list"}), ("workflows", '{"action": "ge'), text="I look", usage=(10, 5))
    )
    said = await stand.say("do", tools=[TOOL])
    assert said.text == "I look"
    assert [(call.name, call.arguments) for call in said.tool_calls] == [
        ("workflows", '{"action": "list"}'),
        ("workflows", '{"action": "ge'),
    ]
    assert len({call.id for call in said.tool_calls}) == 2
    assert said.finish == "tool_calls"
    assert next(delta.text for delta in stand.heard if delta.kind == "tool") == "workflows"
    *probes, call = await stand.calls()
    assert [probe.purpose for probe in probes] == ["probe", "probe"]
    assert call.tools_hash is not None


def test_tool_calls_of_servers_that_do_it_their_own_way() -> None:
    heard: list[Delta] = []
    answer = Answer(heard.append)
    # No index; a later one whole, with the index of the first.
    answer.feed(
        chunks(
            [{"delta": {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": '{"x"'}}]}}],
            [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}}],
            [{"delta": {"tool_calls": [{"index": 0, "id": "b", "function": {"name": "g", "arguments": {"y": 2}}}]}}],
            [{"delta": {}, "finish_reason": "tool_calls"}],
            usage={"prompt_tokens": 3, "completion_tokens": True},  # type: ignore[dict-item]
        ).encode()
    )
    answer.end()
    assert answer.tool_calls == (ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "g", '{"y":2}'))
    assert answer.usage is not None
    assert (answer.usage.input, answer.usage.output) == (3, None)


async def test_a_step_that_was_answered_is_not_asked_again(stand: Stand, model_server: ModelServer) -> None:
    await model_server.script(calls(("t", {"a": 1}), text="first"), says("second"))
    of = turn(step=2)
    first = await stand.say(purpose=of)
    again = await stand.say(purpose={**of, "attempt": 2})
    assert again == first
    assert len(await stand.calls()) == 1
    assert (await stand.say(purpose={**of, "step": 3})).text == "second"
    assert len(await model_server.journal()) == 2


async def test_attempts_at_a_step_have_numbers_of_their_own(stand: Stand, model_server: ModelServer) -> None:
    await model_server.script(raw(chunks([]), "data: [DONE]\n\n", times=2), says("third"))
    of = turn()
    assert (await stand.problem(purpose=of)).code == "llm.empty"
    # A second first attempt: of a workflow that was started anew.
    assert (await stand.problem(purpose=of)).code == "llm.empty"
    assert (await stand.say(purpose={**of, "attempt": 7})).text == "third"
    assert [(call.attempt, call.status) for call in await stand.calls()] == [(1, "error"), (2, "error"), (7, "ok")]


async def test_many_at_once(stand: Stand, model_server: ModelServer) -> None:
    await model_server.script(says("answer to all", times=0, usage=(7, 3)))
    said = await asyncio.gather(*(stand.say(f"n{n}") for n in range(60)))
    assert {one.text for one in said} == {"answer to all"}
    rows = await stand.calls()
    assert {row.status for row in rows} == {"ok"}
    journal = await model_server.journal()
    assert len(rows) == len(journal) == 60
    assert sum(row.input_tokens or 0 for row in rows) == sum((one.usage or {})["prompt_tokens"] for one in journal)


async def test_a_secret_of_the_workspace_goes_nowhere(stand: Stand, model_server: ModelServer) -> None:
    secret = "s3cret-of-the-shop"
    await stand.secret("TOKEN", secret)
    await model_server.script(says(f"it is {secret}", times=2), says("fine", times=0))
    said = await stand.say(f"my token is {secret}")
    assert said.text == "it is ***"
    [call] = await stand.calls()
    assert secret not in str(await stand.bodies(call))
    assert secret not in str([one.body for one in await model_server.journal()])
    # A step may send it; its row shows it no more than that of anybody.
    await stand.say(f"sign in with {secret}", purpose={"purpose": "module"})
    assert secret in str((await model_server.journal())[-1].body)
    call = (await stand.calls())[-1]
    assert secret not in str(await stand.bodies(call))
    assert model_server.key not in str(await stand.bodies(call))


async def test_prices_are_the_workspaces_own_or_nobodys(stand: Stand, model_server: ModelServer) -> None:
    await model_server.script(says("a", usage=(1_000_000, 100_000), times=0))
    assert (await stand.say()).cost_usd is None
    async with stand.db.tenant(stand.workspace_id) as connection:
        await llm_settings.put_price(
            connection,
            stand.workspace_id,
            "test-model",
            input_usd=Decimal("2.5"),
            output_usd=Decimal(10),
            cache_read_usd=None,
            cache_write_usd=None,
        )
    assert (await stand.say()).cost_usd == Decimal("3.5")
    before, after = await stand.calls()
    assert (before.cost_usd, before.price_source) == (None, None)
    assert (after.cost_usd, after.price_source) == (Decimal("3.5"), "workspace")


async def test_over_its_budget_a_workspace_sends_nothing(db: Database, model_server: ModelServer) -> None:
    await model_server.script(says("a", usage=(60, 50), times=0))
    async with stand_on(db, model_server, limits=Limits(daily_tokens=100)) as stand:
        await stand.say()
        problem = await stand.problem()
        assert (problem.code, problem.retry) == ("llm.budget", False)
        assert "100 tokens" in problem.message
        assert len(await model_server.journal()) == len(await stand.calls()) == 1
        async with db.tenant(stand.workspace_id) as connection:
            await llm_settings.put_budget(connection, stand.workspace_id, llm_settings.Budget(1000, Decimal(0)))
        assert "$0 a day" in (await stand.problem()).message
        async with db.tenant(stand.workspace_id) as connection:
            await llm_settings.put_budget(connection, stand.workspace_id, llm_settings.Budget(1000, None))
        assert (await stand.say()).text == "a"


async def test_in_a_workspace_that_encrypts_its_logs_nothing_can_be_read(
    stand: Stand, model_server: ModelServer, database_url: str
) -> None:
    stand.db.seal_by(WorkspaceLogSeal(stand.db, Vault(MASTER, DatabaseKeys(stand.db)), fresh_s=0))
    await model_server.script(says("a private answer", times=1), fails(500, "a private trouble"))
    of = turn()
    admin = await asyncpg.connect(database_url)
    await admin.execute("update workspaces set encrypt_logs = true")
    said = await stand.say("a private question", purpose=of)
    await stand.problem("another question")
    kept = [bytes(row["body"][:1]) for row in await admin.fetch("select body from llm_bodies")]
    errors = str([row["error"] for row in await admin.fetch("select error from copilot_llm_monitor_logs")])
    await admin.close()
    assert set(kept) == {b"\x01"}  # what is compressed alone begins otherwise
    assert "private" not in errors
    assert await stand.say("again", purpose={**of, "attempt": 2}) == said
    first, second = await stand.calls()
    assert "a private question" in str(await stand.bodies(first))
    assert isinstance(second.error, dict)
    assert "a private trouble" in str(second.error["message"])


async def test_what_is_known_of_a_model_is_found_out_again_when_it_is_old(
    stand: Stand, model_server: ModelServer
) -> None:
    await model_server.script(says("fine", times=0))
    for _ in range(2):
        await stand.say(tools=[TOOL])
    assert [call.purpose for call in await stand.calls()].count("probe") == 2
    async with stand.db.engine() as connection:
        await connection.script("update llm_abilities set probed_at = now() - interval '8 days'")
    async with stand_on(stand.db, model_server) as another:
        await another.say(tools=[TOOL])
        await another.say(tools=[TOOL])
    assert [call.purpose for call in await stand.calls()].count("probe") == 4


async def test_a_server_that_cannot_be_asked_is_supposed_to_do_everything(
    stand: Stand, model_server: ModelServer
) -> None:
    probes = {"system": "Millstream tries"}
    await model_server.script(fails(503, when=probes, times=2), calls(("workflows", {}), times=0))
    assert (await stand.say(tools=[TOOL])).tool_calls
    assert (await stand.say(tools=[TOOL])).tool_calls
    assert [call.status for call in await stand.calls() if call.purpose == "probe"] == ["error"] * 2 + ["ok"] * 2


async def test_an_attempt_at_a_step_of_a_run_pays_for_its_answer_once(stand: Stand, model_server: ModelServer) -> None:
    await stand.secret("TOKEN", "a-t0ken-of-the-shop")
    await model_server.script(
        says("it is a-t0ken-of-the-shop", when={"user": "tell"}, times=0),
        says("no JSON", when={"user": "JSON", "results": 0}),
        says('{"n": 1}', times=0, usage=(9, 3)),
    )
    of = {"purpose": "module", "run_id": new_uuid7(), "path": "each[3]/ask", "attempt": 1}
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    async def asked(text: str, **more: object) -> tuple[Said, int]:
        before = len(await model_server.journal())
        said = await stand.say(text, purpose={**of, **more}, json_schema=schema if text == "JSON" else None)
        return said, len(await model_server.journal()) - before

    first, requests = await asked("JSON")
    assert (first.json, requests) == ({"n": 1}, 4)  # two that try, one that is no JSON, and its repair
    again, requests = await asked("JSON")
    assert (again, requests) == (first, 0)
    for other in ({"attempt": 2}, {"path": "each[4]/ask"}, {"run_id": new_uuid7()}):
        assert (await asked("JSON", **other))[1] == 1
    # What its row doesn't keep as it was said is asked for again.
    for _ in range(2):
        said, requests = await asked("tell")
        assert (said.text, requests) == ("it is a-t0ken-of-the-shop", 1)
