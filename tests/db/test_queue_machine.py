"""Whatever happens to a queue, in whatever order: the tables say what the plain model says, after each step.

Each example begins in a state that chance alone would seldom reach (halved, blocked, asked for, resting, …), and the clock is often set to
the very moment at which something changes, or a microsecond beside it. What is usual stands among the rules more than once, so that it is
chosen more often than what is rare.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from db import app_queues, flushes, queue_items
from db.app_queues import QueueSettings
from db.flushes import Batch
from db.ids import ItemId
from db.pool import Database
from tests.db.data_of_tests import START, failed
from tests.db.queue_model import SECOND, Item, Model
from tests.db.queue_state import Named, expected, found
from tests.db.queues_of_tests import Bench, bench, item, one_connection

T = TypeVar("T")

_FAILURES = st.sampled_from(["block", "dead_letter", "bisect", "bisect"])
_KEYS = st.sampled_from([None, "a", "b", "c"])
_MODES = st.sampled_from(
    [("queue", "fifo", 1), ("queue", "fifo", 1), ("queue", "lifo", 1), ("key", "fifo", 1), ("key", "fifo", 2), ("key", "fifo", 9)]
)  # fmt: skip
_RATES = st.sampled_from([(1000, 0.001), (1000, 0.001), (1, 3.0), (2, 5.0)])
_ATTEMPTS = st.sampled_from([1, 1, 2, 3, 9])
_LUCK = st.lists(st.booleans(), min_size=9, max_size=9)
_SOME = st.sampled_from([1, 2, 3, 100_000])
_BESIDE = st.sampled_from([-1, 0, 0, 1])
_BEGINNINGS = {
    "empty": ["nothing"],
    "claimed": ["nothing", "pause", "the moment"],
    "asked for": ["well", "well", "change", "nothing"],
    "resting": ["the moment", "nothing"],
    "blocked": ["clear", "resume"],
    "halved": ["well", "badly", "more attempts", "consumer goes"],
    "alone": ["badly", "badly", "well"],
    "blocked half": ["clear", "resume"],
    "dead": ["replay", "nothing"],
    "delayed": ["serve", "nothing"],
    "waiting": ["the age", "the delay"],
    "a window": ["the moment", "nothing"],
    "set back": ["serve", "nothing"],
}
"""What an example begins with, and what is done then before chance has its way."""
_PAIRS = st.sampled_from([(beginning, then) for beginning, some in _BEGINNINGS.items() for then in some])
_LARGE = 6 * 2**20


def _id_of(number: int) -> ItemId:
    """In no order, but the same one each time."""
    return ItemId(UUID(bytes=sha256(str(number).encode()).digest()[:16]))


class Machine(RuleBasedStateMachine):
    """One queue over one connection; a run is poisoned by what is given to it, or fails for no reason of its items."""

    runner: asyncio.Runner
    db: Database

    def go(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize(
        mode=_MODES, size=st.integers(2, 8), attempts=_ATTEMPTS, failure=_FAILURES, rate=_RATES, beginning=_PAIRS
    )
    def open(
        self,
        mode: tuple[Any, Any, int],
        size: int,
        attempts: int,
        failure: Any,
        rate: tuple[int, float],
        beginning: str,
    ) -> None:
        wanted: dict[str, tuple[Any, int]] = {
            "resting": (failure, max(2, attempts)),
            "blocked": ("block", 2),
            "halved": ("bisect", 1),
            "alone": ("bisect", 1),
            "blocked half": ("bisect", 1),
            "dead": ("dead_letter", 1),
        }
        failure, attempts = wanted.get(beginning[0], (failure, attempts))
        mode = ("queue", "fifo", 1) if beginning[0] == "delayed" else mode
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
        self.named = Named()
        self.claims: list[tuple[int, Batch]] = []
        """Those that haven't begun, by the model's number."""
        self.running: dict[str, Batch] = {}
        self.numbers = 0
        self.set_clock(0)
        self.begin_as(beginning[0], size)
        self.then(beginning[1])

    def begin_as(self, beginning: str, size: int) -> None:
        if beginning == "empty":
            return
        keyed = self.model.settings.ordering == "key"
        if beginning == "waiting":
            self.adds(["a", "a"], delays=() if keyed else (3,))
            return
        if beginning == "a window":
            self.adds(["a"], dedupe=["x"])
            return
        if beginning == "delayed":
            self.adds([None] * 3, delays=[2, 3, 2])
            self.passes(4 * SECOND)
            return
        self.adds(["a"] * (size + 2))
        if keyed:
            self.adds(["b"] * (size + 1))
        if beginning in ("claimed", "set back"):
            self.claims_some(20)
            if beginning == "set back":
                for claim in list(self.claims):
                    self.begins(claim)
                    self.ends(claim[1].lane, bad=False)
                self.passes(-7 * SECOND)
                self.adds(["c"] * size)
        elif beginning == "asked for":
            self.claims_some(20)
            for claim in list(self.claims):
                self.begins(claim)
            assert self.go(self.q.flush()) == self.model.flush()
        else:
            self.served(20, [True] * 9)
            if beginning == "blocked half":
                self.changes(on_failure="block")
            # What is alone is tried without any other next.
            for _ in range({"alone": 2 if size > 4 else 1, "blocked half": 1, "blocked": 1}.get(beginning, 0)):
                self.passes(5 * SECOND)
                self.served(20, [True] * 9)

    def then(self, what: str) -> None:
        if what in ("well", "badly", "serve"):
            bad = what == "badly"
            for name in sorted(self.running):
                self.ends(name, bad)
            if what != "serve":
                self.passes(5 * SECOND)
            self.served(20, [bad] * 9)
        elif what == "the moment":
            times = self.model.times()
            self.set_clock(min([*times["leases"], *times["rests"], *times["windows"]], default=0))
            self.adds(["a"], dedupe=["x"])
            self.claims_some(20)
        elif what in ("the age", "the delay"):
            times = self.model.times()
            self.set_clock(min(times["ages" if what == "the age" else "delays"], default=0))
            self.claims_some(20)
        elif what == "change":
            self.pause()
            for name in sorted(self.running):
                self.ends(name, bad=False)
            self.passes(SECOND)
            self.changes(flush_record_max_age=30)
        elif what == "more attempts":
            self.changes(max_attempts=9)
            self.passes(5 * SECOND)
            self.served(20, [True] * 9)
        elif what == "consumer goes":
            self.passes(5 * SECOND)
            for claim in self.claims_some(20):
                self.begins(claim)
            self.consumer_goes()
            for name in sorted(self.running):
                self.ends(name, bad=True)
            self.the_tables_say_what_the_model_says()
            self.consumer_comes()
        elif what == "clear":
            self.clear()
        elif what == "pause":
            self.pause()
        elif what == "resume":
            self.resume()
            self.served(20, [False] * 9)
        elif what == "replay" and self.model.dead:
            self.passes(SECOND)
            self.replay(100_000)

    # ---- what is done, by both

    def set_clock(self, moment: int) -> None:
        """Forward, or back."""
        self.model.now = moment
        self.go(self.q.at(moment / SECOND))

    def passes(self, time: int) -> None:
        self.set_clock(self.model.now + time)

    def adds(
        self, keys: Sequence[str | None], *, dedupe: Sequence[str] = (), delays: Sequence[float] = (), size: int = 10
    ) -> None:
        given: list[Item] = []
        for n, key in enumerate(keys):
            self.numbers += 1
            given.append(
                Item(
                    self.numbers,
                    _id_of(self.numbers),
                    key,
                    size,
                    dedupe[n] if n < len(dedupe) else None,
                    delays[n] if n < len(delays) else 0,
                )
            )
        new = [
            replace(
                item(one.number, key=one.key, dedupe=one.dedupe, delay=one.delay, size=size), item_id=_id_of(one.number)
            )
            for one in given
        ]
        kept, due = self.model.put(given)
        added = self.go(self.q.put(*new))
        assert added.accepted_ids == kept
        assert added.wake_at == (None if due is None else START + timedelta(microseconds=due))

    def claims_some(self, limit: int) -> list[tuple[int, Batch]]:
        again, lanes = self.model.claim(limit)
        claims = self.go(self.q.claim(limit=limit))
        assert {claim.lane for claim in claims[: len(again)]} == set(again)
        assert [claim.lane for claim in claims[len(again) :]] == lanes
        new: list[tuple[int, Batch]] = []
        for claim in claims:
            batch = self.model.lanes[claim.lane].batch
            assert batch is not None
            self.named.learn(batch.claim, claim.epoch)
            self.named.learn(batch.run, str(claim.run_id))
            self.named.learn(batch.number, str(claim.batch_id))
            assert claim.attempt == batch.attempt
            new.append((batch.claim, claim))
        self.claims += new
        return new

    def begins(self, claim: tuple[int, Batch]) -> bool:
        number, batch = claim
        self.claims.remove(claim)
        begun = self.model.begin(number)
        assert self.go(self.q.begin(batch)) == (begun is not None)
        if begun is None:
            return False
        assert self.q.handed[-1] == [one.number for one in begun.members]
        assert batch.lane not in self.running, "two runs of one lane"
        self.running[batch.lane] = batch
        return True

    def ends(self, name: str, bad: bool) -> None:
        batch = self.running.pop(name)
        self.model.end(name, succeeded=not bad)
        assert self.go(self.q.end(batch, failed() if bad else None)).finished_now

    def served(self, limit: int, luck: Sequence[bool]) -> None:
        """As a flusher and its runs do, with nothing between."""
        for claim, bad in zip(self.claims_some(limit), luck, strict=False):
            if self.begins(claim):
                self.ends(claim[1].lane, bad)

    def changes(self, **changed: Any) -> None:
        self.model.change(replace(self.model.settings, **changed))
        self.go(self.q.settings(**changed))

    # ---- the rules

    @rule(
        keys=st.lists(_KEYS, min_size=1, max_size=6),
        dedupe=st.sampled_from([(), (), ("x",), ("y", "x", "y")]),
        delays=st.sampled_from([(), (), (3,), (5, 3, 5, 5)]),
        size=st.sampled_from([10, 10, _LARGE]),
    )
    def put(self, keys: list[str | None], dedupe: Sequence[str], delays: Sequence[float], size: int) -> None:
        self.adds(keys, dedupe=dedupe, delays=() if self.model.settings.ordering == "key" else delays, size=size)

    put_more = put

    @rule(seconds=st.sampled_from([0, 0, 1, 4, 10]), limit=st.sampled_from([1, 2, 20]), luck=_LUCK)
    def serve(self, seconds: int, limit: int, luck: list[bool]) -> None:
        self.passes(seconds * SECOND)
        self.served(limit, luck)

    serve_more = serve_still_more = serve

    @rule(data=st.data(), beside=_BESIDE, limit=st.sampled_from([1, 20]), serves=st.booleans(), luck=_LUCK)
    def at_the_moment(self, data: st.DataObject, beside: int, limit: int, serves: bool, luck: list[bool]) -> None:
        """When something changes by itself, or just before or after: what waits for that is done, or not yet."""
        later = {
            kind: some
            for kind, times in self.model.times().items()
            if (some := [time for time in times if time > self.model.now])
        }
        if later:
            kind = data.draw(st.sampled_from(sorted(later)))
            self.set_clock(data.draw(st.sampled_from(later[kind])) + beside)
        self.adds(["a"], dedupe=["x"])
        if serves:
            self.served(limit, luck)
        else:
            self.claims_some(limit)

    at_the_next_moment = at_another_moment = at_the_moment

    @rule(limit=st.sampled_from([1, 20]))
    def claim(self, limit: int) -> None:
        self.claims_some(limit)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Any claim that was ever made; one that was forgotten is a crash."""
        self.begins(data.draw(st.sampled_from(self.claims)))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), bad=st.booleans())
    def end(self, data: st.DataObject, bad: bool) -> None:
        self.ends(data.draw(st.sampled_from(sorted(self.running))), bad)

    end_more = end

    @rule(seconds=st.sampled_from([0.5, 1, 2, 5, 10, 31, -1, -20]))
    def time_passes(self, seconds: float) -> None:
        """Or the clock is set back; and the sums are made few."""
        self.passes(round(seconds * SECOND))
        self.go(self._fold())

    async def _fold(self) -> None:
        async with self.q.db.engine() as connection:
            await flushes.fold_counts(connection, self.q.queue_id)

    @rule(
        size=st.integers(2, 8), age=st.sampled_from([1.0, 10.0, 30.0]), failure=_FAILURES, attempts=_ATTEMPTS, rate=_RATES,
        window=st.sampled_from([0, 5, 20]),
    )  # fmt: skip
    def change(
        self, size: int, age: float, failure: Any, attempts: int, rate: tuple[int, float], window: float
    ) -> None:
        self.changes(
            flush_batch_size=size, flush_record_max_age=age, on_failure=failure, max_attempts=attempts,
            flush_rate_limit_max_flush_count=rate[0], flush_rate_limit_time_window=rate[1], dedupe_window=window,
        )  # fmt: skip

    @precondition(lambda self: any(lane.waiting for lane in self.model.lanes.values()))
    @rule()
    def flush(self) -> None:
        assert self.go(self.q.flush()) == self.model.flush()

    @precondition(lambda self: not self.model.paused and (self.claims or self.running))
    @rule()
    def pause(self) -> None:
        self.go(self.q.pause())
        self.model.pause()

    @precondition(lambda self: self.model.paused or self.model.figures()[4])
    @rule()
    def resume(self) -> None:
        assert self.go(self.q.resume()) == self.model.resume()

    resume_soon = resume

    @precondition(lambda self: self.model.bound and self.running)
    @rule()
    def consumer_goes(self) -> None:
        self.go(self.q.unbind())
        self.model.bound = False

    @precondition(lambda self: not self.model.bound)
    @rule()
    def consumer_comes(self) -> None:
        self.go(self.q.bind(self.q.owner.workflow_id))
        self.model.bound = True

    consumer_comes_soon = consumer_comes

    @precondition(lambda self: any(self.model.figures()[:3]))
    @rule()
    def clear(self) -> None:
        assert self.go(self.q.clear()) == self.model.clear()

    clear_more = clear

    @precondition(lambda self: self.model.dead)
    @rule(most=_SOME)
    def replay(self, most: int) -> None:
        assert self.go(self.q.replay(limit=most)) == self.model.replay(most)

    @precondition(lambda self: self.model.dead)
    @rule(most=_SOME)
    def drop(self, most: int) -> None:
        assert self.go(self._drop(most)) == self.model.drop(most)

    async def _drop(self, most: int) -> int:
        async with self.q.db.tenant(self.q.owner.workspace_id) as connection:
            return await queue_items.drop_dead(connection, self.q.queue_id, None, most)

    @invariant()
    def the_tables_say_what_the_model_says(self) -> None:
        if hasattr(self, "q"):
            self.go(self._compare())

    async def _compare(self) -> None:
        model = self.model
        told = await found(self.q)
        self.named.learn_batches(model, told["batches"])
        for name, wanted in expected(model, self.named.ids).items():
            assert told[name] == wanted, name
        async with self.q.db.single() as connection:
            stats = await app_queues.stats(connection, self.q.queue_id)
        assert (stats.depth, stats.in_flight, stats.delayed, stats.dead, stats.blocked_keys) == model.figures()
        assert stats.oldest_age_s == model.oldest_age()
        assert len(model.done) == len(set(model.done)), "handed out twice"


