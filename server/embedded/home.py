"""The home: one folder that holds all of a stack, closed to other users, with one supervisor at a time.

run/       pids, ports, the lock, the password of the database
logs/      one file a process
state.json what `status` answers
"""

import fcntl
import os
from pathlib import Path

from server.embedded.errors import StackError


def open_home(home: Path) -> None:
    """Make the folder and what every process of the stack expects in it. Called again, it changes nothing."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in ("run", "logs"):
            (home / part).mkdir(mode=0o700, exist_ok=True)
        probe = home / "run" / f"probe-{os.getpid()}"
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as error:
        raise StackError(
            f"the home {str(home)!r} can't be used ({error.strerror}): "
            "set MILLSTREAM_HOME to a folder that you may write, or mend this one"
        ) from error


class HomeLock:
    """Held by the supervisor of a home. The kernel lets go of it however the process ends."""

    def __init__(self, home: Path) -> None:
        self._file = home / "run" / "supervisor.lock"
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Whether it is ours now; False when another supervisor has it."""
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
