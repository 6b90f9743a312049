"""What a model at an endpoint can do, and how a request is put so that it can be met.

Nobody tells beforehand, so it is tried: three small requests, whose rows have the purpose `probe`, when tools or JSON are wanted for the first
time and when that is long ago. What a server refuses later on is noted as well, and the request is put another way:

    tools            → JSON that says which tools to call (`without_tools.py`)
    json_schema      → json_object with the schema in words → words alone; what comes is checked in any case
    max_tokens       → max_completion_tokens → no limit
    temperature, parallel_tool_calls, stream_options, stream    → left out
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from db.llm_settings import JsonMode, TokenLimit
from modules.sdk.json import Json, JsonObject
from workspace.egress.adapters.llm_exchange import ModelRefused

STALE_S = 7 * 86_400.0
PROBE_SYSTEM: Final = "Millstream tries what this model can do."


@dataclass(frozen=True, slots=True)
class Abilities:
    """What is supposed of a model that nothing is known of: the most."""

    tools: bool = True
    parallel_tools: bool = True
    json_mode: JsonMode = "json_schema"
    streams: bool = True
    stream_usage: bool = True
    token_limit: TokenLimit | None = "max_tokens"  # noqa: S105  the name of a parameter
    temperature: bool = True


_STREAM = re.compile(r"\bstream(ing)?\b")
_REFUSABLE = (400, 404, 405, 415, 422, 500, 501)


def without(abilities: Abilities, error: ModelRefused, body: JsonObject) -> Abilities | None:
    """What is left when the server refused `body` with this; None where the refusal names nothing that could be put another way."""
    if error.status not in _REFUSABLE:
        return None
    words = f"{error.param} {error.code} {error.message}".lower()

    def named(*names: str) -> bool:
        return any(name in words for name in names)

    if "response_format" in body and named("response_format", "json_schema", "json_object", "structured output"):
        kind = body["response_format"]
        strict = isinstance(kind, dict) and kind.get("type") == "json_schema"
        return replace(abilities, json_mode="json_object" if strict else "text")
    if "parallel_tool_calls" in body and named("parallel_tool_calls", "parallel tool"):
        return replace(abilities, parallel_tools=False)
    if "tools" in body and named("tools", "tool_choice", "tool choice", "tool call", "function call", "functions"):
        return replace(abilities, tools=False)
    if error.status >= 500:
        return None
    if "stream_options" in body and named("stream_options", "include_usage"):
        return replace(abilities, stream_usage=False)
    if "max_tokens" in body and named("max_completion_tokens"):
        return replace(abilities, token_limit="max_completion_tokens")  # noqa: S106
    if "max_completion_tokens" in body and named("max_completion_tokens", "max_tokens"):
        return replace(abilities, token_limit=None)
    if "temperature" in body and named("temperature"):
        return replace(abilities, temperature=False)
    if body.get("stream") is True and _STREAM.search(words):
        return replace(abilities, streams=False, stream_usage=False)
    return None


def _probe_tool(name: str) -> JsonObject:
    parameters: JsonObject = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    return {
        "type": "function",
        "function": {"name": name, "description": f"Takes a number ({name}).", "parameters": parameters},
    }


PROBE_TOOLS: Final[list[JsonObject]] = [_probe_tool("probe_first"), _probe_tool("probe_second")]
PROBE_TOOLS_QUESTION: Final = "Call probe_first with n=1 and probe_second with n=2, both at once."
PROBE_SCHEMA: Final[JsonObject] = {
    "type": "object",
    "properties": {"sum": {"type": "integer"}},
    "required": ["sum"],
    "additionalProperties": False,
}
PROBE_JSON_QUESTION: Final = "How much is 2 + 3? Answer as JSON: an object whose only member `sum` is the number."
PROBE_MOST_TOKENS: Final = 512


def fits_probe(value: Json) -> bool:
    return isinstance(value, dict) and list(value) == ["sum"] and isinstance(value["sum"], int)
