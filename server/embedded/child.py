"""One child process: started in a session of its own, writing to a log, waited for without polling, stopped in steps.

A session of its own keeps a terminal's Ctrl-C from reaching it: the order of stopping is the supervisor's. The child
dies with the supervisor (see launch.py).
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from server.embedded.descriptors import readable
from server.embedded.identity import ProcessIdentity, identify

_LAUNCH = Path(__file__).with_name("launch.py")
_LOG_LIMIT = 16 * 2**20

StopPlan = Sequence[tuple[signal.Signals, float]]
"""Signals in turn, each with the seconds that the child gets to end. SIGKILL follows by itself."""


class Child:
    """A running, or ended, child process. Only the event loop that started it may wait for it."""

    def __init__(self, name: str, popen: "subprocess.Popen[bytes]", log: Path, log_start: int) -> None:
        self.name = name
        self.log = log
        self.log_start = log_start
        self._popen = popen
        self.identity = identify(popen.pid) or ProcessIdentity(popen.pid, "gone")

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative: the signal that ended it. Reaps it."""
        return self._popen.poll()

    async def wait(self) -> int:
        """Return when it has ended. Cancelling the wait leaves the child alone."""
        if sys.platform == "linux" and self._popen.poll() is None:
            descriptor = os.pidfd_open(self.pid)
            try:
                await readable(descriptor)
            finally:
                os.close(descriptor)
        # Elsewhere than on Linux there is no descriptor of a process: only looking tells.
        while (code := self._popen.poll()) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return code

    async def stop(self, plan: StopPlan) -> int:
        """Ask it to end by each signal of ``plan`` in turn, at last by SIGKILL. Returns its exit code."""
        for number, grace in plan:
            if self._popen.poll() is not None:
                break
            self._popen.send_signal(number)
            try:
                return await asyncio.wait_for(self.wait(), grace)
            except TimeoutError:
                continue
        if self._popen.poll() is None:
            self._popen.kill()
        return await self.wait()


def spawn(
    name: str,
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    death_signal: signal.Signals = signal.SIGTERM,
    account: str = "",
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start ``argv`` (an absolute path first) with exactly ``env``; output is appended to ``log``.

    ``account`` is the system user to become (root only). ``death_signal`` ends the child when this process dies.
    """
    command = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), str(int(death_signal)), account]
    start = _make_room(log)
    with log.open("ab") as output:
        popen = subprocess.Popen(  # noqa: S603 - the argument list is ours
            [*command, *map(str, argv)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            pass_fds=pass_fds,
            start_new_session=True,
        )
    return Child(name, popen, log, start)


def _make_room(log: Path) -> int:
    """Set a log over 16 MB aside as ``*.1`` and return the size of what stays: where the new child's lines begin."""
    size = log.stat().st_size if log.exists() else 0
    if size <= _LOG_LIMIT:
        return size
    log.replace(log.with_name(log.name + ".1"))
    return 0
