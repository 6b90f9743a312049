"""From events that wait in the inbox to runs: whatever came by a way that can't wait for more than its commit.

Model. An event waits, is held by one process for a while, and is then over or waits again; the table says what its states mean. What it
starts is found by the *reader* of its kind, which gives an entry for the acceptor, or says why there will be none:

    Entry            the run is taken in, in the transaction that says `accepted`; both or neither
    Refused, 4xx     it can never start a run: `refused`, with the reason
    Standing         it may later, when somebody changes something (a paused workflow): it waits, and isn't tried in vain
    anything else    a server is away, or a fault of ours: it waits for longer each time; after `ATTEMPTS` it has `failed`, for a person to see

*Order.* Events of one source are taken in the order of their ids, and one that waits again holds up those behind it, as long as it waits. A
source is held as a whole: whoever takes its first event takes some that follow, and ends with them in their order.

*Died while it held them*: the lease runs out, somebody else takes them. *Stood still*: its epoch is refused, and no run is taken in.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Mapping, Sequence

from db import inbox
from db.errors import DatabaseUnavailable
from db.ids import EventId
from db.inbox import Event, EventKind
from db.pool import Database
from db.runs import EventGone
from engine.hub import Hub, Kind, Notice
from engine.problems import Problem, Unavailable
from engine.runs.accept import Acceptor, Entry
from engine.stale import StaleWrites
from engine.triggers.reader import Reader, Refused, Standing

log = logging.getLogger("millstream.inbox")

LEASE = 60.0
AT_ONCE = 16
"""Events of one source that are held together."""
_SOURCES = 4
"""Sources that are worked at side by side."""
ATTEMPTS = 20
_FIRST, _LONGEST = 1.0, 300.0
"""Seconds before the second attempt, doubled each time, and at most."""
_SWEEP = 2.0
_AFTER_ENDS = 0.2
_MOST_AWAITED = 10_000
_GONE = "What came is kept no longer."


class Processor:
    """One per process. `run` does the work."""

    def __init__(
        self,
        db: Database,
        hub: Hub,
        acceptor: Acceptor,
        readers: Mapping[EventKind, Reader],
        stale: StaleWrites | None = None,
    ) -> None:
        self._db = db
        self._hub = hub
        self._acceptor = acceptor
        self._readers = readers
        self._stale = stale or StaleWrites()
        self._came = asyncio.Event()
        self._awaited: set[str] = set()
        """Runs whose ends events wait for, as far as this process has looked at them."""
        self._look_at: asyncio.TimerHandle | None = None
        hub.watch(self._heard)

    async def run(self) -> None:
        """Until cancelled. What was held then runs out."""
        chance = secrets.SystemRandom()
        while True:
            self._came.clear()
            try:
                more = await self.round()
            except DatabaseUnavailable as error:
                log.info("the inbox can't be looked at: %s", error)
                more = False
            except Exception:
                log.exception("the inbox could not be looked at; it is tried again")
                more = False
            if not more:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_SWEEP * chance.uniform(0.8, 1.2)):
                        await self._came.wait()

    async def round(self) -> bool:
        """Takes what is due, of a few sources; gives whether there was anything. Raises `DatabaseUnavailable`."""
        async with self._db.single() as conn:
            firsts = await inbox.due_sources(conn, _SOURCES)
        done = await asyncio.gather(*(self._source(first) for first in firsts))
        return any(done)

    def _heard(self, notice: Notice | None) -> None:
        if notice is None or notice.kind is Kind.EVENT:
            self._came.set()
        elif notice.kind is Kind.ENDED:
            if notice.run_id in self._awaited:
                self._awaited.discard(notice.run_id)
                self._came.set()
            elif self._look_at is None:
                # An end may have entered an event; many ends are one look.
                self._look_at = asyncio.get_running_loop().call_later(_AFTER_ENDS, self._look)

    def _look(self) -> None:
        self._look_at = None
        self._came.set()

    async def _source(self, first: EventId) -> bool:
        async with self._db.engine() as conn:
            events = await inbox.take(conn, first, LEASE, AT_ONCE)
        ahead = {
            event.event_id: asyncio.create_task(self._entry(event))
            for event in events
            if (reader := self._readers.get(event.kind)) is not None and reader.ahead
        }
        try:
            for number, event in enumerate(events):
                if not await self._end(event, ahead.get(event.event_id) or self._entry(event)):
                    await self._give_back(events[number + 1 :])
                    break
        finally:
            for task in ahead.values():
                task.cancel()
            await asyncio.gather(*ahead.values(), return_exceptions=True)
        return bool(events)

    async def _entry(self, event: Event) -> Entry | None:
        reader = self._readers.get(event.kind)
        if reader is None:
            raise Refused(f"Nothing here reads events of the kind {event.kind!r}.")
        async with self._db.single() as conn:
            content = await inbox.content(conn, event.workspace_id, event.content_id)
        if content is None:
            raise Refused(_GONE)
        return await reader.entry(event, content)

    async def _end(self, event: Event, entry: Awaitable[Entry | None]) -> bool:
        """Whether the next one of its source may be taken."""
        try:
            found = await entry
            if found is None:
                return await self._over(event, "dropped", "Nothing more was to be done.")
            await self._acceptor.accept(found)
        except EventGone:
            self._stale.refused("inbox", event.event_id, event.lease_epoch)
            return False
        except Refused as refused:
            return await self._over(event, "refused", str(refused))
        except Standing as standing:
            if standing.run_id is not None and len(self._awaited) < _MOST_AWAITED:
                self._awaited.add(standing.run_id)
            await self._wait(event, standing.again_s, str(standing), counted=False)
            return False
        except (Unavailable, DatabaseUnavailable) as error:
            return await self._again(event, str(error))
        except Problem as problem:
            if problem.status >= 500:
                return await self._again(event, str(problem))
            return await self._over(event, "refused", f"{problem.code}: {problem.detail}")
        except Exception as error:
            log.exception("the event %s could not be taken", event.event_id)
            return await self._again(event, f"A fault of the engine: {type(error).__name__}. Its log says more.")
        return True

    async def _over(self, event: Event, verdict: inbox.Over, reason: str) -> bool:
        try:
            async with self._db.engine(event.workspace_id) as conn:
                return await inbox.settle(conn, event.workspace_id, event.held, verdict, reason)
        except DatabaseUnavailable:
            return False  # it is held until its lease runs out

    async def _again(self, event: Event, reason: str) -> bool:
        if event.attempts >= ATTEMPTS:
            return await self._over(event, "failed", reason)
        await self._wait(event, min(_LONGEST, _FIRST * 2 ** (event.attempts - 1)), reason)
        return False

    async def _wait(self, event: Event, after_s: float, reason: str | None, *, counted: bool = True) -> None:
        with contextlib.suppress(DatabaseUnavailable):
            async with self._db.engine(event.workspace_id) as conn:
                await inbox.put_back(conn, event.workspace_id, event.held, after_s, reason, counted=counted)

    async def _give_back(self, events: Sequence[Event]) -> None:
        for event in events:
            await self._wait(event, 0.0, event.reason, counted=False)
