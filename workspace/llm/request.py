"""The body of a request, as the endpoint can take it, and the JSON in an answer. No I/O."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from modules.sdk.json import Json, JsonObject
from modules.sdk.json_bytes import dumps
from modules.sdk.strict_json import parse_json
from workspace.llm.abilities import Abilities
from workspace.llm.asking import Ask
from workspace.llm.without_tools import ACTIONS_SCHEMA, joined_system, without_tools

_FENCED: Final = re.compile(r"\A\s*```[a-zA-Z]*\s*\n(.*?)\n?```\s*\Z", re.DOTALL)
_PARAMETERS: Final = (
    "temperature",
    "max_tokens",
    "max_completion_tokens",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "stream",
    "stream_options",
)


def emulates(ask: Ask, abilities: Abilities) -> bool:
    """Whether tools are asked for in words."""
    return bool(ask.tools) and ask.tool_choice != "none" and not abilities.tools


def body_of(ask: Ask, model: str, abilities: Abilities) -> JsonObject:
    """In an order that keeps what is the same from call to call in front: caches of prompts go by the beginning."""
    messages, schema = ask.messages, ask.json_schema
    if not abilities.tools:
        messages = without_tools(messages, ask.tools if emulates(ask, abilities) else [])
        schema = ACTIONS_SCHEMA if emulates(ask, abilities) else schema
    body: JsonObject = {"model": model}
    if ask.tools and abilities.tools:
        body["tools"] = [*ask.tools]
        if ask.tool_choice != "auto":
            body["tool_choice"] = ask.tool_choice
        if not abilities.parallel_tools:
            body["parallel_tool_calls"] = False
    if schema is not None:
        mode = _mode(schema, abilities)
        if mode == "json_schema":
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": schema, "strict": is_strict(schema)},
            }
        else:
            if mode == "json_object":
                body["response_format"] = {"type": "json_object"}
            messages = _told(messages, schema)
    body["messages"] = [*messages]
    if ask.temperature is not None and abilities.temperature:
        body["temperature"] = ask.temperature
    if ask.max_tokens is not None and abilities.token_limit is not None:
        body[abilities.token_limit] = ask.max_tokens
    if abilities.streams:
        body["stream"] = True
        if abilities.stream_usage:
            body["stream_options"] = {"include_usage": True}
    return body


def parameters_of(body: JsonObject) -> JsonObject:
    """What of a body is neither what was said nor the tools."""
    return {name: body[name] for name in _PARAMETERS if name in body}


def hash_of_tools(body: JsonObject) -> str | None:
    tools = body.get("tools")
    return None if not tools else hashlib.sha256(dumps(tools)).hexdigest()


def json_in(text: str) -> Json:
    """The JSON that a text is, or has in a fence. Raises ParseError."""
    fenced = _FENCED.match(text)
    return parse_json((fenced[1] if fenced else text).strip())


def repair_of(ask: Ask, said: str, problems: str) -> Ask:
    """The same once more, with what was wrong."""
    more: list[JsonObject] = [
        {"role": "assistant", "content": said},
        {
            "role": "user",
            "content": f"That doesn't fit the JSON Schema that was asked for: {problems} "
            "Answer again, with the whole JSON value and nothing else.",
        },
    ]
    return Ask([*ask.messages, *more], [], ask.model, ask.json_schema, ask.temperature, ask.max_tokens, "none")


def is_strict(schema: Json) -> bool:
    """Whether each object in it lists all that it may have, as servers want it of what they hold a model to."""
    if isinstance(schema, list):
        return all(is_strict(item) for item in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        required = schema.get("required")
        names = set(properties) if isinstance(properties, dict) else set[str]()
        listed = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set[str]()
        if schema.get("additionalProperties") is not False or names != listed:
            return False
    return all(is_strict(item) for item in schema.values())


def _mode(schema: JsonObject, abilities: Abilities) -> str:
    # Servers take objects only.
    return abilities.json_mode if schema.get("type") == "object" else "text"


def _told(messages: list[JsonObject], schema: JsonObject) -> list[JsonObject]:
    words = f"Answer with one JSON value and nothing else. It has to fit this JSON Schema: {dumps(schema).decode()}"
    return joined_system(messages, words)
