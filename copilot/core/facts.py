"""What is told of a conversation: facts as they are kept, and the events of AG-UI that they become.

A fact is kept once and has a number; deltas of a text that is being written are told and forgotten. Whoever watches live has read a text
by the time its fact comes; whoever was away has not, or has read the text of an attempt that broke off. `Teller` knows what one watcher was
told, and gives each the events that are missing, so that any client that adds up the events has the right text.

    turn_started   {"kind", "message_id", "content"}            the person's message
    text           {"kind", "message_id", "text"}               what the model said at a step
    tool_started   {"kind", "call_id", "name", "arguments", "message_id"}
    tool_done      {"kind", "call_id", "content", "fact", "error"}
    asked          {"kind", "name", "value"}                    an approval or a question: a person's turn
    turn_ended     {"kind", "status", "stop", "error"}
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from engine.expressions.values import Json

JsonObject = dict[str, Json]
RESET = "text_reset"
"""The name of the custom event that takes back what was told of a message's text."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a text that is being written: it begins after `offset` characters. An offset of 0 begins anew."""

    message_id: str
    offset: int
    text: str


class Teller:
    """What one watcher of a conversation is told."""

    def __init__(self, conversation_id: str) -> None:
        self._conversation = conversation_id
        self._told: dict[str, str] = {}
        self._whole: set[str] = set()

    def delta(self, delta: Delta) -> Iterator[JsonObject]:
        """Nothing, if a piece before it is missing: then the fact brings the whole."""
        if delta.message_id in self._whole:
            return
        told = self._told.get(delta.message_id)
        if delta.offset == 0 and told:
            yield self._reset(delta.message_id)
        elif delta.offset != len(told or ""):
            return
        if told is None:
            yield _start(delta.message_id)
        self._told[delta.message_id] = (told or "") * (delta.offset > 0) + delta.text
        if delta.text:
            yield _content(delta.message_id, delta.text)

    def fact(self, turn_id: str, fact: JsonObject) -> Iterator[JsonObject]:
        """The events of a fact, in their order."""
        kind = fact.get("kind")
        if kind == "text":
            yield from self._text(str(fact["message_id"]), str(fact["text"]))
        elif kind == "turn_started":
            yield {"type": "RUN_STARTED", "threadId": self._conversation, "runId": turn_id}
            message = str(fact["message_id"])
            yield {"type": "TEXT_MESSAGE_START", "messageId": message, "role": "user"}
            if fact["content"]:
                yield _content(message, str(fact["content"]))
            yield {"type": "TEXT_MESSAGE_END", "messageId": message}
        elif kind == "tool_started":
            call = fact["call_id"]
            yield {
                "type": "TOOL_CALL_START",
                "toolCallId": call,
                "toolCallName": fact["name"],
                "parentMessageId": fact["message_id"],
            }
            yield {"type": "TOOL_CALL_ARGS", "toolCallId": call, "delta": fact["arguments"]}
            yield {"type": "TOOL_CALL_END", "toolCallId": call}
        elif kind == "tool_done":
            call = str(fact["call_id"])
            yield {
                "type": "TOOL_CALL_RESULT",
                "messageId": f"{call}:result",
                "toolCallId": call,
                "content": fact["content"],
                "role": "tool",
            }
            if fact.get("fact") is not None:
                shown = cast("JsonObject", fact["fact"])
                yield {"type": "CUSTOM", "name": str(shown.get("kind", "fact")), "value": shown}
        elif kind == "asked":
            yield {"type": "CUSTOM", "name": fact["name"], "value": fact["value"]}
        elif kind == "turn_ended":
            yield from self._ended(turn_id, fact)

    def _text(self, message: str, text: str) -> Iterator[JsonObject]:
        told = self._told.pop(message, None)
        self._whole.add(message)
        if told is None:
            yield _start(message)
            told = ""
        elif not text.startswith(told):
            yield self._reset(message)
            told = ""
        if rest := text[len(told) :]:
            yield _content(message, rest)
        yield {"type": "TEXT_MESSAGE_END", "messageId": message}

    def _ended(self, turn_id: str, fact: JsonObject) -> Iterator[JsonObject]:
        # What was being written when the turn ended is no part of it.
        for message in list(self._told):
            del self._told[message]
            yield self._reset(message)
            yield {"type": "TEXT_MESSAGE_END", "messageId": message}
        error = fact.get("error")
        if fact["status"] == "failed" and isinstance(error, dict):
            yield {"type": "RUN_ERROR", "message": error["message"], "code": error["code"]}
            return
        result: JsonObject = {"status": fact["status"], "stop": fact.get("stop")}
        yield {"type": "RUN_FINISHED", "threadId": self._conversation, "runId": turn_id, "result": result}

    def _reset(self, message: str) -> JsonObject:
        return {"type": "CUSTOM", "name": RESET, "value": {"messageId": message}}


def _start(message: str) -> JsonObject:
    return {"type": "TEXT_MESSAGE_START", "messageId": message, "role": "assistant"}


def _content(message: str, text: str) -> JsonObject:
    return {"type": "TEXT_MESSAGE_CONTENT", "messageId": message, "delta": text}
