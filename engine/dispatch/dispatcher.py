"""The outbox of runs: from a row in the queue to an execution in Temporal.

Model. A run is accepted when its row is committed; whether Temporal is there doesn't matter for that. The row then goes

    blocked ──(the run before it of its key ended)──┐
    capped ──(a run of its workflow ended)──────────┴─► ready ──claim──► starting ──send──► started ──► (gone, at the run's end)
                                                          ▲                  │
                                                          └── lease over, or Temporal gone

- *Fast path.* Accepting claims the row in the same commit when key and cap allow it, and hands it to this process's starters.
- *Slow path.* A loop claims what is left, woken by notices and by a poll of a few seconds with jitter. Claims are leases: whoever dies with
  one loses it after `LEASE` seconds.
- *Starters.* Two serve what waited in the queue: that nearly fills Temporal, and more only wait inside it, where nobody is fair. Four
  others serve what was claimed as it was accepted, so that a single run doesn't stand behind a backlog (beside 100,000 queued runs it
  takes twice as long as alone; with six starters for all, three and a half times). Each kind stands in a queue of its own that serves
  workspaces in turn, and in each its workflows; behind that the claims, which go by turns too.
- *Fence.* A claim is checked by its epoch in the moment before its start is sent, and begins a fresh lease there: whoever stood still
  with claims in hand sends none of them. Starting is idempotent besides (the execution's id is the run's id, an open one is used), so that even
  two starts of one row do no harm; each later note is conditional on the epoch too. What is refused is counted (`engine/stale.py`).
- *Cancel* ends a claimed run at once until its start is sent. From there on an execution may exist, and is told by a signal; if the start
  turns out to have failed, the run ends as it is given back. An execution that Temporal made nevertheless reads the log before its
  first call, finds the end, and does nothing.
- *Temporal gone.* Claims in hand are given back, nothing more is claimed, and one run at a time probes, ever slower (at most every
  5 s). Runs stay queued and are never lost.
- *Signals* are rows first. This loop delivers them; a signal for an execution that isn't there is dropped, since an execution reads the
  rows that the signal tells of when it begins.

Rejected: Temporal's own queueing (no caps by key, no fairness by workspace, and nothing accepted while it is down); a claim under an open
transaction (it pins a connection and holds back vacuum for the length of an RPC).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from db import queue, runs, signals
from db.errors import DatabaseUnavailable
from db.ids import WorkspaceId
from db.pool import Database
from db.queue import Claimed
from engine.dispatch.executions import CannotStart, CarrierGone, Executions, Start
from engine.dispatch.fair_queue import FairQueue
from engine.holder import new_holder
from engine.hub import Hub, Kind, Notice
from engine.stale import StaleWrites

LEASE = 30.0
FRESH_STARTS, QUEUED_STARTS = 4, 2
_WAITING = 100
"""Claims of each kind that wait in this process at most, so that each is started long before its lease is over."""
_POLL = 3.0
_SETTLE = 0.02
"""Seconds between two claims at least: a burst of ends makes one claim, not one each."""
_PROBE_FIRST, _PROBE_MOST = 0.25, 5.0
_SIGNALS = 100

log = logging.getLogger("millstream.dispatch")

Fail = Callable[[int, str, str], Awaitable[None]]
"""Ends a run that can't be started: workspace, run id, message."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What accepting needs to claim a run for this process."""

    holder: str
    seconds: float


