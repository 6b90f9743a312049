"""What `chaos` plays: one mixed play of some minutes, or the parts of the full proof, each of which can be played alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from chaos.disturb import Kind, Mix

Failpoints = Literal["none", "some"]
"""`some`: in a seeded order, with different actions."""

_MIXED: dict[Kind, int] = {
    "kill": 6,
    "term": 1,
    "stop": 3,
    "temporal": 2,
    "postgres": 2,
    "store": 1,
    "supervisor": 1,
    "failpoint": 4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """`seconds`, `runs`, `kills`: the play ends when all that are given are reached; so many parts are killed, evenly over the runs.

    `lanes` callers ask at a time, each with `gap_s` seconds between two; `copies` of each request are sent at once.
    `open_at_loss` runs are asked for and open when Temporal's file is deleted.
    """

    name: str
    about: str
    mix: Mix
    seconds: float = 0.0
    runs: int | None = None
    kills: int | None = None
    lanes: int = 6
    gap_s: float = 0.4
    copies: int = 1
    scenes: tuple[str, ...] = ()
    failpoints: Failpoints = "none"
    open_at_loss: int = 0
    refusals: bool = False
    """Some stale claim has to be refused, or the play hasn't tried what it is for."""
    histories: int = 200

    def scaled(self, scale: float) -> Section:
        """So much of it: of the runs, the kills, the time, and of what is done just so often."""

        def part(count: int) -> int:
            return max(1, round(count * scale))

        kinds = {kind: part(count) for kind, count in self.mix.kinds.items()} if self.mix.exact else self.mix.kinds
        return replace(
            self,
            mix=replace(self.mix, kinds=kinds),
            seconds=self.seconds * scale,
            runs=None if self.runs is None else part(self.runs),
            kills=None if self.kills is None else part(self.kills),
        )


def mixed(seconds: float) -> Section:
    """Everything at once."""
    return Section(
        name="mixed", about="all kinds of disturbances in turn", mix=Mix(_MIXED), seconds=seconds, failpoints="some"
    )


_SHORT = ("asked", "called_off", "capped", "gates", "keyed", "light", "queued")
"""Scenes whose runs have few steps."""

PLAYS: tuple[Section, ...] = (
    Section(
        name="kills",
        about="200 times kill -9 of a worker or an API that had come up, evenly over 5,000 runs",
        mix=Mix({}, parts=("api", "worker"), pause_s=(0.05, 0.8)),
        runs=5_000,
        kills=200,
        lanes=60,
        gap_s=0.05,
        scenes=_SHORT,
        histories=500,
    ),
    Section(
        name="outages",
        about="PostgreSQL away 0-2 s and Temporal 1-60 s, 20 times each, its file deleted once with 100 runs open",
        mix=Mix(
            {"postgres": 20, "temporal": 20, "store": 1},
            temporal_s=(1.0, 60.0),
            pause_s=(3.0, 12.0),
            exact=True,
            skewed=True,
        ),
        gap_s=0.8,
        open_at_loss=100,
    ),
    Section(
        name="stops",
        about="SIGSTOP of API and worker for 5-90 s, 16 times",
        mix=Mix({"stop": 16}, parts=("api", "worker"), stop_s=(5.0, 90.0), pause_s=(2.0, 6.0), exact=True),
        gap_s=0.6,
        refusals=True,
    ),
    Section(
        name="webhooks",
        about="5 copies at once of each of 2,000 webhooks with the same key",
        mix=Mix({"kill": 1}, parts=("api", "worker"), pause_s=(20.0, 40.0)),
        runs=2_000,
        lanes=8,
        gap_s=0.0,
        copies=5,
        scenes=("light",),
    ),
)


_WAY = frozenset(
    {
        "runs.accept",
        "runs.begin",
        "record.record",
        "queue.claim",
        "queue.mark_started",
        "signals.pending",
        "signals.delivered",
        "carrier.start",
        "carrier.wake",
        "activity.run_module",
        "activity.record",
        "activity.start_child",
    }
)
"""What each run passes, or nearly each."""


def some_failpoints(places: Sequence[str], seed: int) -> list[str]:
    """An order of failpoints for a mixed play: those on the way of each run first, since the load passes them soon."""
    chance = random.Random(f"failpoints {seed}")
    way = [place for place in places if place.partition(":")[2] in _WAY and not place.startswith("mid:")]
    rest = [place for place in places if place not in set(way)]
    chance.shuffle(way)
    chance.shuffle(rest)
    actions = ("kill", "kill", "kill", "error", "error:53100", "error:40P01", "stop:3", "hang:2")
    return [f"{place}:{_fitting(place, chance.choice(actions))}@{chance.randint(1, 3)}" for place in [*way, *rest]]


def _fitting(place: str, action: str) -> str:
    """After a commit the database has answered: it can only be cut off, not refuse."""
    return "error" if action.startswith("error:") and place.startswith("after:") else action
