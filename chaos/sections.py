"""What `chaos` plays: one mixed play of some minutes, or the parts of the full proof, each of which can be played alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chaos.disturb import Kind, Mix

Failpoints = Literal["none", "some", "each"]
"""`some`: in a seeded order, with different actions; `each`: all that the load passes, until each has fired often enough."""

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
    """`seconds`, `runs`, `disturbances`: the play ends when all that are given are reached.

    `lanes` callers ask at a time, each with `gap_s` seconds between two; `copies` of each request are sent at once.
    """

    name: str
    about: str
    mix: Mix
    seconds: float = 0.0
    runs: int | None = None
    disturbances: int | None = None
    lanes: int = 6
    gap_s: float = 0.4
    copies: int = 1
    scenes: tuple[str, ...] = ()
    failpoints: Failpoints = "none"
    histories: int = 200


def mixed(seconds: float) -> Section:
    """Everything at once."""
    return Section(
        name="mixed", about="all kinds of disturbances in turn", mix=Mix(_MIXED), seconds=seconds, failpoints="some"
    )


FULL: tuple[Section, ...] = (
    Section(
        name="kills",
        about="200 times kill -9 of worker and API, under 5,000 runs",
        mix=Mix({"kill": 1}, parts=("api", "worker"), pause_s=(0.5, 3.0)),
        runs=5_000,
        disturbances=200,
        lanes=8,
        gap_s=0.6,
    ),
    Section(
        name="failpoints",
        about="every failpoint that the load passes, 20 times each",
        mix=Mix({"failpoint": 1}, pause_s=(1.0, 3.0)),
        seconds=1_500,
        failpoints="each",
    ),
    Section(
        name="outages",
        about="PostgreSQL away 0-2 s every 5-40 s, Temporal away 1-60 s, 20 times, its file deleted once",
        mix=Mix({"postgres": 20, "temporal": 20, "store": 1}, temporal_s=(1.0, 60.0), pause_s=(5.0, 20.0)),
        disturbances=41,
        gap_s=1.0,
    ),
    Section(
        name="stops",
        about="SIGSTOP of API and worker, 5-90 s",
        mix=Mix({"stop": 1}, parts=("api", "worker"), stop_s=(5.0, 90.0), pause_s=(2.0, 6.0)),
        disturbances=20,
        gap_s=1.0,
    ),
    Section(
        name="webhooks",
        about="5 copies at once of each of 2,000 webhooks with the same key",
        mix=Mix({"kill": 1}, parts=("api", "worker"), pause_s=(20.0, 40.0)),
        runs=2_000,
        lanes=4,
        gap_s=0.05,
        copies=5,
        scenes=("asked", "families"),
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