class Dispatcher:
    """One per process that accepts or works. `run` does the work; all other methods only note and wake."""

    def __init__(
        self, db: Database, hub: Hub, executions: Executions, fail: Fail, stale: StaleWrites | None = None
    ) -> None:
        self._db = db
        self._hub = hub
        self._executions = executions
        self._fail = fail
        self._stale = stale or StaleWrites()
        self._turn: WorkspaceId | None = None
        """Whose turn the last claim ended with."""
        self._holder = new_holder()
        self._fresh: FairQueue[Claimed] = FairQueue()
        """Claimed as they were accepted."""
        self._queued: FairQueue[Claimed] = FairQueue()
        """Claimed out of the queue."""
        self._look = asyncio.Event()
        self._deliver = asyncio.Event()
        self._more = True
        """Rows may be waiting that this process knows of: ends of runs are then reasons to look."""
        self._gone_since: float | None = None
        self._random = secrets.SystemRandom()
        hub.watch(self._heard)

    @property
    def carrier_gone(self) -> bool:
        """Whether Temporal was out of reach at the last attempt."""
        return self._gone_since is not None

    def lease(self) -> Lease | None:
        """For the claim inside accept; None when this process has enough at hand, or Temporal is gone."""
        if self.carrier_gone or len(self._fresh) >= _WAITING:
            self._more = True
            return None
        return Lease(self._holder, LEASE)

    def offer(self, claim: Claimed) -> None:
        """Start this run soon, which was claimed as it was accepted."""
        self._fresh.put(claim.workspace_id, claim.workflow_id, claim)

    def look(self) -> None:
        """A run waits that accept didn't claim."""
        self._more = True
        self._look.set()

    def deliver(self) -> None:
        """A signal row was committed."""
        self._deliver.set()

    async def run(self) -> None:
        """Dispatch until cancelled; what is claimed and not started is then given back."""
        try:
            async with asyncio.TaskGroup() as group:
                for waiting, starts in ((self._fresh, FRESH_STARTS), (self._queued, QUEUED_STARTS)):
                    for _ in range(starts):
                        group.create_task(self._starter(waiting))
                group.create_task(self._claimer())
                group.create_task(self._signaller())
        finally:
            await asyncio.shield(self._give_back(self._drained(), 0.0))

    def _heard(self, notice: Notice | None) -> None:
        if notice is None:
            self.look()
            self.deliver()
        elif notice.kind is Kind.SIGNAL:
            self._deliver.set()
        elif notice.kind is Kind.QUEUED or (notice.kind is Kind.ENDED and self._more):
            self.look()

    async def _starter(self, waiting: FairQueue[Claimed]) -> None:
        while True:
            claim = await waiting.get()
            try:
                await self._start(claim)
            except CarrierGone as error:
                await self._lost(claim, error)
            except DatabaseUnavailable:
                # The lease would run out and the row be claimed again, but that takes long. Should it have run out, this does no harm.
                await asyncio.sleep(self._jittered(1.0))
                waiting.put(claim.workspace_id, claim.workflow_id, claim)
            except Exception:
                log.exception("run %s could not be started; it is tried again", claim.run_id)
                await self._give_back([claim], self._delay(claim))

    async def _start(self, claim: Claimed) -> None:
        async with self._db.single() as conn:
            sending = await queue.send(conn, claim.run_id, claim.epoch, LEASE)
        if sending != "done":
            if sending == "refused":
                self._stale.refused("send", claim.run_id, claim.epoch)
            return
        start = Start(str(claim.run_id), claim.workspace_id, claim.recovered)
        try:
            begun = await self._executions.start(start)
        except CannotStart as error:
            await self._fail(claim.workspace_id, str(claim.run_id), str(error))
            return
        self._back()
        async with self._db.single() as conn:
            if begun:
                if await queue.mark_started(conn, claim.run_id, claim.epoch) == "refused":
                    self._stale.refused("started", claim.run_id, claim.epoch)
            else:
                # An execution closed without writing the run's end: the next one takes over what the log has.
                await queue.recover(conn, claim.run_id, claim.epoch)
                self.look()

    async def _claimer(self) -> None:
        while True:
            pause = await self._claim()
            await asyncio.sleep(self._jittered(pause))
            await _woken(self._look, self._jittered(_POLL))

    async def _claim(self) -> float:
        """Claim what there is room for; gives the seconds that pass before the next claim, whatever wakes the loop."""
        if self._gone_since is None:
            room, pause = _WAITING - len(self._queued), _SETTLE
        else:
            room, pause = 1 - len(self._fresh) - len(self._queued), self._probe_pause(self._gone_since)
        if room <= 0 or self._gone_since is not None:
            self._look.set()
        if room <= 0:
            return pause
        try:
            async with self._db.single() as conn:
                claims = await queue.claim(conn, self._holder, room, LEASE, self._turn)
                self._more = len(claims) == room or await queue.anything_waits(conn)
        except DatabaseUnavailable:
            return 1.0
        for claim in claims:
            self._queued.put(claim.workspace_id, claim.workflow_id, claim)
            self._turn = claim.workspace_id
        if len(claims) == room:
            self._look.set()
        return pause

    async def _signaller(self) -> None:
        while True:
            await _woken(self._deliver, self._jittered(_POLL))
            try:
                while await self._deliver_some():
                    pass
            except (DatabaseUnavailable, CarrierGone):
                await asyncio.sleep(self._jittered(1.0))
            await asyncio.sleep(_SETTLE)

    async def _deliver_some(self) -> bool:
        """One batch; True when there may be more. A batch that isn't acknowledged comes again when its lease is over."""
        async with self._db.single() as conn:
            waiting = await signals.pending(conn, _SIGNALS)
        if not waiting:
            return False
        await asyncio.gather(
            *(
                self._executions.wake(str(one.run_id), one.kind, str(one.child_run_id or one.path or ""))
                for one in waiting
            )
        )
        async with self._db.single() as conn:
            await signals.delivered(conn, [one.signal_id for one in waiting])
        return len(waiting) == _SIGNALS

    async def _lost(self, claim: Claimed, error: CarrierGone) -> None:
        if self._gone_since is None:
            self._gone_since = time.monotonic()
            log.warning("Temporal can't be reached; runs stay queued until it is back (%s)", error)
        await self._give_back([claim, *self._drained()], 0.0)
        self.look()

    def _drained(self) -> list[Claimed]:
        return [*self._fresh.drain(), *self._queued.drain()]

    def _back(self) -> None:
        if self._gone_since is not None:
            log.warning("Temporal is back after %.1f s", time.monotonic() - self._gone_since)
            self._gone_since = None
            self.look()
            self.deliver()

    async def _give_back(self, claims: Sequence[Claimed], delay: float) -> None:
        if not claims:
            return
        try:
            async with self._db.single() as conn:
                released = await queue.release(conn, [(claim.run_id, claim.epoch) for claim in claims], delay)
                for one in released:
                    if (
                        one.cancelled
                        and (await runs.request_cancel(conn, one.workspace_id, one.run_id)).outcome == "cancelled"
                    ):
                        self._hub.publish(one.workspace_id, str(one.run_id), Kind.ENDED)
        except DatabaseUnavailable:
            log.info("%d claims are left to run out", len(claims))
            return
        ours = {one.run_id for one in released}
        for claim in claims:
            if claim.run_id not in ours:
                self._stale.refused("release", claim.run_id, claim.epoch)

    def _delay(self, claim: Claimed) -> float:
        return min(60.0, 2.0 ** min(claim.attempts, 6)) * self._random.uniform(0.5, 1.0)

    def _probe_pause(self, gone_since: float) -> float:
        return min(_PROBE_MOST, max(_PROBE_FIRST, (time.monotonic() - gone_since) / 4))

    def _jittered(self, seconds: float) -> float:
        return seconds * self._random.uniform(0.75, 1.25)


async def _woken(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, which it then isn't any more, or after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
    event.clear()
