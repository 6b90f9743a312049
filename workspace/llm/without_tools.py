"""Tools for models that have none: they are told of them in words, answer in JSON what to call, and read results as text. No I/O.

    {"say": "I look what is there", "calls": [{"tool": "workflows", "arguments": {"action": "list"}}]}

What was called and what came of it stands in the conversation in the same form, so that the model sees its own answers as it gave them.
"""

from __future__ import annotations

from typing import Final

from modules.sdk.json import Json, JsonObject
from modules.sdk.json_bytes import dumps
from workspace.llm.asking import ToolCall

ACTIONS_SCHEMA: Final[JsonObject] = {
    "type": "object",
    "properties": {
        "say": {"type": "string"},
        "calls": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"tool": {"type": "string"}, "arguments": {"type": "object"}},
                "required": ["tool", "arguments"],
            },
        },
    },
    "required": ["say", "calls"],
}


def without_tools(messages: list[JsonObject], tools: list[JsonObject]) -> list[JsonObject]:
    """The same conversation without anything that a model without tools can't read; with `tools`, they are explained in front."""
    plain = [_plain(message) for message in messages]
    if not tools:
        return plain
    told = "\n".join(dumps(tool.get("function")).decode() for tool in tools)
    words = (
        "You have these tools, one a line as JSON (name, what it is for, JSON Schema of its arguments):\n"
        f"{told}\n"
        'Answer always with one JSON object {"say": text for the person, "calls": [{"tool": name, "arguments": {…}}]} and nothing else. '
        "`calls` is empty when you are done. You get the results in the next message."
    )
    return joined_system(plain, words)


def actions_in(value: Json, call_of: str) -> tuple[str, tuple[ToolCall, ...]] | None:
    """The text and the calls that an answer stands for; None where it isn't in that form. `call_of` makes their ids."""
    if not isinstance(value, dict) or not isinstance(say := value.get("say"), str):
        return None
    calls = value.get("calls", [])
    if not isinstance(calls, list):
        return None
    found: list[ToolCall] = []
    for place, call in enumerate(calls):
        if not isinstance(call, dict) or not isinstance(tool := call.get("tool"), str):
            return None
        found.append(ToolCall(f"call_{call_of}_{place}", tool, dumps(call.get("arguments", {})).decode()))
    return say, tuple(found)


def joined_system(messages: list[JsonObject], words: str) -> list[JsonObject]:
    """With `words` at the end of what the system says: some servers take one such message only, and only in front."""
    if messages and messages[0].get("role") == "system" and isinstance(said := messages[0].get("content"), str):
        return [{**messages[0], "content": f"{said}\n\n{words}"}, *messages[1:]]
    return [{"role": "system", "content": words}, *messages]


def _plain(message: JsonObject) -> JsonObject:
    role = message.get("role")
    if role == "tool":
        return {"role": "user", "content": f"Result of {message.get('tool_call_id')}: {message.get('content')}"}
    calls = message.get("tool_calls")
    if role != "assistant" or not isinstance(calls, list):
        return message
    made: list[Json] = []
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(call, dict) and isinstance(function, dict):
            made.append({"tool": function.get("name"), "arguments": function.get("arguments"), "id": call.get("id")})
    said = message.get("content")
    return {
        "role": "assistant",
        "content": dumps({"say": said if isinstance(said, str) else "", "calls": made}).decode(),
    }
