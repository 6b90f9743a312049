"""An answer put together from the pieces in which it comes, whoever made them. No I/O.

What servers do differently: the piece with the usage has no choices; the id and the name of a tool's call come once, its arguments bit by bit,
by an index that some leave out; some say an error in the middle of a stream; some answer at once although a stream was asked for.
An answer is whole when it said why it ended. One that merely stops is cut, however well it looks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import orjson

from modules.sdk.json import Json, JsonObject
from workspace.llm.asking import Delta, ModelProblem, ToolCall, Usage

LONGEST = 8 * 2**20
"""Characters of an answer, arguments of tools included."""
_LONGEST_LINE = 16 * 2**20
_MOST_CALLS = 128
_MOST_TOKENS = 2**31 - 1
_SHOWN = 200

Hears = Callable[[Delta], None]


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


class Answer:
    """Fed with pieces, then asked for what it became. Raises ModelProblem."""

    def __init__(self, hears: Hears | None = None) -> None:
        self._hears = hears
        self._text: list[str] = []
        self._calls: list[_Call] = []
        self._places: dict[int, _Call] = {}
        self._size = 0
        self._choices = False
        self._left = b""
        self._ended = False
        self.chunks = 0
        self.finish: str | None = None
        self.refusal = ""
        self.id: str | None = None
        self.model: str | None = None
        self.usage: Usage | None = None

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(
            ToolCall(call.id or f"call_{place}", call.name, "".join(call.arguments))
            for place, call in enumerate(self._calls)
        )

    @property
    def begun(self) -> bool:
        """Something was said."""
        return self.chunks > 0

    def feed(self, data: bytes) -> None:
        """Bytes of a stream of events."""
        lines = (self._left + data).split(b"\n")
        self._left = lines.pop()
        if len(self._left) > _LONGEST_LINE:
            raise too_large()
        for line in lines:
            self._line(line)

    def end(self) -> None:
        """The stream is over."""
        if self._left:
            self._line(self._left)
            self._left = b""
        self._whole()

    def whole(self, data: bytes) -> None:
        """An answer that came at once."""
        self._object(data, "message")
        self._whole()

    def _whole(self) -> None:
        if not self._choices:
            raise ModelProblem("llm.empty", "The model server's answer has nothing in it.", retry=True)
        if self.finish is None:
            raise ModelProblem(
                "llm.cut", "The model server's answer broke off: it doesn't say that it is complete.", retry=True
            )
        if self.finish == "content_filter":
            raise ModelProblem("llm.filtered", "The model server's filter held the answer back.")

    def _line(self, line: bytes) -> None:
        line = line.rstrip(b"\r")
        if not line.startswith(b"data:") or self._ended:
            return
        data = line[5:].strip()
        if data == b"[DONE]":
            self._ended = True
        elif data:
            self._object(data, "delta")

    def _object(self, data: bytes, place: str) -> None:
        try:
            found = cast("Json", orjson.loads(data))
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise _malformed(data)
        error = found.get("error")
        if error:
            raise told(error)
        self.chunks += 1
        if isinstance(id_ := found.get("id"), str):
            self.id = self.id or clean(id_)
        if isinstance(model := found.get("model"), str) and model:
            self.model = clean(model)
        if isinstance(usage := found.get("usage"), dict):
            self.usage = usage_of(usage)
        choices = found.get("choices")
        if isinstance(choices, list) and choices and isinstance(choice := choices[0], dict):
            self._choice(choice, place)

    def _choice(self, choice: JsonObject, place: str) -> None:
        self._choices = True
        said = choice.get(place)
        if isinstance(said, dict):
            if isinstance(text := said.get("content"), str) and text:
                self._grow(text)
                self._text.append(text)
                self._tell("text", text)
            if isinstance(refusal := said.get("refusal"), str):
                self.refusal += refusal
            calls = said.get("tool_calls")
            for position, call in enumerate(calls if isinstance(calls, list) else []):
                if isinstance(call, dict):
                    self._call(call, position)
        if isinstance(finish := choice.get("finish_reason"), str) and finish:
            self.finish = clean(finish)

    def _call(self, piece: JsonObject, position: int) -> None:
        given = piece.get("index")
        index = given if isinstance(given, int) else position
        id_, function = piece.get("id"), piece.get("function")
        call = self._places.get(index)
        # Some give each call whole and all of them the same index.
        if call is None or (isinstance(id_, str) and id_ and call.id and id_ != call.id):
            if len(self._calls) >= _MOST_CALLS:
                raise too_large()
            call = self._places[index] = _Call()
            self._calls.append(call)
        if isinstance(id_, str) and id_ and not call.id:
            call.id = clean(id_)
        if not isinstance(function, dict):
            return
        if isinstance(name := function.get("name"), str) and name and not call.name:
            call.name = clean(name)
            self._tell("tool", call.name)
        if isinstance(arguments := function.get("arguments"), str) and arguments:
            self._grow(arguments)
            call.arguments.append(arguments)
            self._tell("tool", arguments)
        elif isinstance(arguments, dict):
            text = orjson.dumps(arguments).decode()
            self._grow(text)
            call.arguments.append(text)
            self._tell("tool", text)

    def _grow(self, text: str) -> None:
        self._size += len(text)
        if self._size > LONGEST:
            raise too_large()

    def _tell(self, kind: str, text: str) -> None:
        if self._hears is not None:
            self._hears(Delta("text" if kind == "text" else "tool", text))


def usage_of(found: JsonObject) -> Usage:
    read, made = _inner(found, "prompt_tokens_details"), _inner(found, "completion_tokens_details")
    return Usage(
        input=_count(found.get("prompt_tokens")),
        output=_count(found.get("completion_tokens")),
        cache_read=_count(read.get("cached_tokens")),
        cache_write=_count(read.get("cache_write_tokens", found.get("cache_creation_input_tokens"))),
        reasoning=_count(made.get("reasoning_tokens")),
        source="endpoint",
    )


def told(error: Json) -> ModelProblem:
    """Of an error that stands in the place of an answer."""
    inner = error if isinstance(error, dict) else {"message": error}
    code = inner.get("code") or inner.get("type")
    message = str(inner.get("message") or "it doesn't say which")[:_SHOWN].rstrip(".")
    if code in (429, "429") or "rate_limit" in str(code):
        return ModelProblem("llm.rate", f"The model server is asked too often: {message}.", retry=True)
    return ModelProblem(
        "llm.server", f"The model server had an error in the middle of its answer: {message}.", retry=True
    )


def too_large() -> ModelProblem:
    return ModelProblem(
        "llm.too_large",
        f"The model's answer is longer than {LONGEST:,} characters: ask for less at once, or set the most tokens that it may say.",
    )


def clean(text: str) -> str:
    """A word of the server's as a text column can keep it."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:_SHOWN]


def _malformed(data: bytes) -> ModelProblem:
    shown = data[:80].decode("utf-8", "replace")
    return ModelProblem("llm.malformed", f"The model server said something that is no answer: {shown!r}.", retry=True)


def _inner(found: JsonObject, name: str) -> JsonObject:
    inner = found.get(name)
    return inner if isinstance(inner, dict) else {}


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS else None
