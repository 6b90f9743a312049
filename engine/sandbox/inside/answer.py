"""How a child says what came of it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from engine.sandbox.inside.frames import ERROR, FRAME, LARGEST, LARGEST_LOG, LEVELS, LOG, PROBLEMS, SHOWN, VALUE


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a source can't be run. Lines and columns count from 1."""

    line: int | None
    column: int | None
    message: str


class CallFailed(Exception):
    """The call's end with an error."""

    def __init__(self, code: str, message: str, details: dict[str, object]) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.details = details


def code_error(line: int | None, kind: str, text: str) -> CallFailed:
    """`code.error`: what the user's code raised, where in their source."""
    text = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    where = "" if line is None else f"line {line}: "
    said = f"{kind}: {text}" if text else kind
    return CallFailed("code.error", f"{where}{said}", {"line": line, "type": kind[:200], "text": text})


class Speaker:
    """Writes frames. Log lines beyond their limit are left out, with a last one that says so."""

    def __init__(self) -> None:
        self._room = LARGEST_LOG

    def log(self, level: str, text: str) -> None:
        if self._room <= 0:
            return
        line = text.encode("utf-8", "backslashreplace")
        if len(line) + 1 > self._room:
            line = line[: self._room].decode("utf-8", "ignore").encode()
            self._room = 0
            self._frame(LOG, LEVELS[level] + line)
            self._frame(LOG, LEVELS["warning"] + b"The rest of the log is left out: at most 64 KiB are kept.")
            return
        self._room -= len(line) + 1
        self._frame(LOG, LEVELS[level] + line)

    def value(self, text: str) -> None:
        body = text.encode("utf-8", "surrogatepass")
        if len(body) > LARGEST:
            raise CallFailed(
                "payload.too_large", f"The code gives {len(body):,} bytes; at most {LARGEST:,} are allowed.", {}
            )
        self._frame(VALUE, body)

    def error(self, failed: CallFailed) -> None:
        body = json.dumps({"code": failed.code, "message": failed.message, "details": failed.details})
        self._frame(ERROR, body.encode())

    def problems(self, found: list[list[dict[str, object]]]) -> None:
        self._frame(PROBLEMS, json.dumps(found).encode())

    def _frame(self, kind: bytes, body: bytes) -> None:
        rest = memoryview(FRAME.pack(kind, len(body)) + body)
        while rest:
            rest = rest[os.write(0, rest) :]
