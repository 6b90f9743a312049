"""A few long-lived processes for work whose cost a document's author decides.

A process is started when it is first needed, takes one call at a time, and is replaced after it was killed, has died, or has
done `CALLS` calls. States of a place in the pool: empty → idle ⇄ busy → empty. A call that is over its time, or whose caller
gave up, leaves nothing behind: its process is killed, since work in progress can't be stopped otherwise.

Processes are started afresh and not forked: a fork of a process with threads inherits locks that nobody opens, and secrets.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from engine.isolated.frames import DEEPEST, ENDED, HEAD, MEMORY
from modules.sdk.json import Json, JsonObject
from modules.sdk.json_bytes import dumps
from modules.sdk.strict_json import parse_json
from modules.sdk.verdicts import ModuleError

CALLS = 1000
_ROOT = Path(__file__).parents[2]


class IsolatedPool:
    """Implements `modules.sdk.context.Isolated`. Belongs to one event loop. `memory` is bytes a process."""

    def __init__(self, processes: int = 2, memory: int = 2**30) -> None:
        self._memory = memory
        self._places: asyncio.LifoQueue[_Place] = asyncio.LifoQueue()
        self._all = [_Place(memory) for _ in range(processes)]
        for place in self._all:
            self._places.put_nowait(place)

    async def call(self, function: str, argument: JsonObject, *, timeout: float, timeout_code: str) -> Json:
        """See `Isolated`. `timeout` counts from when a process is free, so that a busy pool fails nobody."""
        request = dumps({"function": function, "argument": argument})
        place = await self._places.get()
        try:
            async with asyncio.timeout(timeout):
                answer = await place.call(request)
        except TimeoutError:
            raise ModuleError(timeout_code, f"the work took longer than {timeout:g} s") from None
        finally:
            self._places.put_nowait(place)
        return _value(answer, timeout_code)

    async def close(self) -> None:
        """Ends the processes. Calls under way fail."""
        for place in self._all:
            await place.end()

    async def __aenter__(self) -> IsolatedPool:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class _Place:
    """One process of the pool, or none yet."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._process: Process | None = None
        self._killed: list[Process] = []
        self._calls = 0

    async def call(self, request: bytes) -> bytes:
        """The answer, or b"" when the process died. Whatever interrupts this kills the process."""
        done = False
        try:
            process = await self._running()
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the pipes of an isolated process are always there")
            self._calls += 1
            try:
                process.stdin.write(HEAD.pack(len(request)))
                process.stdin.write(request)
                await process.stdin.drain()
                head = await process.stdout.readexactly(HEAD.size)
                answer = await process.stdout.readexactly(HEAD.unpack(head)[0])
            except (asyncio.IncompleteReadError, ConnectionError):
                return b""
            done = self._calls < CALLS
            return answer
        finally:
            if not done:
                self._kill()

    async def end(self) -> None:
        self._kill()
        for process in self._killed:
            await process.wait()
        self._killed.clear()

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._calls = 0
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-s",
                "-P",
                "-m",
                "engine.isolated.child",
                str(self._memory),
                str(os.getpid()),
                stdin=PIPE,
                stdout=PIPE,
                cwd="/",
                env={"PATH": os.defpath, "PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            )
        return self._process

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            self._killed = [each for each in (*self._killed, process) if each.returncode is None]


def _value(answer: bytes, timeout_code: str) -> Json:
    app = timeout_code.rpartition(".")[0]
    if not answer:
        raise ModuleError(f"{app}.{ENDED}", "the process that did the work ended before it was done", retryable=True)
    parsed = parse_json(answer, DEEPEST)
    if not isinstance(parsed, dict):
        raise TypeError("an answer is an object")
    error = parsed.get("error")
    if not isinstance(error, dict):
        return parsed["value"]
    details, retryable = error.get("details"), error.get("retryable")
    code = str(error["code"])
    raise ModuleError(
        f"{app}.{MEMORY}" if code == MEMORY else code,
        str(error["message"]),
        details=details if isinstance(details, dict) else {},
        retryable=retryable if isinstance(retryable, bool) else None,
    )
