"""Language models as a module sees them: a prompt goes to the model server of the step's connection, or to the installation's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from modules.sdk.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Prompt:
    """`messages` as OpenAI's chat completions have them. `model` None: the connection's or the installation's. With `json_schema` the answer
    is JSON that fits it."""

    messages: list[JsonObject]
    model: str | None = None
    json_schema: JsonObject | None = None
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. `usage`: what it took, in tokens and dollars; null where nobody knows."""

    text: str
    json: Json = None
    usage: JsonObject = field(default_factory=dict[str, Json])


class Llm(Protocol):
    """Raises `ModuleError` with a code `llm.*`, retryable where the same prompt may get an answer later."""

    async def ask(self, prompt: Prompt, hears: Callable[[str], None]) -> Reply:
        """The model's answer; `hears` gets its text piece by piece, on its way. Each request is a row of the log of model calls."""
        ...
