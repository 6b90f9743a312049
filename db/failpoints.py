"""Named places at which a process can be made to fail, so that what must hold then can be tried. Off unless a setting names one.

Each statement that writes has three places, and so has whatever else commits something (see `server/failpoints.py`):

    before:NOUN.STATEMENT    nothing was sent yet
    mid:NOUN.STATEMENT       done inside a transaction that isn't committed yet
    after:NOUN.STATEMENT     committed; whoever asked doesn't know it yet

The setting is a list, with commas: `PLACE[:ACTION[:ARGUMENT]][@N | @pX[xM]]`. A place may end in `*`. It fires once, at its N-th passing
(the first unless told), or with a chance of X at each, at most M times in a process.

    kill            ends the process as `kill -9` would; this is meant where no action is given
    stop:SECONDS    the process stands still, and goes on by itself
    hang:SECONDS    this task waits; all others go on
    error           the border fails as if its server had gone; `error:53100` as if PostgreSQL had answered with that SQLSTATE
    note            nothing; that it was passed is told once

Whatever fires is told on standard error first. `file:PATH` stands for what that file holds: the first process that starts takes it away.
`shared:PATH` too, and each process that starts reads it; without the file nothing fails.

Rejected: calls of a failpoint function in the code (one would be forgotten, and each costs something in production). Statements have names, so
a wrapped connection knows where it is, and a new statement has its places as soon as it is written; without the setting nothing is wrapped.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal, assert_never, cast, get_args

from db.migrate import migrations
from db.statements import Statement, statements

Border = Literal["before", "mid", "after"]
Action = Literal["kill", "stop", "hang", "error", "note"]
_POINT = re.compile(
    r"(?P<place>(before|mid|after):[a-z_*.]+)(:(?P<action>[a-z]+)(:(?P<argument>[0-9A-Z.]+))?)?"
    r"(@(?P<at>[1-9][0-9]*)|@p(?P<chance>[0-9.]+)(x(?P<most>[1-9][0-9]*))?)?"
)
_DATA = re.compile(r"\b(insert\s+into|delete\s+from|update\s+[a-z_]+(\s+[a-z]+)?\s+set|pg_notify\s*\()")
_FUNCTION = re.compile(
    r"\bcreate (or replace )?function (?P<name>\w+)\((?P<head>.*?)(\bas \$|\breturn\b|\batomic\b|;)", re.DOTALL
)
_DETACH, _DROP = "weeks.detach", "weeks.drop"
SCRIPTS = (_DETACH, _DROP)
"""What is done by text that can't stand in a file, since it names a table."""


class BadFailpoint(Exception):
    """What is set is not a failpoint; the text says what is wrong."""


@dataclass(slots=True)
class Point:
    """One entry of the setting. `argument` is a number of seconds, an SQLSTATE, or empty."""

    place: str
    action: Action = "kill"
    argument: str = ""
    at: int = 1
    chance: float | None = None
    most: int | None = None
    _passed: int = field(default=0)
    _fired: int = field(default=0)
    _noted: set[str] = field(default_factory=set[str])

    def due(self, place: str) -> bool:
        if not fnmatchcase(place, self.place):
            return False
        if self.action == "note":
            fresh = place not in self._noted
            self._noted.add(place)
            return fresh
        self._passed += 1
        if self.chance is None:
            return self._passed == self.at
        due = (self.most is None or self._fired < self.most) and _CHANCE.random() < self.chance
        self._fired += due
        return due


class Failpoints:
    """Those of one process."""

    def __init__(self, points: Sequence[Point] = ()) -> None:
        self._points = tuple(points)

    def __bool__(self) -> bool:
        return bool(self._points)

    async def passing(self, place: str, fail: Callable[[str], BaseException]) -> None:
        """Called at each place, in passing. `fail` gives the error of that border for an SQLSTATE, or for nothing."""
        for point in self._points:
            if not point.due(place):
                continue
            os.write(2, f"failpoint {place} fired: {point.action}\n".encode())
            match point.action:
                case "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                case "stop":
                    _stand_still(float(point.argument))
                case "hang":
                    await asyncio.sleep(float(point.argument))
                case "error":
                    raise fail(point.argument)
                case "note":
                    pass
                case _:
                    assert_never(point.action)


