"""Our own processes, as services: started from an argument list, ready when they say so.

A program says that it is ready by a line in the pipe of ``announce_ready``; one with a ``probe`` must then also answer
200 there. It tells why it can't run by a last line ``error: …``, which is handed on as it is.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from server.embedded.child import Child, spawn
from server.embedded.descriptors import readable
from server.embedded.errors import ServiceFailed, StackError, last_lines

READY_VARIABLE = "MILLSTREAM_READY_FD"
CHILD_FAILED = 3
"""Exit code of a program for which another try is of no use; server/cli/output.py has the same."""


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """``environment`` is asked at each start, as addresses are known only then. ``probe`` is an http:// URL."""

    name: str
    argv: tuple[str, ...]
    log: Path
    environment: Callable[[], Mapping[str, str]]
    probe: str | None = None
    ready_within_s: float = 60.0
    grace_s: float = 20.0


class Program:
    """A program that stays. Another is started only when the first has ended."""

    def __init__(self, spec: ProgramSpec) -> None:
        self._spec = spec

    @property
    def name(self) -> str:
        return self._spec.name

    async def start(self) -> Child:
        spec = self._spec
        reader, writer = os.pipe()
        try:
            environment = {**spec.environment(), READY_VARIABLE: str(writer)}
            try:
                child = spawn(spec.name, spec.argv, log=spec.log, env=environment, pass_fds=(writer,))
            finally:
                os.close(writer)
            try:
                async with asyncio.timeout(spec.ready_within_s):
                    await self._ready(child, reader)
            except TimeoutError:
                await self.stop(child)
                raise ServiceFailed(
                    f"{spec.name} wasn't ready in {spec.ready_within_s:.0f} s: its log is {str(spec.log)!r}"
                ) from None
            except BaseException:
                await self.stop(child)
                raise
        finally:
            os.close(reader)
        return child

    async def stop(self, child: Child) -> None:
        await child.stop([(signal.SIGTERM, self._spec.grace_s)])

    async def _ready(self, child: Child, reader: int) -> None:
        await readable(reader)
        if os.read(reader, 16) != b"ready\n":
            # It closed its end without a word: it is ending, or it doesn't know this custom.
            await child.wait()
            raise failure(child)
        while self._spec.probe is not None and await status_of(self._spec.probe) != 200:
            if child.returncode is not None:
                raise failure(child)
            await asyncio.sleep(0.05)


async def run_once(spec: ProgramSpec) -> None:
    """Run a program to its end. Raises StackError with its own sentence when it fails."""
    child = spawn(spec.name, spec.argv, log=spec.log, env=spec.environment())
    try:
        if await child.wait() != 0:
            raise failure(child)
    finally:
        await child.stop([(signal.SIGTERM, spec.grace_s)])


def failure(child: Child) -> StackError:
    """Why an ended child ended: its own sentence, else the end of its log. ServiceFailed if another try may help."""
    log = child.log
    said = last_lines(log, since=child.log_start, lines=12).split(" | ")
    own = next((line.removeprefix("error: ") for line in reversed(said) if line.startswith("error: ")), None)
    if own is not None:
        return StackError(own) if child.returncode == CHILD_FAILED else ServiceFailed(own)
    tail = " | ".join(said[-3:])
    told = f"its log ends: {tail}" if tail else "its log is empty"
    return ServiceFailed(f"{child.name} {how_it_ended(child.returncode)}; {told}; the whole log is {str(log)!r}")


def how_it_ended(code: int | None) -> str:
    if code is None:
        return "runs"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


async def status_of(url: str) -> int | None:
    """The status of a plain GET of an http:// URL; None when there is no answer within 5 s."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                writer.write(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
                return int((await reader.readline()).split(b" ")[1])
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, IndexError):
        return None
