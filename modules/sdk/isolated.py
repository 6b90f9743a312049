"""The mark of functions that the isolated pool may run.

Work whose cost a document's author decides (a transformation, a pattern, a file to parse) is a plain function from JSON to JSON with this
mark. It runs in a process of its own without secrets, under a limit of time and memory; `Context.isolated` calls it by name.
Its file is imported in that process only when it is first called, so heavy libraries are imported inside of it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, TypeAlias

from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import Rejected

IsolatedFunction: TypeAlias = Callable[[JsonObject], Json]

_MARK = "__millstream_isolated__"


def isolated(function: IsolatedFunction) -> IsolatedFunction:
    """Allows the pool to run this function."""
    setattr(function, _MARK, True)
    return function


def is_isolated(function: object) -> bool:
    """Whether the pool may run it."""
    return callable(function) and getattr(function, _MARK, False) is True


@contextmanager
def cpu_limit(seconds: float, code: str, message: str) -> Generator[None]:
    """Ends what is done within it, wherever it is, when it has taken so much CPU: Rejected `code`.

    The pool's own limit is by the clock, so it must leave room for a busy machine; this one asks what the input costs, and gives the same
    answer on every machine of a kind. Only for isolated functions: it needs the process's one CPU timer, and its main thread.
    """

    def over(number: int, frame: FrameType | None) -> NoReturn:
        raise Rejected(code, message)

    before: Callable[[int, FrameType | None], object] | int | None = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
