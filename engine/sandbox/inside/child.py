"""One call, in a process of its own: walls up, request in, answer out, end. Never returns to the zygote's loop."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from typing import NoReturn, cast

from engine.sandbox.inside import javascript, kernel, wall
from engine.sandbox.inside.answer import CallFailed, Speaker, code_error
from engine.sandbox.inside.frames import LENGTH
from engine.sandbox.inside.python import run as python
from engine.sandbox.inside.python import selftest

_RESERVE = 4 * wall.MIB
"""Held while the code runs, and let go so that there is room to say that it needed too much."""


@dataclass(frozen=True, slots=True)
class Job:
    """`timeout` seconds; `memory` MiB for the code; `base` bytes that the zygote has mapped; the filter of system calls."""

    timeout: float
    memory: int
    base: int
    filter: bytes

    def limits(self) -> dict[int, tuple[int, int]]:
        return wall.limits(self.timeout, self.memory * wall.MIB, self.base)


def prepare() -> dict[str, str]:
    """In the zygote: loads what the children will need, since they can open no file. Why a language is not to be had, by its name."""
    faults: dict[str, str] = {}
    for language, attempt in (("python", selftest.prepare), ("javascript", javascript.prepare)):
        try:
            attempt()
        except Exception as error:  # whatever it is, the language is not to be had
            faults[language] = f"{type(error).__name__}: {error}"
    return faults


def main(descriptor: int, job: Job) -> NoReturn:
    try:
        wall.only(descriptor)
        wall.limit(job.limits())
        wall.no_new_privileges()
        kernel.filter_syscalls(job.filter)
        _serve(job.memory * wall.MIB)
    except BaseException:  # nothing of the zygote's may run in this process
        os._exit(70)
    os._exit(0)


def _serve(memory: int) -> None:
    speaker = Speaker()
    reserve = [bytes(_RESERVE)]
    failed: CallFailed | None = None
    try:
        request = _read()
        if "sources" in request:
            speaker.problems([_problems(each) for each in cast("list[list[str]]", request["sources"])])
            return
        language, source, given = str(request["language"]), str(request["source"]), str(request["input"])
        run = python.run if language == "python" else javascript.run
        speaker.value(run(source, given, memory, speaker))
    except CallFailed as error:
        failed = error
    except MemoryError:
        reserve.clear()
        failed = CallFailed("code.memory", "The code needs more memory than it may have.", {})
    except RecursionError:
        failed = code_error(None, "RecursionError", "the data is nested too deeply")
    if failed is not None:
        reserve.clear()
        speaker.error(failed)


def _problems(source: list[str]) -> list[dict[str, object]]:
    language, text = source
    found = python.problems(text) if language == "python" else javascript.problems(text)
    return [{"line": each.line, "column": each.column, "message": each.message} for each in found]


def _read() -> dict[str, object]:
    length = LENGTH.unpack(_exactly(LENGTH.size))[0]
    return json.loads(_exactly(length))


def _exactly(count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = os.read(0, min(count, 2**16))
        if not part:
            os._exit(0)  # the caller gave up
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def trial(descriptor: int, which: str, job: Job) -> NoReturn:
    """Puts one layer up, and says `holds` or why it doesn't; `killed` is ended by the filter where that holds."""
    try:
        wall.only(descriptor)
        if which == "limits":
            wall.limit(job.limits())
        elif which == "no_new_privs":
            wall.no_new_privileges()
        else:
            kernel.filter_syscalls(job.filter)
            _try_filter(which)
        os.write(0, b"holds")
    except OSError as error:
        os.write(0, f"it can't be put up ({error.strerror})".encode())
    except BaseException:
        os._exit(70)
    os._exit(0)


def _try_filter(which: str) -> None:
    if which == "killed":
        socket.socket()
        return
    try:
        os.open("/", os.O_RDONLY)
    except PermissionError:
        return
    raise OSError(0, "a file could be opened")
