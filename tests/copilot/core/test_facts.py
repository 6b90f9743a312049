"""Whoever adds up the events has the texts as they were said, however much of the pieces they got."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from copilot.core.facts import RESET, Delta, JsonObject, Teller


class Client:
    """Adds up events, as any client of AG-UI does, and knows the one custom event that takes a text back."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.open: set[str] = set()
        self.ended: list[str] = []

    def hear(self, event: JsonObject) -> None:
        message = str(event.get("messageId"))
        match event["type"]:
            case "TEXT_MESSAGE_START":
                assert message not in self.texts
                self.texts[message] = ""
                self.open.add(message)
            case "TEXT_MESSAGE_CONTENT":
                assert message in self.open
                assert event["delta"]
                self.texts[message] += str(event["delta"])
            case "TEXT_MESSAGE_END":
                self.open.remove(message)
            case "CUSTOM" if event["name"] == RESET:
                value = event["value"]
                assert isinstance(value, dict)
                self.texts[str(value["messageId"])] = ""
            case "RUN_FINISHED" | "RUN_ERROR":
                self.ended.append(str(event["type"]))
            case _:
                pass


def pieces(text: str, cuts: list[int], message: str = "m:1") -> list[Delta]:
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    return [
        Delta(message, start, text[start:end])
        for start, end in zip(places, [*places[1:], len(text)], strict=True)
        if start < end
    ]


@given(st.text(max_size=60), st.text(max_size=30), st.lists(st.integers(0, 60), max_size=6), st.data())
def test_a_text_is_whole_whatever_pieces_were_lost(
    text: str, broken: str, cuts: list[int], data: st.DataObject
) -> None:
    teller, client = Teller("c"), Client()
    # An attempt that broke off, then the one that went well; any of the pieces may be lost.
    deltas = [*pieces(broken, cuts), *pieces(text, cuts)]
    for delta in deltas:
        if data.draw(st.booleans()):
            for event in teller.delta(delta):
                client.hear(event)
    for event in teller.fact("t", {"kind": "text", "message_id": "m:1", "text": text}):
        client.hear(event)
    for late in deltas:
        assert list(teller.delta(late)) == []
    assert client.texts["m:1"] == text
    assert client.open == set()


def test_what_was_being_written_when_the_turn_ended_is_taken_back() -> None:
    teller, client = Teller("c"), Client()
    for event in teller.delta(Delta("m:1", 0, "half of it")):
        client.hear(event)
    for event in teller.fact("t", {"kind": "turn_ended", "status": "cancelled", "stop": None, "error": None}):
        client.hear(event)
    assert (client.texts, client.open, client.ended) == ({"m:1": ""}, set(), ["RUN_FINISHED"])


def test_a_turn_that_failed_says_why() -> None:
    error: JsonObject = {"code": "llm.key", "message": "The model server refuses the key."}
    [event] = Teller("c").fact("t", {"kind": "turn_ended", "status": "failed", "stop": None, "error": error})
    assert event == {"type": "RUN_ERROR", "message": "The model server refuses the key.", "code": "llm.key"}


def test_a_tool_call_is_told_with_its_result_and_what_people_see_of_it() -> None:
    teller = Teller("c")
    started: JsonObject = {
        "kind": "tool_started",
        "call_id": "t:1.0",
        "name": "workflows",
        "arguments": "{}",
        "message_id": "m:1",
    }
    done: JsonObject = {
        "kind": "tool_done",
        "call_id": "t:1.0",
        "content": "{}",
        "fact": {"kind": "draft_edited", "revision": 2},
        "error": None,
    }
    told = [event["type"] for fact in (started, done) for event in teller.fact("t", fact)]
    assert told == ["TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "TOOL_CALL_RESULT", "CUSTOM"]
