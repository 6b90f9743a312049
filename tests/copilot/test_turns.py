"""A turn as a person sees it: what is said, told, kept, stopped and refused."""

from __future__ import annotations

import asyncio

from tests.copilot.conftest import Talk, Told
from tests.fixtures.api import problem
from tests.fixtures.model_server import calls, fails, says


def text_of(events: list[Told]) -> str:
    """What a client that adds up pieces has of the assistant's words."""
    own = {one.data["messageId"] for one in events if one.data.get("role") == "user"}
    return "".join(
        one.data["delta"]
        for one in events
        if one.data["type"] == "TEXT_MESSAGE_CONTENT" and one.data["messageId"] not in own
    )


async def test_a_message_is_answered_and_all_is_kept(talk: Talk) -> None:
    await talk.models.script(says("Hello, I build workflows.", when={"user": "greet"}))
    turn = await talk.say("greet me")
    events = [event async for event in talk.events(turn["after_seq"])]
    assert (events[0].data["type"], events[-1].data["type"]) == ("RUN_STARTED", "RUN_FINISHED")
    assert text_of(events) == "Hello, I build workflows."
    answer = await talk.answer(turn)
    assert (answer["content"], answer["status"]) == ("Hello, I build workflows.", "completed")
    assert [(one["role"], one["content"]) for one in await talk.messages()] == [
        ("user", "greet me"),
        ("assistant", "Hello, I build workflows."),
    ]
    again = [event async for event in talk.events(turn["after_seq"])]
    assert text_of(again) == "Hello, I build workflows."


async def test_what_was_said_before_is_in_the_next_request(talk: Talk) -> None:
    await talk.models.script(says("One.", when={"user": "first"}), says("Two.", when={"user": "second"}))
    await talk.ask("first question")
    await talk.ask("second question")
    [*_, last] = [one for one in await talk.models.journal() if not one.probe]
    said = [(each["role"], each.get("content")) for each in last.body["messages"]]
    assert said[0][0] == "system"
    assert said[1:] == [("user", "first question"), ("assistant", "One."), ("user", "second question")]


async def test_a_tool_is_used_and_its_result_goes_back(talk: Talk) -> None:
    await talk.models.script(
        calls(("modules", {"action": "search", "query": "http"}), text="I look.", when={"user": "which", "results": 0}),
        says("There is http.request.", when={"user": "which", "results": 1}),
    )
    turn = await talk.say("which module fetches pages?")
    events = [event async for event in talk.events(turn["after_seq"])]
    answer = await talk.answer(turn)
    assert answer["content"] == "I look.\n\nThere is http.request."
    kinds = [one.data["type"] for one in events]
    assert kinds.index("TOOL_CALL_START") < kinds.index("TOOL_CALL_RESULT")
    [*_, last] = [one for one in await talk.models.journal() if not one.probe]
    assert [each["role"] for each in last.body["messages"]][-3:] == ["user", "assistant", "tool"]
    assert "http.request" in last.body["messages"][-1]["content"]


async def test_one_turn_at_a_time_and_it_can_be_stopped(talk: Talk) -> None:
    await talk.models.script(says("word " * 400, when={"user": "long"}, tokens_per_s=20))
    turn = await talk.say("a long story")
    path = f"/copilot/conversations/{talk.id}/messages"
    problem(await talk.client.post(path, json={"content": "and?"}), 409, "turn.in_progress")
    problem(await talk.client.delete(f"/copilot/conversations/{talk.id}"), 409, "turn.in_progress")
    async for event in talk.events(turn["after_seq"]):
        if event.data["type"] == "TEXT_MESSAGE_CONTENT" and "word" in event.data["delta"]:
            break
    stopped = await talk.client.post(f"/copilot/turns/{turn['turn_id']}/cancel")
    assert stopped.status_code == 200
    assert (await talk.answer(turn))["status"] == "cancelled"
    await talk.models.script(says("Yes.", when={"user": "there"}))
    assert (await talk.ask("are you there?"))["content"] == "Yes."


async def test_a_model_server_that_refuses_is_told_in_a_sentence(talk: Talk) -> None:
    await talk.models.script(fails(401, "no such key", when={"user": "hello"}))
    turn = await talk.say("hello")
    [*_, last] = [event async for event in talk.events(turn["after_seq"])]
    assert (last.data["type"], last.data["code"]) == ("RUN_ERROR", "llm.key")
    answer = await talk.answer(turn)
    assert answer["status"] == "failed"
    assert "MILLSTREAM_LLM_API_KEY" in answer["content"] or "key" in answer["content"]


async def test_what_can_not_be_said_is_refused(talk: Talk) -> None:
    path = f"/copilot/conversations/{talk.id}/messages"
    problem(await talk.client.post(path, json={"content": "x" * 100_001}), 413, "message.too_large")
    problem(await talk.client.post(path, json={"content": " "}), 422, "request.invalid")
    problem(await talk.client.post(path, json={"content": "x", "other": 1}), 422, "request.invalid")
    problem(await talk.client.get("/copilot/conversations/none"), 404, "conversation.unknown")
    problem(await talk.client.post("/copilot/turns/none/cancel"), 404, "turn.unknown")
    for other in (talk.api.editor, talk.api.foreign):
        problem(await other.get(f"/copilot/conversations/{talk.id}"), 404, "conversation.unknown")
        problem(await other.post(path, json={"content": "x"}), 404, "conversation.unknown")
    assert await talk.messages() == []


async def test_two_watchers_hear_the_same(talk: Talk) -> None:
    await talk.models.script(says("a long enough answer to come in pieces", when={"user": "go"}, chunk=3))

    async def watch() -> str:
        return text_of([event async for event in talk.events()])

    watching = [asyncio.create_task(watch()) for _ in range(2)]
    await talk.say("go")
    assert [await one for one in watching] == ["a long enough answer to come in pieces"] * 2
