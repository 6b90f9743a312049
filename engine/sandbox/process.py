"""One launcher with its zygote, seen from outside: starting it, its report, calls handed to it, its end.

States: starting → ready → gone. It is gone when its control socket closes, whoever did that; calls that it had under way then learn that
they were
lost, and the next call starts another one. A zygote whose report names a layer that is needed and doesn't hold takes no calls.

Messages of the control socket are few and small; should it be full all the same, the sender waits until it isn't.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from engine.sandbox.layers import Layer, layer_of
from modules.sdk.json import Json, JsonObject
from modules.sdk.json_bytes import dumps
from modules.sdk.strict_json import parse_json

_ROOT = Path(__file__).parents[2]
_LARGEST_MESSAGE = 64 * 2**10
_ENDED = "lost"


class NotStarted(Exception):
    """The process ended before it said anything of its layers."""


@dataclass(frozen=True, slots=True)
class Started:
    """`ended` gets why the child ended: `exit`, `timeout`, `killed`, `memory`, `forbidden`, `crash`, or `lost` with its zygote."""

    call: int
    ended: asyncio.Future[str]


class SandboxProcess:
    """Made by `start`. Belongs to one event loop."""

    def __init__(self, process: Process, control: socket.socket, layers: tuple[Layer, ...]) -> None:
        self.layers = layers
        self._process = process
        self._control = control
        self._calls: dict[int, asyncio.Future[str]] = {}
        self._last = 0
        self._reader = asyncio.create_task(self._read())

    @staticmethod
    async def start() -> SandboxProcess:
        """A process with its report. Raises NotStarted, OSError."""
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        here.setblocking(False)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-s",
                "-P",
                "-m",
                "engine.sandbox.inside.launcher",
                str(os.getpid()),
                stdin=there.fileno(),
                stdout=DEVNULL,
                cwd="/",
                env={"PATH": os.defpath, "PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            )
        except BaseException:
            here.close()
            raise
        finally:
            there.close()
        try:
            message = await asyncio.get_running_loop().sock_recv(here, _LARGEST_MESSAGE)
            report = parse_json(message) if message else None
            if not isinstance(report, dict):
                raise NotStarted("the sandbox's process ended before it was ready")
            layers = tuple(layer_of(each) for each in cast("list[Json]", report["layers"]))
        except BaseException:
            here.close()
            await _end(process)
            raise
        return SandboxProcess(process, here, layers)

    @property
    def gone(self) -> bool:
        return self._reader.done()

    async def begin(self, theirs: socket.socket, *, timeout: float, memory: int) -> Started:
        """Forks a child that has `theirs`. `timeout` seconds, `memory` MiB. Raises ConnectionError when the zygote is gone."""
        self._last += 1
        call = self._last
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._calls[call] = ended
        try:
            await self._send({"run": call, "timeout": timeout, "memory": memory}, theirs)
        except BaseException:
            self._calls.pop(call, None)
            raise
        if self.gone and not ended.done():
            ended.set_result(_ENDED)
        return Started(call, ended)

    async def kill(self, started: Started) -> None:
        """Its child ends, if it hasn't."""
        if not started.ended.done():
            with contextlib.suppress(OSError):
                await self._send({"kill": started.call})

    async def close(self) -> None:
        """Ends the process and all that it started."""
        self._reader.cancel()
        await asyncio.wait([self._reader])
        self._control.close()
        self._lose()
        await _end(self._process)

    async def _send(self, message: JsonObject, passed: socket.socket | None = None) -> None:
        data, loop = dumps(message), asyncio.get_running_loop()
        while True:
            try:
                socket.send_fds(self._control, [data], [] if passed is None else [passed.fileno()])
            except BlockingIOError:
                free = loop.create_future()
                loop.add_writer(self._control, lambda free=free: None if free.done() else free.set_result(None))
                try:
                    await free
                finally:
                    loop.remove_writer(self._control)
            else:
                return

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while message := await loop.sock_recv(self._control, _LARGEST_MESSAGE):
                told = parse_json(message)
                call = told.get("ended") if isinstance(told, dict) else None
                if isinstance(told, dict) and isinstance(call, int):
                    ended = self._calls.pop(call, None)
                    if ended is not None and not ended.done():
                        ended.set_result(str(told["why"]))
        except OSError:
            pass
        finally:
            self._lose()

    def _lose(self) -> None:
        for ended in self._calls.values():
            if not ended.done():
                ended.set_result(_ENDED)
        self._calls.clear()


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