@contextmanager
def opened(url: str) -> Iterator[type[Machine]]:
    """The machine over a connection whose clock is its own."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        db = runner.run(one_connection(url, "queue machine"))

        class Opened(Machine):
            pass

        Opened.runner, Opened.db = runner, db
        try:
            yield Opened
        finally:
            runner.run(db.close())


def explore(url: str, examples: int, steps: int, phases: Sequence[Phase] = tuple(Phase)) -> None:
    with opened(url) as machine:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                phases=phases,
                report_multiple_bugs=False,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def goes_on(machine: Machine, mode: tuple[Any, Any, int], beginning: tuple[str, str]) -> None:
    """From one beginning without chance."""
    machine.open(mode=mode, size=5, attempts=2, failure="bisect", rate=(2, 3.0), beginning=beginning)
    machine.the_tables_say_what_the_model_says()
    for bad in (False, True, False):
        machine.serve(seconds=4, limit=20, luck=[bad] * 9)
        machine.the_tables_say_what_the_model_says()


@pytest.mark.parametrize("mode", [("queue", "fifo", 1), ("key", "fifo", 1)], ids=["one lane", "lanes"])
def test_a_queue_goes_on_from_each_beginning_as_the_model_does(queues_url: str, mode: tuple[Any, Any, int]) -> None:
    with opened(queues_url) as machine:
        for beginning, some in _BEGINNINGS.items():
            for then in dict.fromkeys(some):
                goes_on(machine(), mode, (beginning, then))


def test_a_queue_does_what_the_model_does(queues_url: str) -> None:
    # What fails is told as it was found: to make it smaller takes minutes, which the long one has.
    explore(queues_url, 30, 30, [phase for phase in Phase if phase is not Phase.shrink])


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_queue_does_what_the_model_does_for_long(queues_url: str) -> None:
    explore(queues_url, 120, 50)
