"""Runs a source: compile, execute its top, call `main`, give what it gives as JSON text."""

from __future__ import annotations

import json
from types import CodeType, TracebackType
from typing import Any

from engine.sandbox.inside.answer import CallFailed, Fault, Speaker, code_error
from engine.sandbox.inside.python.builtin import builtins_of, guards_of
from engine.sandbox.inside.python.libraries import importer, libraries
from engine.sandbox.inside.python.policy import FILE, Refused, restricted


def problems(source: str) -> list[Fault]:
    """Why the source can't be run, as far as reading it tells. Nothing of it runs."""
    try:
        _compiled(source)
    except Refused as refused:
        return refused.problems
    return []


def run(source: str, given: str, memory: int, speaker: Speaker) -> str:
    """JSON text that `main` gives for JSON text. Raises CallFailed, MemoryError."""
    try:
        code = _compiled(source)
    except Refused as refused:
        first = refused.problems[0]
        raise code_error(first.line, "SyntaxError", first.message) from None
    names: dict[str, Any] = {
        **guards_of(),
        "__name__": "code",
        "__builtins__": builtins_of(speaker, importer(libraries())),
    }
    try:
        exec(code, names)  # noqa: S102  # what all of this is for
        main = names.get("main")
        if not callable(main):
            raise code_error(None, "NameError", "the source defines no function `main(input)`")
        return _as_json(main(json.loads(given)))
    except (CallFailed, MemoryError):
        raise
    except BaseException as error:  # whatever the code raises is its own affair
        raise _told(error) from None


def _compiled(source: str) -> CodeType:
    try:
        return compile(restricted(source), FILE, "exec")
    except SyntaxError as error:  # told by the compiler alone: `return` outside of a function, and such
        raise Refused([Fault(error.lineno, error.offset, error.msg)]) from None
    except (RecursionError, MemoryError):
        raise Refused([Fault(None, None, "the source is nested too deeply")]) from None


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise code_error(None, "RecursionError", "what `main` gives is nested too deeply, or holds itself") from None
    except (TypeError, ValueError) as error:
        raise code_error(None, type(error).__name__, f"what `main` gives is not data: {error}") from None


def _told(error: BaseException) -> CallFailed:
    kind = str(type(error).__name__)
    try:
        text = str(error)
    except BaseException:  # the text is the code's own too
        text = ""
    return code_error(_line(error.__traceback__), kind, text)


def _line(trace: TracebackType | None) -> int | None:
    """The innermost place that is the source's."""
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
