"""Runs code of users behind the wall: the parent's side.

    worker (secrets, threads)  ──spawn──▶  launcher  ──fork into namespaces──▶  zygote  ──fork a call──▶  child
         └───────────────── one socket a call, passed along ──────────────────────────────────────────────┘

The process is started when code is first run, and started anew when it is gone. `MOST_AT_ONCE` children run at a time; others wait, in
order, and
their time begins when they start. Children stand behind the engine's own work (nice), and share the processors among themselves, so that
those that burn theirs don't hold back the others by more than their share.

What a child says is not believed: frames have limits of their own here, JSON is read strictly, and the child is killed whatever it did.
A child takes one call and ends: no state, no taint.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, cast

from engine.sandbox.inside.frames import (
    ERROR,
    FRAME,
    LARGEST,
    LARGEST_ERROR,
    LARGEST_LOG,
    LENGTH,
    LEVELS,
    LOG,
    PROBLEMS,
    VALUE,
)
from engine.sandbox.layers import Layer, missing, system_layer
from engine.sandbox.process import NotStarted, SandboxProcess
from modules.sdk.context import CodeAnswer, CodeLine, Language
from modules.sdk.json import Json, JsonObject
from modules.sdk.json_bytes import dumps
from modules.sdk.parse_error import ParseError
from modules.sdk.strict_json import parse_json
from modules.sdk.verdicts import ModuleError

MOST_AT_ONCE = 16
_GRACE = 5.0
"""Seconds after a call's time in which its zygote must have told of its end."""
_LEVEL_OF: dict[bytes, Literal["debug", "info", "warning", "error"]] = {
    LEVELS["debug"]: "debug",
    LEVELS["info"]: "info",
    LEVELS["warning"]: "warning",
    LEVELS["error"]: "error",
}
_CODES = frozenset({"code.error", "code.memory", "payload.too_large"})
_CHECK_SECONDS = 10.0
_CHECK_MEMORY = 256


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """Why a source can't be run. Lines and columns count from 1, None where there is none."""

    line: int | None
    column: int | None
    message: str


@dataclass(slots=True)
class _Said:
    """What a child has said so far."""

    logs: list[CodeLine] = field(default_factory=list[CodeLine])
    logged: int = 0
    last: tuple[bytes, bytes] | None = None


class _Nonsense(Exception):
    """A child said what none says that runs our code."""


class Sandbox:
    """Implements `modules.sdk.context.Code`. Belongs to one event loop."""

    def __init__(self) -> None:
        self._process: SandboxProcess | None = None
        self._starting = asyncio.Lock()
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    async def run(self, language: Language, source: str, given: Json, *, timeout: float, memory_mb: int) -> CodeAnswer:
        """See `Code`."""
        text = dumps(given)
        if len(text) > LARGEST:
            raise ModuleError(
                "payload.too_large", f"The input has {len(text):,} bytes; at most {LARGEST:,} are allowed."
            )
        request: JsonObject = {"language": language, "source": source, "input": text.decode()}
        said, why = await self._call(request, timeout, memory_mb)
        try:
            value = _value(said, why, timeout)
        except ModuleError as error:
            return CodeAnswer(None, tuple(said.logs), error)
        return CodeAnswer(value, tuple(said.logs))

    async def problems(self, sources: Sequence[tuple[Language, str]]) -> list[list[SourceProblem]]:
        """By source, in order. Nothing of them runs. Raises ModuleError `code.unavailable`, or `code.timeout` and such for what can't be
        read."""
        request: JsonObject = {"sources": [[language, source] for language, source in sources]}
        said, why = await self._call(request, _CHECK_SECONDS, _CHECK_MEMORY)
        if said.last is None or said.last[0] != PROBLEMS:
            _value(said, why, _CHECK_SECONDS)
            raise _lost()
        return [_problems(each) for each in cast("list[Json]", parse_json(said.last[1]))]

    async def layers(self) -> list[Layer]:
        """Each layer, as it was found when the process was started; starts one if need be."""
        system = system_layer()
        if not system.holds:
            return [system]
        try:
            process = await self._running()
        except (NotStarted, OSError) as error:
            return [system, Layer("process", holds=False, needed=True, why=str(error))]
        return [system, *process.layers]

    async def close(self) -> None:
        """Ends the process. Calls under way fail."""
        process, self._process = self._process, None
        if process is not None:
            await process.close()

    async def __aenter__(self) -> Sandbox:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(self, request: JsonObject, timeout: float, memory_mb: int) -> tuple[_Said, str]:
        """What the child said, and why it ended."""
        async with self._places:
            process = await self._ready()
            ours, theirs = socket.socketpair()
            with ours:
                ours.setblocking(False)
                with theirs:
                    try:
                        started = await process.begin(theirs, timeout=timeout, memory=memory_mb)
                    except OSError:
                        raise _lost() from None
                said = _Said()
                try:
                    async with asyncio.timeout(timeout + _GRACE):
                        with contextlib.suppress(OSError):  # the child ended in between
                            await _converse(ours, request, said)
                        if said.last is not None:
                            return said, "exit"
                        return said, await started.ended
                except _Nonsense:
                    return said, "forbidden"
                except TimeoutError:
                    return said, "timeout"
                finally:
                    await asyncio.shield(process.kill(started))

    async def _ready(self) -> SandboxProcess:
        """Raises ModuleError `code.unavailable`."""
        system = system_layer()
        try:
            process = await self._running() if system.holds else None
        except (NotStarted, OSError) as error:
            raise _unavailable("process", str(error)) from None
        absent = missing((system,) if process is None else process.layers)
        if absent is not None or process is None:
            raise _unavailable(absent.name if absent else "", (absent.why if absent else None) or "")
        return process

    async def _running(self) -> SandboxProcess:
        async with self._starting:
            process = self._process
            if process is not None and process.gone and missing(process.layers) is None:
                await process.close()
                process = None
            if process is None:
                process = self._process = await SandboxProcess.start()
            return process


