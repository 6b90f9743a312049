"""What the model is given: always the same beginning, then what was said and done, oldest first.

    system (static)  →  what the conversation was about before (summary)  →  finished turns  →  this turn: the message, steps, results

An endpoint that keeps prefixes of requests can use all but the end of it again, so nothing that changes from call to call stands in front: no
clock, no id. A call and its result are never parted; a call that wasn't made, since its turn ended before, says so, since endpoints refuse a
call without a result.

Whatever a tool gives is data: it travels in the role of a tool, as JSON, and the instructions say that nothing in it is an instruction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from engine.expressions.values import Json
from modules.sdk.json_bytes import dumps

JsonObject = dict[str, Json]

NOT_MADE: Final[JsonObject] = {"error": "not_made", "message": "The turn ended before this was done."}
_CHARACTERS_PER_TOKEN = 3.5
"""Of English and JSON, roughly: enough to decide when to sum up."""


@dataclass(frozen=True, slots=True)
class PastCall:
    """`content` None: it wasn't made."""

    id: str
    name: str
    arguments: str
    content: Json = None
    made: bool = False


@dataclass(frozen=True, slots=True)
class PastStep:
    text: str
    calls: tuple[PastCall, ...] = ()


@dataclass(frozen=True, slots=True)
class PastTurn:
    """`note`: what the person saw of the turn's end beside the texts, as that they stopped it."""

    turn_id: str
    question: str
    steps: tuple[PastStep, ...] = ()
    note: str | None = None


def messages_of(system: str, about: str, summary: str | None, turns: Sequence[PastTurn]) -> list[JsonObject]:
    """OpenAI's messages. `about`: what the conversation is bound to, in one sentence, or empty."""
    made: list[JsonObject] = [{"role": "system", "content": system}]
    if summary is not None:
        made.append({"role": "system", "content": f"What was said before, summed up:\n{summary}"})
    for number, turn in enumerate(turns):
        said = turn.question
        if number == 0 and about:
            said = f"({about})\n\n{said}"
        made.append({"role": "user", "content": said})
        for step in turn.steps:
            made += _step(step)
        if turn.note is not None:
            made.append({"role": "assistant", "content": f"({turn.note})"})
    return made


def size(messages: Sequence[JsonObject]) -> int:
    """Tokens, roughly."""
    return round(len(dumps([*messages])) / _CHARACTERS_PER_TOKEN)


def older(turns: Sequence[PastTurn], keep: int, room: int) -> int:
    """How many of the oldest turns are to be summed up, so that the rest fits `room` tokens; the last `keep` stay whatever they take."""
    count, left = 0, size(messages_of("", "", None, turns))
    while left > room and count < len(turns) - keep:
        left -= size(messages_of("", "", None, [turns[count]]))
        count += 1
    return count


def _step(step: PastStep) -> list[JsonObject]:
    if not step.calls:
        return [{"role": "assistant", "content": step.text}]
    calls: list[Json] = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in step.calls
    ]
    results: list[JsonObject] = [
        {
            "role": "tool",
            "tool_call_id": call.id,
            "content": dumps(call.content if call.made else NOT_MADE).decode("utf-8", "replace"),
        }
        for call in step.calls
    ]
    return [{"role": "assistant", "content": step.text or None, "tool_calls": calls}, *results]
