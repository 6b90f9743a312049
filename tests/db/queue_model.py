"""What an app queue ought to do, in plain Python: lists instead of tables, one caller at a time. Times are seconds of the test's clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from math import inf
from typing import Literal
from uuid import UUID

from db.app_queues import QueueSettings


@dataclass
class Item:
    number: int
    item_id: UUID
    key: str | None
    since: float
    attempts: int = 0
    place: int = 0
    """Among all that ever began to wait."""


@dataclass
class Batch:
    members: list[Item]
    state: Literal["claimed", "running", "resting", "blocked"]
    until: float
    """Of the lease, or of the rest."""
    attempt: int = 1
    twin: list[Item] = field(default_factory=list)
    """Holds the fault if `members` don't."""
    tail: list[Item] = field(default_factory=list)
    halved: bool = False

    @property
    def held(self) -> list[Item]:
        return [*self.members, *self.twin, *self.tail]


@dataclass
class Lane:
    waiting: list[Item] = field(default_factory=list)
    batch: Batch | None = None
    oldest: float = inf
    due: float | None = None
    asked: int = 0


class Model:
    def __init__(self, settings: QueueSettings) -> None:
        self.settings = settings
        self.now = 0.0
        self.paused = False
        self.lanes: dict[str, Lane] = {}
        self.delayed: list[Item] = []
        self.dead: list[Item] = []
        self.done: list[int] = []
        self.dedupe: dict[str, float] = {}
        self.starts: list[float] = []
        self._places = 0

    def put(self, item: Item, dedupe: str | None, delay: float) -> bool:
        """False: a duplicate."""
        if dedupe is not None:
            if self.dedupe.get(dedupe, -inf) > self.now:
                return False
            self.dedupe[dedupe] = self.now + self.settings.dedupe_window
        item.since = self.now + delay
        if delay:
            self.delayed.append(item)
        else:
            self._wait([item], self.now)
        return True

    def _wait(self, items: list[Item], since: float) -> None:
        for item in items:
            self._places += 1
            item.place = self._places
            name = (item.key or "") if self.settings.ordering == "key" else ""
            lane = self.lanes.setdefault(name, Lane())
            lane.waiting.append(item)
            lane.oldest = min(lane.oldest, since)
            if lane.batch is None:
                due = self._due(lane, since, asked=False)
                lane.due = due if lane.due is None else min(lane.due, due)

    def _due(self, lane: Lane, since: float, *, asked: bool) -> float:
        full = len(lane.waiting) >= self.settings.flush_batch_size
        return self.now if full or asked else since + self.settings.flush_record_max_age

    def claim(self) -> set[str]:
        """The lanes whose batches are claimed."""
        if self.paused:
            return set()
        self.starts = [min(start, self.now) for start in self.starts]
        got = {name for name, batch in self._batches("claimed") if batch.until <= self.now}
        ready = sorted(
            (item for item in self.delayed if item.since <= self.now), key=lambda one: (one.since, one.item_id)
        )
        if ready:
            self._wait(ready, ready[0].since)
            self.delayed = [item for item in self.delayed if item.since > self.now]
        room = self.settings.max_parallel_batches - sum(
            1 for _ in chain(self._batches("claimed"), self._batches("running"))
        )
        resting = sorted((batch.until, name) for name, batch in self._batches("resting") if batch.until <= self.now)
        due = sorted(
            (lane.due, name) for name, lane in self.lanes.items() if lane.due is not None and lane.due <= self.now
        )
        for _, name in (resting + due)[: max(0, room)]:
            if self._next_start() > self.now:
                break
            self.starts.append(self.now)
            got.add(name)
            lane = self.lanes[name]
            if lane.batch is None:
                size = self.settings.flush_batch_size
                if self.settings.flush_strategy == "lifo":
                    members, lane.waiting = lane.waiting[-size:][::-1], lane.waiting[:-size]
                else:
                    members, lane.waiting = lane.waiting[:size], lane.waiting[size:]
                lane.batch, lane.due = Batch(members, "claimed", 0), None
        for name in got:
            batch = self.lanes[name].batch
            assert batch is not None
            batch.state, batch.until = "claimed", self.now + 30
        return got

    def _next_start(self) -> float:
        count, window = self.settings.flush_rate_limit_max_flush_count, self.settings.flush_rate_limit_time_window
        starts = [min(start, self.now) for start in self.starts]
        return max([self.now, *([starts[-count] + window] if len(starts) >= count else [])])

    def _batches(self, state: str) -> list[tuple[str, Batch]]:
        return [(name, lane.batch) for name, lane in self.lanes.items() if lane.batch and lane.batch.state == state]

    def begin(self, name: str) -> None:
        batch = self.lanes[name].batch
        assert batch is not None
        batch.state = "running"

    def end(self, name: str, *, succeeded: bool) -> None:
        lane = self.lanes[name]
        batch = lane.batch
        assert batch is not None
        if succeeded:
            self.done += [item.number for item in batch.members]
            self._go_on(name, faulty=False)
            return
        for item in batch.members:
            item.attempts += 1
        policy = self.settings.on_failure
        if batch.attempt < self.settings.max_attempts and not (batch.halved and policy == "bisect"):
            batch.state, batch.until, batch.attempt = "resting", self.now + 2 ** (batch.attempt - 1), batch.attempt + 1
        elif policy == "bisect" and len(batch.members) > 1:
            half = (len(batch.members) + 1) // 2
            tail = batch.twin + batch.tail
            self._rest(
                lane, Batch(batch.members[:half], "resting", self.now, 1, batch.members[half:], tail, halved=True)
            )
        elif policy == "block":
            batch.state = "blocked"
        else:
            self.dead += batch.members
            self._go_on(name, faulty=True)

    def _rest(self, lane: Lane, part: Batch) -> None:
        lane.batch = part

    def _go_on(self, name: str, *, faulty: bool) -> None:
        lane = self.lanes[name]
        batch = lane.batch
        assert batch is not None
        if batch.twin and not faulty:
            half = (len(batch.twin) + 1) // 2
            self._rest(
                lane, Batch(batch.twin[:half], "resting", self.now, 1, batch.twin[half:], batch.tail, halved=True)
            )
        elif batch.twin or batch.tail:
            self._rest(lane, Batch(batch.twin + batch.tail, "resting", self.now, halved=True))
        elif lane.waiting:
            lane.batch, head = None, lane.waiting[0]
            lane.oldest = head.since
            lane.due = self._due(lane, head.since, asked=head.place <= lane.asked)
        else:
            del self.lanes[name]

    def change(self, settings: QueueSettings) -> None:
        self.settings = settings
        for lane in self.lanes.values():
            if lane.batch is None:
                lane.due = self._due(lane, lane.oldest, asked=lane.waiting[0].place <= lane.asked)

    def flush(self) -> int:
        reached = [lane for lane in self.lanes.values() if lane.waiting]
        for lane in reached:
            lane.asked = self._places
            if lane.due is not None:
                lane.due = min(lane.due, self.now)
        return len(reached)

    def pause(self) -> None:
        self.paused = True
        for _, batch in self._batches("claimed"):
            batch.until = self.now

    def resume(self) -> int:
        self.paused = False
        blocked = self._batches("blocked")
        for _, batch in blocked:
            batch.state, batch.until, batch.attempt = "resting", self.now, 1
            batch.twin, batch.tail = [], batch.twin + batch.tail
        return len(blocked)

    def clear(self) -> int:
        gone = len(self.delayed)
        self.delayed = []
        for name, lane in list(self.lanes.items()):
            gone += len(lane.waiting)
            lane.waiting = []
            if lane.batch is None or lane.batch.state in ("resting", "blocked"):
                gone += len(lane.batch.held) if lane.batch else 0
                del self.lanes[name]
        return gone

    def replay(self) -> int:
        again = sorted(self.dead, key=lambda item: item.item_id)
        self.dead = []
        for item in again:
            item.attempts, item.since = 0, self.now
        self._wait(again, self.now)
        return len(again)

    def next_flush(self) -> float | None:
        """At what time something may be claimed."""
        if self.paused:
            return None
        lost = [batch.until for _, batch in self._batches("claimed")]
        busy = len(lost) + len(self._batches("running"))
        times = [batch.until for _, batch in self._batches("resting")]
        times += [lane.due for lane in self.lanes.values() if lane.due is not None]
        times += [item.since for item in self.delayed]
        free = [max(min(times), self._next_start())] if times and busy < self.settings.max_parallel_batches else []
        return min(lost + free, default=None)

    def figures(self) -> tuple[int, int, int, int, int]:
        """depth, in_flight, delayed, dead, blocked keys"""
        blocked = [batch for _, batch in self._batches("blocked")]
        in_flight = sum(len(lane.batch.held) for lane in self.lanes.values() if lane.batch) - sum(
            len(b.held) for b in blocked
        )
        depth = sum(len(lane.waiting) for lane in self.lanes.values()) + sum(len(batch.held) for batch in blocked)
        return depth, in_flight, len(self.delayed), len(self.dead), len(blocked)
