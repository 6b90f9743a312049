"""`llm.prompt`: what a language model says to a prompt, as text or as JSON by a schema."""

from __future__ import annotations

from typing import Final

from modules.llm.parts.attached import parts_of
from modules.sdk.context import Context
from modules.sdk.declaration import Effect, Example, Module, Result, RetryDefaults
from modules.sdk.json import Json, JsonObject
from modules.sdk.llm import Prompt
from modules.sdk.schema import object_of
from modules.sdk.verdicts import Rejected

_LINE = 500
"""Characters of an answer on its way that are one line of the step's log."""
_MOST_LINES = 200
_TOKENS: Final[JsonObject] = {"type": ["integer", "null"], "minimum": 0}
_LONG_TEXT: Final[JsonObject] = {"type": "string", "maxLength": 4_000_000}


class _Lines:
    """An answer on its way, into the step's log."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._left = ""
        self._told = 0

    def hear(self, text: str) -> None:
        self._left += text
        while len(self._left) >= _LINE:
            self._tell(self._left[:_LINE])
            self._left = self._left[_LINE:]

    def end(self) -> None:
        if self._left:
            self._tell(self._left)

    def _tell(self, text: str) -> None:
        self._told += 1
        if self._told <= _MOST_LINES:
            self._context.log("info", text)


async def run(inputs: JsonObject, context: Context) -> Result:
    """Raises ModuleError: `input.invalid`, and what `Llm` and `Files` raise."""
    messages = await _messages(inputs, context)
    schema = inputs.get("json_schema")
    model, temperature, most = inputs.get("model"), inputs.get("temperature"), inputs.get("max_tokens")
    prompt = Prompt(
        messages,
        model=model if isinstance(model, str) else None,
        json_schema=schema if isinstance(schema, dict) else None,
        temperature=float(temperature) if isinstance(temperature, int | float) else None,
        max_tokens=int(most) if isinstance(most, int | float) else None,
    )
    lines = _Lines(context)
    reply = await context.llm.ask(prompt, lines.hear)
    lines.end()
    return Result({"text": reply.text, "json": reply.json, "usage": reply.usage})


async def _messages(inputs: JsonObject, context: Context) -> list[JsonObject]:
    given, said = inputs.get("messages"), inputs.get("prompt")
    messages: list[JsonObject] = []
    if (system := inputs.get("system")) is not None:
        messages.append({"role": "system", "content": system})
    messages.extend(one for one in (given if isinstance(given, list) else []) if isinstance(one, dict))
    if said is not None:
        messages.append({"role": "user", "content": said})
    if not any(one.get("role") == "user" for one in messages):
        raise Rejected("input.invalid", "there is nothing to answer: give a `prompt`, or `messages` with one of a user")
    files = inputs.get("files")
    if isinstance(files, list) and files:
        parts = await parts_of(context.files, [str(one) for one in files])
        at = max(place for place, one in enumerate(messages) if one.get("role") == "user")
        told: list[Json] = [{"type": "text", "text": messages[at]["content"]}, *parts]
        messages[at] = {"role": "user", "content": told}
    return messages


MODULE = Module(
    name="llm.prompt",
    version=1,
    title="Ask a language model",
    manual=(
        "Sends a prompt to a language model and gives `{text, json, usage}`: what it said, with `json_schema` also as JSON that "
        "fits the schema, and what it took. The model server is that of the step's `connection`, of the kind `llm`, else the "
        "one that the installation is set up with; `model` names another model of the same server. `prompt` is the question, "
        "`system` what the model is to be, and `messages` what was said before, each `{role, content}`. `files` go along with "
        "the question: pictures (PNG, JPEG, WebP, GIF), for models that see, and text. JSON is checked: an answer that doesn't "
        "fit is sent back once, and then is `llm.malformed`. A server that is busy, silent, or stops in the middle is asked "
        "again. What the model says on its way is in the step's log; each request is in the log of model calls, and counts in "
        "the workspace's budget. A model may be wrong, and does what texts in its prompt tell it to: let a person look, or "
        "check by rule, before anything is done that can't be undone."
    ),
    kind="action",
    input_schema=object_of(
        {
            "prompt": {**_LONG_TEXT, "description": "the question, the last message"},
            "system": {**_LONG_TEXT, "description": "what the model is to be, the first message"},
            "messages": {
                "type": "array",
                "maxItems": 1000,
                "items": object_of(
                    {"role": {"enum": ["system", "user", "assistant"]}, "content": _LONG_TEXT}, ["role", "content"]
                ),
                "description": "what was said before, oldest first",
            },
            "model": {
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "description": "unless it is the server's own",
            },
            "json_schema": {
                "type": "object",
                "x-eval": "raw",
                "description": "the answer is JSON that fits this JSON Schema; best an object with `additionalProperties: false`",
            },
            "temperature": {"type": "number", "minimum": 0, "maximum": 2},
            "max_tokens": {
                "type": "integer",
                "minimum": 1,
                "maximum": 10_000_000,
                "description": "the most that it may say",
            },
            "files": {
                "type": "array",
                "maxItems": 20,
                "items": {"type": "string", "description": "the `file_id` of a file"},
                "description": "pictures and texts that go along with the question",
            },
        }
    ),
    output_schema=object_of(
        {
            "text": {"type": "string"},
            "json": {"description": "with `json_schema` the answer's value, else null"},
            "usage": object_of(
                {
                    "model": {"type": "string"},
                    "input_tokens": _TOKENS,
                    "output_tokens": _TOKENS,
                    "cache_read_tokens": _TOKENS,
                    "cache_write_tokens": _TOKENS,
                    "reasoning_tokens": _TOKENS,
                    "source": {
                        "enum": ["endpoint", "estimated", None],
                        "description": "who counted: the model server, or nobody",
                    },
                    "cost_usd": {
                        "type": ["number", "null"],
                        "minimum": 0,
                        "description": "null where the price isn't known",
                    },
                }
            ),
        },
        ["text", "json", "usage"],
    ),
    example=Example(
        inputs={
            "system": "You sort mail for a shop.",
            "prompt": "Where is my parcel? Order 1007.",
            "json_schema": {
                "type": "object",
                "properties": {"topic": {"enum": ["delivery", "refund", "other"]}, "order": {"type": "integer"}},
                "required": ["topic", "order"],
                "additionalProperties": False,
            },
            "temperature": 0,
        },
        output={
            "text": '{"topic": "delivery", "order": 1007}',
            "json": {"topic": "delivery", "order": 1007},
            "usage": {
                "model": "gpt-4o-mini",
                "input_tokens": 96,
                "output_tokens": 12,
                "cache_read_tokens": None,
                "cache_write_tokens": None,
                "reasoning_tokens": None,
                "source": "endpoint",
                "cost_usd": 0.0000216,
            },
        },
        runnable=False,
    ),
    effect=Effect.READ,
    timeout=300.0,
    retry=RetryDefaults(on=("llm.rate", "llm.server", "llm.timeout", "llm.cut", "llm.empty")),
    long=True,
    run=run,
)
