"""What an app queue ought to do, in plain Python: lists instead of tables, one caller at a time.

Times are microseconds of the test's clock. Claims, runs and batches have numbers here, and ids there: a test holds them to be one to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal
from uuid import UUID

from db.app_queues import QueueSettings

SECOND = 1_000_000
FULL = 16 * 2**20
"""Bytes of a full batch."""

State = Literal["claimed", "running", "resting", "blocked"]
Reason = Literal["full", "age", "demand"]


def micros(seconds: float) -> int:
    return round(seconds * SECOND)


@dataclass
class Item:
    number: int
    item_id: UUID
    key: str | None = None
    size: int = 10
    dedupe: str | None = None
    delay: float = 0
    since: int = 0
    """When it began to wait, or will."""
    attempts: int = 0
    run: int | None = None
    """That failed with it last."""
    failed: int | None = None
    place: int = 0
    """Among all that ever began to wait."""


@dataclass
class Batch:
    members: list[Item]
    state: State
    reason: Reason
    until: int
    """Of the lease, or of the rest."""
    number: int
    run: int
    claim: int
    claimed: int = 0
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
    due: int | None = None
    asked: int = 0

    @property
    def bytes(self) -> int:
        return sum(item.size for item in self.waiting)


@dataclass
class Flush:
    """A line of the log."""

    batch: int
    attempt: int
    key: str | None
    items: int
    reason: str
    flushed: int
    status: str = "running"
    fate: str | None = None
    finished: int | None = None


class Model:
    def __init__(self, settings: QueueSettings) -> None:
        self.settings = settings
        self.now = 0
        self.paused = False
        self.bound = True
        self.lanes: dict[str, Lane] = {}
        self.delayed: list[Item] = []
        self.dead: list[Item] = []
        self.done: list[int] = []
        self.dedupe: dict[str, tuple[UUID, int]] = {}
        """Whose it is, and until when."""
        self.starts: list[float] = []
        """Before the first one that is remembered there was nothing: -inf. Or the limit had no use for it."""
        self.log: dict[int, Flush] = {}
        """By run."""
        self._last = 0

    def _new(self) -> int:
        self._last += 1
        return self._last

    def lane_of(self, item: Item) -> str:
        return (item.key or "") if self.settings.ordering == "key" else ""

    # ---- adding

    def put(self, items: Sequence[Item]) -> tuple[list[UUID], int | None]:
        """Those that aren't duplicates, and when a batch may be due because of them."""
        kept = [item for item in items if item.dedupe is None or self._first(item.item_id, item.dedupe)]
        for item in kept:
            item.since = self.now + micros(item.delay)
        late = [item for item in kept if item.delay]
        soon = [item for item in kept if not item.delay]
        self.delayed += late
        self._wait(soon, self.now)
        lanes = [self.lanes[self.lane_of(item)] for item in soon]
        due = [lane.due for lane in lanes if lane.due is not None] + [item.since for item in late]
        return [item.item_id for item in kept], min(due, default=None)

    def _first(self, item_id: UUID, key: str) -> bool:
        if not self.settings.dedupe_window:
            return True
        if key in self.dedupe and self.dedupe[key][1] > self.now:
            return False
        self.dedupe[key] = item_id, self.now + micros(self.settings.dedupe_window)
        return True

    def _wait(self, items: list[Item], since: int) -> None:
        for item in items:
            item.place = self._new()
            lane = self.lanes.setdefault(self.lane_of(item), Lane())
            lane.waiting.append(item)
            lane.oldest = min(lane.oldest, since)
            if lane.batch is None:
                due = self._due(lane, since, asked=False)
                lane.due = due if lane.due is None else min(lane.due, due)

    def _is_full(self, lane: Lane) -> bool:
        return len(lane.waiting) >= self.settings.flush_batch_size or lane.bytes >= FULL

    def _due(self, lane: Lane, since: float, *, asked: bool) -> int:
        now = asked or self._is_full(lane)
        return self.now if now else int(since) + micros(self.settings.flush_record_max_age)

    # ---- claiming

    @property
    def stands(self) -> bool:
        return self.paused or not self.bound

    def claim(self, limit: int) -> tuple[list[str], list[str]]:
        """The lanes whose batches are claimed: anew because their claimers were lost, and then the others in their order."""
        if self.stands:
            return [], []
        self.starts = [min(start, self.now) for start in self.starts]
        lost = sorted((batch.until, name) for name, batch in self._batches("claimed") if batch.until <= self.now)
        lost = lost[:limit]
        self._promote()
        room = min(self._room(), limit - len(lost))
        resting = sorted((batch.until, name) for name, batch in self._batches("resting") if batch.until <= self.now)
        due = sorted(
            (lane.due, name) for name, lane in self.lanes.items() if lane.due is not None and lane.due <= self.now
        )
        got: list[str] = []
        for _, name in (resting + due)[: max(0, room)]:
            if self._next_start() > self.now:
                break
            self._start()
            lane = self.lanes[name]
            if lane.batch is None:
                lane.batch, lane.due = self._take(lane), None
            lane.batch.run, lane.batch.claimed = self._new(), self.now
            got.append(name)
        again = [name for _, name in lost]
        for name in again + got:
            batch = self._batch(name)
            batch.state, batch.until, batch.claim = "claimed", self.now + 30 * SECOND, self._new()
        return again, got

    def _promote(self) -> None:
        ready = sorted((item for item in self.delayed if item.since <= self.now), key=lambda one: one.since)
        if ready:
            self._wait(ready, ready[0].since)
            self.delayed = [item for item in self.delayed if item.since > self.now]

    def _take(self, lane: Lane) -> Batch:
        lifo = self.settings.flush_strategy == "lifo"
        line = lane.waiting[::-1] if lifo else lane.waiting
        size = 1
        while size < min(len(line), self.settings.flush_batch_size):
            if sum(item.size for item in line[: size + 1]) > FULL:
                break
            size += 1
        members, left = line[:size], line[size:]
        asked = min(item.place for item in members) <= lane.asked
        reason: Reason = "full" if self._is_full(lane) else "demand" if asked else "age"
        lane.waiting = left[::-1] if lifo else left
        return Batch(members, "claimed", reason, 0, self._new(), 0, 0)

    def _room(self) -> int:
        return self.settings.max_parallel_batches - len(self._batches("claimed")) - len(self._batches("running"))

    def _next_start(self) -> float:
        starts = [min(start, self.now) for start in self.starts]
        if not starts:
            return self.now
        first = starts[max(0, len(starts) - self.settings.flush_rate_limit_max_flush_count)]
        return max(self.now, first + micros(self.settings.flush_rate_limit_time_window))

    def _start(self) -> None:
        """As many are remembered as were, or as the limit counts."""
        kept = max(len(self.starts), self.settings.flush_rate_limit_max_flush_count)
        self.starts = [*self.starts, self.now][-kept:] if self.starts else [-inf, self.now]

    def _batches(self, state: State) -> list[tuple[str, Batch]]:
        return [(name, lane.batch) for name, lane in self.lanes.items() if lane.batch and lane.batch.state == state]

    def _batch(self, name: str) -> Batch:
        batch = self.lanes[name].batch
        assert batch is not None
        return batch

    def begin(self, claim: int) -> Batch | None:
        """None: the claim isn't the last one of its batch any more, or nobody takes the items."""
        for name, batch in self._batches("claimed"):
            if batch.claim == claim and self.bound:
                batch.state = "running"
                key = (name or None) if self.settings.ordering == "key" else None
                reason = "retry" if batch.attempt > 1 else "bisect" if batch.halved else batch.reason
                self.log[batch.run] = Flush(batch.number, batch.attempt, key, len(batch.members), reason, batch.claimed)
                return batch
        return None

    # ---- ends

    def end(self, name: str, *, succeeded: bool) -> None:
        lane, batch = self.lanes[name], self._batch(name)
        flush = self.log[batch.run]
        flush.status, flush.finished = "succeeded" if succeeded else "failed", self.now
        if succeeded:
            flush.fate = "done"
            self.done += [item.number for item in batch.members]
            self._go_on(name, faulty=False)
        elif not self.bound:
            flush.fate = "returned"
            lane.waiting = sorted(batch.held + lane.waiting, key=lambda item: item.place)
            self._release(name)
        else:
            for item in batch.members:
                item.attempts, item.run = item.attempts + 1, batch.run
            flush.fate = self._fails(name, batch)

    def _fails(self, name: str, batch: Batch) -> str:
        policy = self.settings.on_failure
        if batch.attempt < self.settings.max_attempts and not (batch.halved and policy == "bisect"):
            batch.state, batch.until = "resting", self.now + min(60, 2 ** (batch.attempt - 1)) * SECOND
            batch.attempt += 1
            return "retried"
        if policy == "bisect" and len(batch.members) > 1:
            self._part(batch, batch.members, batch.twin + batch.tail)
            return "bisected"
        if policy == "block":
            batch.state = "blocked"
            return "blocked"
        for item in batch.members:
            item.failed = self.now
        self.dead += batch.members
        self._go_on(name, faulty=True)
        return "dead_lettered"

    def _part(self, batch: Batch, faulty: list[Item], tail: list[Item]) -> None:
        """The first half of what holds a fault is tried next."""
        half = (len(faulty) + 1) // 2
        self._next(batch, faulty[:half], faulty[half:], tail)

    def _next(self, batch: Batch, members: list[Item], twin: list[Item], tail: list[Item]) -> None:
        batch.members, batch.twin, batch.tail, batch.halved = members, twin, tail, True
        batch.state, batch.until, batch.attempt, batch.number = "resting", self.now, 1, self._new()

    def _go_on(self, name: str, *, faulty: bool) -> None:
        batch = self._batch(name)
        if batch.twin and not faulty:
            self._part(batch, batch.twin, batch.tail)
        elif batch.twin or batch.tail:
            self._next(batch, batch.twin + batch.tail, [], [])
        else:
            self._release(name)

    def _release(self, name: str) -> None:
        lane = self.lanes[name]
        if not lane.waiting:
            del self.lanes[name]
            return
        lane.batch, head = None, lane.waiting[0]
        lane.oldest = head.since
        lane.due = self._due(lane, head.since, asked=head.place <= lane.asked)

    # ---- what people do

    def change(self, settings: QueueSettings) -> None:
        self.settings = settings
        for lane in self.lanes.values():
            if lane.batch is None:
                lane.due = self._due(lane, lane.oldest, asked=lane.waiting[0].place <= lane.asked)

    def flush(self) -> int:
        reached = [lane for lane in self.lanes.values() if lane.waiting]
        for lane in reached:
            lane.asked = self._last
            if lane.due is not None:
                lane.due = min(lane.due, self.now)
        return len(reached)

    def pause(self) -> None:
        self.paused = True
        for _, batch in self._batches("claimed"):
            batch.until, batch.claim = self.now, self._new()

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

    def _newest_dead(self, most: int) -> list[Item]:
        chosen = sorted(self.dead, key=lambda item: item.item_id)[-most:]
        self.dead = [item for item in self.dead if item not in chosen]
        return chosen

    def replay(self, most: int) -> int:
        again = sorted(self._newest_dead(most), key=lambda item: item.place)
        for item in again:
            item.attempts, item.since, item.run, item.failed = 0, self.now, None, None
        self._wait(again, self.now)
        return len(again)

    def drop(self, most: int) -> int:
        return len(self._newest_dead(most))

    # ---- what is told

    def next_flush(self) -> float | None:
        """At what time something may be claimed."""
        if self.stands:
            return None
        lost = [batch.until for _, batch in self._batches("claimed")]
        times = [batch.until for _, batch in self._batches("resting")]
        times += [lane.due for lane in self.lanes.values() if lane.due is not None]
        times += [item.since for item in self.delayed]
        free = [max(min(times), self._next_start())] if times and self._room() > 0 else []
        return min(lost + free, default=None)

    def times(self) -> dict[str, list[int]]:
        """When something changes by itself, by what it is."""
        return {
            "leases": [batch.until for _, batch in self._batches("claimed")],
            "rests": [batch.until for _, batch in self._batches("resting")],
            "ages": [lane.due for lane in self.lanes.values() if lane.due is not None],
            "delays": [item.since for item in self.delayed],
            "windows": [until for _, until in self.dedupe.values()],
            "rate": [int(self._next_start())],
        }

    def figures(self) -> tuple[int, int, int, int, int]:
        """depth, in_flight, delayed, dead, blocked keys"""
        blocked = [batch for _, batch in self._batches("blocked")]
        stand = sum(len(batch.held) for batch in blocked)
        in_flight = sum(len(lane.batch.held) for lane in self.lanes.values() if lane.batch) - stand
        depth = sum(len(lane.waiting) for lane in self.lanes.values()) + stand
        return depth, in_flight, len(self.delayed), len(self.dead), len(blocked)

    def oldest_age(self) -> float | None:
        oldest = min((lane.oldest for lane in self.lanes.values()), default=None)
        return None if oldest is None else max(0, self.now - oldest) / SECOND
