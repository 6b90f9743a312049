"""Who waits for what happens to a run, and how the news gets to them: futures in this process first, NOTIFY second.

Model. A *notice* says that something about a run changed; it never says what. Whoever waits for a run holds a `Subscription`, is
woken by notices and then reads rows: rows are the truth, notices only save time. So a notice may be lost, doubled or
late and nothing breaks: each waiter looks again by itself after `SLOW_POLL` seconds.

Over the same wire goes what is no row at all, and is kept nowhere (`whisper`): the pieces of a text that is being written.

    published here ──► subscribers of this process, at once
                 └───► gathered, at most one NOTIFY per 50 ms and process ──► the hubs of other processes ──► their subscribers

A commit with a NOTIFY in it takes a lock that is global to the server, and costs 30–40 % of all commits at 8–30 connections. That is
why notices are never part of a transaction that does work, and travel on a connection of their own. Rejected: polling (idle cost,
latency), Temporal's `result()` (3–11 ms, and one open call per waiter), LISTEN per run (a channel each).

After a lost connection every subscriber is woken once, since notices may have been missed meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self, cast

from modules.sdk.json_bytes import dumps, loads

SLOW_POLL = 1.0
"""Seconds after which a waiter looks by itself, whether or not a notice came."""
GATHER = 0.05
PAYLOAD_LIMIT = 7_900
"""Bytes of one NOTIFY: PostgreSQL takes fewer than 8,000."""


class Kind(StrEnum):
    """One letter each: they travel."""

    CHANGED = "c"
    """The run or a step of it has a new state."""
    ENDED = "e"
    """The run is in a terminal state: what waited for its key or for room may start."""
    QUEUED = "q"
    """The run may start now, and the process that says so could not see to it."""
    SIGNAL = "s"
    """A signal row for the run was committed: its execution has to be woken."""
    ITEMS = "i"
    """Not of a run but of an app queue, by its id: items came, or it may go on."""
    SCHEDULE = "t"
    """Not of a run but of a workflow, by its id: when it is due has changed."""
    EVENT = "v"
    """Not of a run but of the inbox: an event waits, by its id, or those of a workflow may go on, by its id."""


@dataclass(frozen=True, slots=True)
class Notice:
    workspace: int
    run_id: str
    kind: Kind


class Wire(Protocol):
    """Carries texts between processes: see `db/channel.py`."""

    async def listen(self, heard: Callable[[str], None], connected: Callable[[], None]) -> None:
        """Listen until cancelled, over lost connections; `connected` is called after each new connection."""
        ...

    async def send(self, text: str) -> None:
        """Send to all that listen. Raises `OSError` or a database error when there is no connection; nothing is then sent."""
        ...


class Subscription:
    """Wake-ups for one waiter; use it as a context manager. Notices that come while nobody waits are kept (as one)."""

    __slots__ = ("_event", "_leave", "ended", "noticed")

    def __init__(self, leave: Callable[[Subscription], None]) -> None:
        self._event = asyncio.Event()
        self._leave = leave
        self.ended = False
        """A notice said that the run ended (for a single run); it need not come."""
        self.noticed = True
        """Rows may have changed since they were looked at: whoever looks sets it back."""

    def wake(self, notice: Notice | None = None) -> None:
        if notice is not None and notice.kind is Kind.ENDED:
            self.ended = True
        self.noticed = True
        self._event.set()

    def nudge(self) -> None:
        """Wakes the waiter for something else than rows."""
        self._event.set()

    async def wait(self, seconds: float = SLOW_POLL) -> bool:
        """True when woken, False after `seconds`. Either way: look at the rows."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(self)


