"""Which process a pid means: pids are used again, so a note on disk needs the start time beside it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process that ran, or runs, on this machine. ``started`` is opaque: equal only for the same process."""

    pid: int
    started: str

    def alive(self) -> bool:
        """Whether this very process runs. A zombie counts as gone."""
        return _started(self.pid) == self.started


def identify(pid: int) -> ProcessIdentity | None:
    """The identity of the running process ``pid``; None if there is none."""
    started = _started(pid)
    return None if started is None else ProcessIdentity(pid, started)


def own_identity() -> ProcessIdentity:
    """The identity of this process."""
    found = identify(os.getpid())
    assert found is not None
    return found


def _started(pid: int) -> str | None:
    return _started_linux(pid) if sys.platform == "linux" else _started_ps(pid)


def _started_linux(pid: int) -> str | None:
    try:
        # The command's name is in parentheses and may hold anything, also parentheses: fields count from the last one.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    state, ticks = fields[0], fields[19]
    return None if state in {"Z", "X"} else f"{boot}/{ticks}"


def _started_ps(pid: int) -> str | None:
    found = subprocess.run(  # noqa: S603 - a constant program with a number
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = found.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()
