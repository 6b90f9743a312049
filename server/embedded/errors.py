"""What keeps a stack from running, told to the person who started it."""

from pathlib import Path


class StackError(Exception):
    """One sentence: what happened, where, and what to do. Trying again without a change won't help."""


class HomeTaken(StackError):
    """Another supervisor has this home. It can be found a moment later."""


class ServiceFailed(StackError):
    """A service ended, or didn't get ready in time. The sentence has the end of its log and the log's path."""


def last_lines(log: Path, *, since: int = 0, lines: int = 3) -> str:
    """The last non-empty lines that ``log`` got after byte ``since``, joined by ' | '; empty if there are none."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, log.stat().st_size - 8192))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    found = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(line[:300] for line in found[-lines:])
