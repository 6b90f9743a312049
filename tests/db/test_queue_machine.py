"""Whatever happens to a queue, in whatever order: the tables say what the plain model says, after each step."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import asdict, replace
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from db.app_queues import QueueSettings
from db.flushes import Batch
from db.pool import Database
from tests.db.data_of_tests import START, failed
from tests.db.queue_model import Item, Model
from tests.db.queues_of_tests import Bench, bench, item

T = TypeVar("T")

_STATE = """
with held as (
    select b.lane, b.state, b.attempt, b.cuts is not null as halved,
        array(select convert_from(i.data, 'UTF8')::integer from unnest(b.members) with ordinality m (seq, n)
            join app_queue i on i.queue_id = $1 and i.seq = m.seq order by m.n) as members,
        array(select convert_from(i.data, 'UTF8')::integer from unnest(b.rest) with ordinality m (seq, n)
            join app_queue i on i.queue_id = $1 and i.seq = m.seq order by m.n) as rest,
        extract(epoch from coalesce(b.lease_until, b.not_before) - $2::timestamptz)::double precision as until
    from app_queue_batches b where b.queue_id = $1
)
select json_build_object(
    'lanes', (select json_object_agg(k.lane, json_build_array(k.state, k.depth, extract(epoch from k.due_at - $2)::double precision))
        from app_queue_keys k where k.queue_id = $1),
    'batches', (select json_object_agg(h.lane, json_build_array(h.state, h.attempt, h.halved, h.members, h.rest, h.until)) from held h),
    'items', (select json_object_agg(convert_from(i.data, 'UTF8'), json_build_array(i.state, i.lane, i.attempts))
        from app_queue i where i.queue_id = $1)
)
"""

_FAILURES = st.sampled_from(["block", "dead_letter", "bisect"])
_KEYS = st.sampled_from([None, "a", "b", "c"])
_MODES = st.sampled_from(
    [("queue", "fifo", 1), ("queue", "lifo", 1), ("key", "fifo", 1), ("key", "fifo", 2), ("key", "fifo", 9)]
)
_RATES = st.sampled_from([(1000, 0.001), (1000, 0.001), (2, 5.0)])


class Machine(RuleBasedStateMachine):
    """One queue over one connection; a run is poisoned by what is given to it, or fails for no reason of its items."""

    runner: asyncio.Runner
    db: Database

    def go(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize(mode=_MODES, size=st.integers(1, 9), attempts=st.integers(1, 3), failure=_FAILURES, rate=_RATES)
    def open(self, mode: tuple[Any, Any, int], size: int, attempts: int, failure: Any, rate: tuple[int, float]) -> None:
        given = QueueSettings(
            flush_batch_size=size,
            flush_record_max_age=10,
            flush_rate_limit_max_flush_count=rate[0],
            flush_rate_limit_time_window=rate[1],
            ordering=mode[0],
            flush_strategy=mode[1],
            max_parallel_batches=mode[2],
            on_failure=failure,
            max_attempts=attempts,
            dedupe_window=20,
        )
        self.q: Bench = self.go(bench(self.db, **asdict(given)))
        self.model = Model(given)
        self.claims: list[Batch] = []
        self.newest: dict[str, int] = {}
        self.running: dict[str, Batch] = {}
        self.over: set[int] = set()
        """Epochs of claims that a pause ended."""
        self.numbers = 0
        self.go(self.q.at(0))

    @rule(
        keys=st.lists(_KEYS, min_size=1, max_size=9),
        dedupe=st.sampled_from([None, None, None, "x", "y"]),
        delay=st.sampled_from([0, 0, 0, 3, 15]),
    )
    def put(self, keys: list[str | None], dedupe: str | None, delay: float) -> None:
        delay = 0 if self.model.settings.ordering == "key" else delay
        new = []
        for n, key in enumerate(keys):
            self.numbers += 1
            new.append(item(self.numbers, key=key, dedupe=dedupe if n == 0 else None, delay=delay if n == 0 else 0))
        added = self.go(self.q.put(*new))
        kept = [
            one.item_id
            for one in new
            if self.model.put(Item(int(one.data), one.item_id, one.ordering_key, 0), one.dedupe_key, one.delay)
        ]
        assert added.accepted_ids == kept

    @rule()
    def claim(self) -> None:
        expected = self.model.claim()
        claims = self.go(self.q.claim(limit=20))
        assert {batch.lane for batch in claims} == expected
        assert len(claims) == len(expected)
        self.claims += claims
        self.newest |= {batch.lane: batch.epoch for batch in claims}

    @rule(
        seconds=st.sampled_from([0, 1, 4, 10]),
        unlucky=st.lists(st.sampled_from([False, False, True]), min_size=9, max_size=9),
    )
    def serve(self, seconds: float, unlucky: list[bool]) -> None:
        """As a flusher and its runs do, with nothing between."""
        self.time_passes(seconds)
        before = len(self.claims)
        self.claim()
        for claim, bad in zip(self.claims[before:], unlucky, strict=False):
            self.begins(claim)
            self.ends(claim.lane, bad)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Any claim that was ever made; one that was forgotten is a crash."""
        self.begins(data.draw(st.sampled_from(self.claims)))

    def begins(self, claim: Batch) -> None:
        lane = self.model.lanes.get(claim.lane)
        good = (
            claim.epoch not in self.over
            and lane is not None
            and lane.batch is not None
            and lane.batch.state == "claimed"
            and claim.epoch == self.newest[claim.lane]
        )
        assert self.go(self.q.begin(claim)) == good
        self.claims.remove(claim)
        if good:
            assert lane is not None
            assert lane.batch is not None
            assert self.q.handed[-1] == [one.number for one in lane.batch.members]
            self.model.begin(claim.lane)
            assert claim.lane not in self.running
            self.running[claim.lane] = claim

    @precondition(lambda self: self.running)
    @rule(data=st.data(), unlucky=st.sampled_from([False, False, True]))
    def end(self, data: st.DataObject, unlucky: bool) -> None:
        self.ends(data.draw(st.sampled_from(sorted(self.running))), unlucky)

    def ends(self, name: str, unlucky: bool) -> None:
        batch = self.running.pop(name)
        lane = self.model.lanes[name]
        assert lane.batch is not None
        bad = unlucky or any(one.number % 7 == 0 for one in lane.batch.members)
        self.model.end(name, succeeded=not bad)
        assert self.go(self.q.end(batch, failed() if bad else None)).finished_now

    @rule(seconds=st.sampled_from([0.5, 1, 2, 5, 10, 31, -1, -20]))
    def time_passes(self, seconds: float) -> None:
        """Or the clock is set back."""
        self.model.now += seconds
        self.go(self.q.at(self.model.now))

    @rule(size=st.integers(1, 9), age=st.sampled_from([1.0, 10.0, 30.0]), failure=_FAILURES, attempts=st.integers(1, 3))
    def change(self, size: int, age: float, failure: Any, attempts: int) -> None:
        changed: dict[str, Any] = {
            "flush_batch_size": size, "flush_record_max_age": age, "on_failure": failure, "max_attempts": attempts,
        }  # fmt: skip
        self.model.change(replace(self.model.settings, **changed))
        self.go(self.q.settings(**changed))

    @rule()
    def flush(self) -> None:
        assert self.go(self.q.flush()) == self.model.flush()

    @rule()
    def pause(self) -> None:
        self.go(self.q.pause())
        self.model.pause()
        self.over |= {one.epoch for one in self.claims}

    @rule()
    def resume(self) -> None:
        assert self.go(self.q.resume()) == self.model.resume()

    @rule()
    def clear(self) -> None:
        assert self.go(self.q.clear()) == self.model.clear()

    @rule()
    def replay(self) -> None:
        assert self.go(self.q.replay()) == self.model.replay()

    @invariant()
    def the_tables_say_what_the_model_says(self) -> None:
        if not hasattr(self, "q"):
            return
        self.go(self.q.sound())
        model = self.model
        found = self.go(self.q.value(_STATE, a=self.q.queue_id, b=START))
        lanes, batches, items = (found[name] or {} for name in ("lanes", "batches", "items"))
        assert lanes == {
            name: [
                "ready" if not lane.batch else "blocked" if lane.batch.state == "blocked" else "held",
                len(lane.waiting),
                lane.due,
            ]
            for name, lane in model.lanes.items()
        }
        assert batches == {
            name: [
                held.state, held.attempt, held.halved, [one.number for one in held.members],
                [one.number for one in held.twin + held.tail], held.until if held.state in ("claimed", "resting") else None,
            ]
            for name, lane in model.lanes.items() if (held := lane.batch)
        }  # fmt: skip
        assert items == (
            {str(one.number): ["delayed", "", one.attempts] for one in model.delayed}
            | {str(one.number): ["dead", self.lane_of(one), one.attempts] for one in model.dead}
            | {
                str(one.number): ["waiting", name, one.attempts]
                for name, lane in model.lanes.items()
                for one in [*lane.waiting, *(lane.batch.held if lane.batch else [])]
            }
        )
        stats = self.go(self.q.stats())
        assert (stats.depth, stats.in_flight, stats.delayed, stats.dead, stats.blocked_keys) == model.figures()
        expected, soon = model.next_flush(), self.go(self.q.next_flush())
        assert (soon is None) == (expected is None)
        assert expected is None or soon == pytest.approx(expected - model.now)
        assert len(model.done) == len(set(model.done)), "handed out twice"

    def lane_of(self, one: Item) -> str:
        return (one.key or "") if self.model.settings.ordering == "key" else ""


def explore(url: str, examples: int, steps: int) -> None:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        db = runner.run(Database.open(url, max_size=1, application="queue machine"))

        class Opened(Machine):
            pass

        Opened.runner, Opened.db = runner, db
        try:
            run_state_machine_as_test(
                Opened,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=steps,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(db.close())


def test_a_queue_does_what_the_model_does(queues_url: str) -> None:
    explore(queues_url, 20, 30)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_queue_does_what_the_model_does_for_long(queues_url: str) -> None:
    # The pool changes its connection after so many queries, and the clock would be the real one again.
    for _ in range(10):
        explore(queues_url, 30, 60)