async def _converse(ours: socket.socket, request: JsonObject, said: _Said) -> None:
    """Until the child has said its last, or hangs up."""
    loop = asyncio.get_running_loop()
    body = dumps(request)
    await loop.sock_sendall(ours, LENGTH.pack(len(body)) + body)
    buffer = bytearray()
    while said.last is None:
        part = await loop.sock_recv(ours, 2**18)
        if not part:
            return
        buffer += part
        _take(buffer, said)


def _take(buffer: bytearray, said: _Said) -> None:
    """Takes whole frames from the buffer. Raises _Nonsense."""
    while said.last is None and len(buffer) >= FRAME.size:
        kind, length = cast("tuple[bytes, int]", FRAME.unpack_from(buffer))
        most = {LOG: 2 * LARGEST_LOG, VALUE: LARGEST, ERROR: LARGEST_ERROR, PROBLEMS: LARGEST}.get(kind)
        if most is None or length > most:
            raise _Nonsense
        if len(buffer) < FRAME.size + length:
            return
        body = bytes(buffer[FRAME.size : FRAME.size + length])
        del buffer[: FRAME.size + length]
        if kind != LOG:
            said.last = (kind, body)
            return
        said.logged += length
        if said.logged > 2 * LARGEST_LOG:
            raise _Nonsense
        said.logs.append(CodeLine(_LEVEL_OF.get(body[:1], "info"), body[1:].decode("utf-8", "replace")))


def _value(said: _Said, why: str, timeout: float) -> Json:
    """What `main` gave. Raises ModuleError."""
    if said.last is None:
        raise _ended(why, timeout)
    kind, body = said.last
    try:
        told = parse_json(body)
    except ParseError as error:
        raise ModuleError("code.error", f"What `main` gives is not data: {error.message}.", retryable=False) from None
    if kind == VALUE:
        return told
    if kind != ERROR or not isinstance(told, dict) or told.get("code") not in _CODES:
        raise _ended("forbidden", timeout)
    details = told.get("details")
    raise ModuleError(
        str(told["code"]),
        str(told.get("message")),
        details=details if isinstance(details, dict) else {},
        retryable=None,
    )


def _ended(why: str, timeout: float) -> ModuleError:
    match why:
        case "timeout":
            return ModuleError("code.timeout", f"The code took longer than {timeout:g} s.")
        case "memory":
            return ModuleError("code.memory", "The code needs more memory than it may have.")
        case "forbidden":
            return ModuleError("code.error", "The code was ended, since it tried what no code may do.", retryable=False)
        case "crash":
            return ModuleError("code.error", "The code made its interpreter crash.", retryable=False)
        case _:
            return _lost()


def _lost() -> ModuleError:
    return ModuleError("code.ended", "The process that ran the code ended before it was done.", retryable=True)


def _unavailable(layer: str, why: str) -> ModuleError:
    return ModuleError(
        "code.unavailable",
        f"This installation doesn't run code: the layer {layer!r} of its sandbox doesn't hold. `millstream doctor` says more.",
        details={"layer": layer, "why": why},
        retryable=False,
    )


def _problems(told: Json) -> list[SourceProblem]:
    found: list[SourceProblem] = []
    for each in told if isinstance(told, list) else []:
        if isinstance(each, dict):
            line, column = each.get("line"), each.get("column")
            found.append(
                SourceProblem(
                    line if isinstance(line, int) else None,
                    column if isinstance(column, int) else None,
                    str(each.get("message"))[:500],
                )
            )
    return found