def read_points(text: str, known: Sequence[str]) -> Failpoints:
    """The failpoints of a setting. `known` are all places. Raises BadFailpoint."""
    if text.startswith("file:"):
        text = _taken(Path(text.removeprefix("file:")))
    elif text.startswith("shared:"):
        shared = Path(text.removeprefix("shared:"))
        text = shared.read_text(encoding="utf-8") if shared.exists() else ""
    return Failpoints([_point(entry.strip(), known) for entry in text.split(",") if entry.strip()])


def _point(text: str, known: Sequence[str]) -> Point:
    found = _POINT.fullmatch(text)
    if found is None:
        raise BadFailpoint(f"{text!r} is not a failpoint: PLACE[:ACTION[:ARGUMENT]][@N]")
    place, action = found["place"], found["action"] or "kill"
    if action not in get_args(Action):
        raise BadFailpoint(f"{action!r} is none of {', '.join(get_args(Action))}")
    if not any(fnmatchcase(one, place) for one in known):
        raise BadFailpoint(f"there is no place {place!r}: `millstream chaos --failpoints` lists them")
    argument = found["argument"] or ""
    if action in {"stop", "hang"} and not re.fullmatch(r"[0-9]+(\.[0-9]+)?", argument):
        raise BadFailpoint(f"{text!r} needs seconds, as {place}:{action}:5")
    if action == "error" and argument and not re.fullmatch(r"[0-9A-Z]{5}", argument):
        raise BadFailpoint(f"{argument!r} is not an SQLSTATE")
    chance = None if found["chance"] is None else float(found["chance"])
    most = None if found["most"] is None else int(found["most"])
    return Point(place, cast("Action", action), argument, int(found["at"] or 1), chance, most)


def _taken(file: Path) -> str:
    mine = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.rename(mine)
    except FileNotFoundError:
        return ""
    text = mine.read_text(encoding="utf-8")
    mine.unlink()
    return text


def _stand_still(seconds: float) -> None:
    own = os.getpid()
    subprocess.Popen(  # noqa: S603 - a number and a pid
        ["/bin/sh", "-c", f"sleep {seconds:.3f}; kill -CONT {own}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.kill(own, signal.SIGSTOP)


@cache
def named_statements() -> Mapping[str, Statement]:
    """Every statement of every file by `noun.name`."""
    files = sorted(file.name for file in (resources.files("db") / "sql").iterdir() if file.name.endswith(".sql"))
    return {
        f"{noun}.{statement.name}": statement
        for noun in (file.removesuffix(".sql") for file in files)
        for statement in statements(noun).values()
    }


@cache
def names_by_text() -> Mapping[str, str]:
    """`noun.name` by the statement's text, as the driver sees it."""
    return {statement.sql: name for name, statement in named_statements().items()}


@cache
def writing_statements() -> tuple[str, ...]:
    """Those that change something: by their own words, or by a function that may."""
    functions = "|".join(sorted(_changing_functions()))
    calls = re.compile(rf"\b({functions})\s*\(")
    return tuple(
        name
        for name, statement in named_statements().items()
        if _DATA.search(statement.sql) or calls.search(statement.sql)
    )


def script_name(text: str) -> str | None:
    """The name of what a script does where it writes by itself."""
    if text.startswith("alter table public.") and " detach partition " in text:
        return _DETACH
    return _DROP if text.startswith("drop table public.") else None


def _changing_functions() -> set[str]:
    """Functions of ours that may change something: all that don't promise otherwise."""
    return {
        found["name"]
        for step in migrations()
        for found in _FUNCTION.finditer(step.sql)
        if not re.search(r"\b(stable|immutable)\b", found["head"])
    }


_CHANCE = secrets.SystemRandom()
