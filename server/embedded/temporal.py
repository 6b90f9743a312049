"""The embedded Temporal server: the CLI's development server on one SQLite file, tuned for runs rather than for demos.

It is one node on SQLite: right for one machine, not for production, which means a cluster (MILLSTREAM_TEMPORAL_ADDRESS).
Acknowledged starts and signals survive ``kill -9`` (write-ahead log, every commit synced). Measured on two cores:

- a dispatch waits up to 50 ms by default, since its queues are read 20 times a second: read 1,000 times instead;
- a timer fires up to 1 s late by default, and continuing as new waits 1 s: 10 ms, none;
- without a limit to the cache and to Go's memory it takes 400 MB after 10,000 runs, with them 264 MB; with 160 MB it
  only collects garbage.

A wrong pragma is accepted in silence, so the journal's mode is read back from the file.
"""

import asyncio
import contextlib
import json
import signal
import sqlite3
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from server.embedded.child import Child, spawn
from server.embedded.errors import ServiceFailed, StackError, last_lines
from server.embedded.ports import remembered_port

_HOST = "127.0.0.1"
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL")
DYNAMIC_CONFIG: Mapping[str, int | str] = {
    "history.transferProcessorMaxPollRPS": 1000,
    "history.timerProcessorMaxPollRPS": 1000,
    "history.timerProcessorMaxTimeShift": "10ms",
    "history.workflowIdReuseMinimalInterval": "0s",
    "history.hostLevelCacheMaxSize": 200,
}
"""The server's settings that runs depend on for speed; docker-compose.yml has the same."""
_READY_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class TemporalPlace:
    """Where the server keeps its file, its port and its log."""

    folder: Path
    port_file: Path
    log: Path

    @classmethod
    def under(cls, home: Path) -> "TemporalPlace":
        return cls(home / "temporal", home / "run" / "temporal.port", home / "logs" / "temporal.log")


class EmbeddedTemporal:
    """The server as a service. ``address`` holds from the first start on and stays the same while this object lives."""

    name = "temporal"

    def __init__(self, place: TemporalPlace, namespace: str = "default") -> None:
        self._place = place
        self._namespace = namespace
        self._port = 0

    @property
    def address(self) -> str:
        return f"{_HOST}:{self._port}"

    async def start(self) -> Child:
        for folder in (self._place.folder, self._place.port_file.parent, self._place.log.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._port == 0:
            self._port = remembered_port(self._place.port_file, _HOST)
        # A client's setting of the user (an API key, another address) must not reach our own server.
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self._place.folder), "GOMEMLIMIT": "300MiB"}
        argv = [_program(), *self._arguments()]
        child = spawn(self.name, argv, log=self._place.log, env=environment, death_signal=signal.SIGTERM)
        try:
            await self._ready(child)
            self._check_pragmas()
        except BaseException:
            await self.stop(child)
            raise
        return child

    async def stop(self, child: Child) -> None:
        await child.stop([(signal.SIGTERM, 10.0)])

    def _arguments(self) -> list[str]:
        arguments = ["server", "start-dev", "--headless", "--disable-config-file", "--log-level", "error"]
        arguments += ["--ip", _HOST, "--port", str(self._port), "--namespace", self._namespace]
        arguments += ["--db-filename", str(self._file)]
        for pragma in _PRAGMAS:
            arguments += ["--sqlite-pragma", pragma]
        for name, value in DYNAMIC_CONFIG.items():
            arguments += ["--dynamic-config-value", f"{name}={json.dumps(value)}"]
        return arguments

    @property
    def _file(self) -> Path:
        return self._place.folder.resolve() / "temporal.db"

    async def _ready(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _READY_WITHIN_S
        error = "no answer"
        while child.returncode is None and loop.time() < give_up:
            try:
                client = await Client.connect(self.address, namespace=self._namespace)
                await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=self._namespace))
            except (RPCError, RuntimeError, OSError) as last:
                error = str(last)
                await asyncio.sleep(0.05)
            else:
                return
        said = last_lines(self._place.log, since=child.log_start) or error
        ended = "didn't start" if child.returncode is not None else f"wasn't ready in {_READY_WITHIN_S:.0f} s"
        raise ServiceFailed(f"Temporal {ended}: {said}; the whole log is {str(self._place.log)!r}")

    def _check_pragmas(self) -> None:
        with contextlib.closing(sqlite3.connect(f"{self._file.as_uri()}?mode=ro", uri=True)) as file:
            (mode,) = file.execute("pragma journal_mode").fetchone()
        if str(mode).lower() != "wal":
            raise StackError(f"Temporal's file {str(self._file)!r} is in journal mode {mode!r} instead of 'wal'")


def _program() -> Path:
    found = Path(sysconfig.get_path("scripts")) / "temporal"
    if not found.is_file():
        found = Path(sys.executable).with_name("temporal")
    if not found.is_file():
        raise StackError(
            f"Temporal's program is not installed beside {sys.executable!r}: run ./dev once, "
            "or set MILLSTREAM_TEMPORAL_ADDRESS"
        )
    return found