class Hub:
    """One per process. Without a wire (a lone process, a test) only the waiters of this process are woken."""

    def __init__(self, wire: Wire | None = None) -> None:
        self._wire = wire
        self._runs: dict[str, set[Subscription]] = {}
        self._workspaces: dict[int, set[Subscription]] = {}
        self._watchers: list[Callable[[Notice | None], None]] = []
        self.streams = 0
        """Streams of events that are open in this process: they share its time, see `engine/runs/events.py`."""
        self._name = f"{os.getpid():x}.{secrets.token_hex(4)}"
        self._outgoing: dict[str, None] = {}
        self._whispers: list[str] = []
        self._hearing: dict[str, Callable[[str], None]] = {}
        self._gathered = asyncio.Event()

    def subscribe(self, run_id: str) -> Subscription:
        def leave(one: Subscription) -> None:
            mine = self._runs[run_id]
            mine.discard(one)
            if not mine:
                del self._runs[run_id]

        one = Subscription(leave)
        self._runs.setdefault(run_id, set()).add(one)
        return one

    def subscribe_workspace(self, workspace: int) -> Subscription:
        def leave(one: Subscription) -> None:
            mine = self._workspaces[workspace]
            mine.discard(one)
            if not mine:
                del self._workspaces[workspace]

        one = Subscription(leave)
        self._workspaces.setdefault(workspace, set()).add(one)
        return one

    def watch(self, heard: Callable[[Notice | None], None]) -> None:
        """Call `heard` with each notice from anywhere, and with None after a gap. For the dispatcher; it must be quick."""
        self._watchers.append(heard)

    def publish(self, workspace: int, run_id: str, kind: Kind = Kind.CHANGED) -> None:
        """Tell of a change whose rows are committed. Never blocks, never raises."""
        self._deliver(Notice(workspace, run_id, kind))
        if self._wire is not None:
            self._outgoing[f"{kind.value}{workspace}/{run_id}"] = None
            self._gathered.set()

    def hear(self, subject: str, heard: Callable[[str], None]) -> None:
        """Call `heard` with what other processes whisper of a subject; it must be quick."""
        self._hearing[subject] = heard

    def whisper(self, subject: str, text: str) -> None:
        """Tell other processes something that is no row, and may be lost. At most 6,000 bytes. Never blocks, never raises."""
        if self._wire is not None:
            self._whispers.append(dumps([subject, text]).decode())
            self._gathered.set()

    async def run(self) -> None:
        """Carry notices between processes until cancelled."""
        if self._wire is None:
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wire.listen(self._heard, self._resumed))
            group.create_task(self._send())

    async def _send(self) -> None:
        assert self._wire is not None
        while True:
            await self._gathered.wait()
            self._gathered.clear()
            outgoing, self._outgoing = self._outgoing, {}
            whispers, self._whispers = self._whispers, []
            # What was whispered before rows changed is heard before that.
            for text in [*_packed(self._name, whispers), *_packed(self._name, outgoing)]:
                # A notice that can't be sent is lost: those who wait look again by themselves.
                with contextlib.suppress(Exception):
                    await self._wire.send(text)
            await asyncio.sleep(GATHER)

    def _heard(self, text: str) -> None:
        sender, _, entries = text.partition(" ")
        if sender == self._name:
            return
        if entries.startswith("["):
            self._overheard(entries)
            return
        for entry in entries.split(","):
            notice = _parsed(entry)
            if notice is not None:
                self._deliver(notice)

    def _overheard(self, entries: str) -> None:
        for subject, text in cast("list[list[str]]", loads(f"[{entries}]".encode())):
            if (heard := self._hearing.get(subject)) is not None:
                heard(text)

    def _resumed(self) -> None:
        for group in (self._runs, self._workspaces):
            for waiting in group.values():
                for one in waiting:
                    one.wake()
        for heard in self._watchers:
            heard(None)

    def _deliver(self, notice: Notice) -> None:
        for one in self._runs.get(notice.run_id, ()):
            one.wake(notice)
        for one in self._workspaces.get(notice.workspace, ()):
            one.wake(notice)
        for heard in self._watchers:
            heard(notice)


def _packed(sender: str, entries: Iterable[str]) -> list[str]:
    """As few texts as the limit of one NOTIFY allows."""
    texts: list[str] = []
    room = 0
    for entry in entries:
        size = len(entry.encode())
        if size + 1 > room:
            texts.append(f"{sender} {entry}")
            room = PAYLOAD_LIMIT - len(sender) - 1 - size
        else:
            texts[-1] += f",{entry}"
            room -= size + 1
    return texts


def _parsed(entry: str) -> Notice | None:
    """None for what a newer process may say that this one doesn't know."""
    workspace, slash, run_id = entry[1:].partition("/")
    try:
        kind = Kind(entry[:1])
    except ValueError:
        return None
    return Notice(int(workspace), run_id, kind) if slash and workspace.isdigit() else None
