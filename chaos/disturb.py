"""What is done to a stack under load, by a seed: the seed decides what is done and how long it lasts; when it happens depends on the machine.

kill        `kill -9` of one part or of two at the same moment
term        SIGTERM of the API or the worker: it hands over what it has
stop        SIGSTOP of the API, the worker, Temporal or PostgreSQL, with all their processes, for a while
temporal    Temporal away for a while
postgres    PostgreSQL away for a while
store       Temporal's file deleted, once a play
supervisor  `kill -9` of the supervisor, which takes everything along; then all is started anew
failpoint   a process is started with a failpoint, and dies or stands still where that is
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from chaos.processes import pid_of
from chaos.stand import Stand

_TAKEN_S = 15.0
"""For a process to start with a failpoint, and to come to it."""

Kind = Literal["kill", "term", "stop", "temporal", "postgres", "store", "supervisor", "failpoint"]


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each kind comes, in parts of the sum; how long things last, and the pauses between them, in seconds."""

    kinds: Mapping[Kind, int]
    parts: tuple[str, ...] = ("api", "worker", "temporal", "postgres")
    stop_s: tuple[float, float] = (1.0, 6.0)
    temporal_s: tuple[float, float] = (1.0, 5.0)
    postgres_s: tuple[float, float] = (0.0, 2.0)
    pause_s: tuple[float, float] = (0.2, 2.0)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One of them, as it was made. `at_s` counts from the start of the load."""

    at_s: float
    kind: Kind
    detail: str


class Disturber:
    """Makes disturbances one after the other; `made` tells of them."""

    def __init__(self, stand: Stand, mix: Mix, seed: int, failpoints: Sequence[str]) -> None:
        self._stand = stand
        self._mix = mix
        self._chance = random.Random(f"disturb {seed}")
        self._failpoints = failpoints
        self._armed = 0
        self._began = time.monotonic()
        self._store_lost = False
        self.made: list[Disturbance] = []
        self.started_anew = 0

    async def run(self, done: Callable[[], bool], *, most: int | None = None) -> None:
        """Until `done`, or until `most` were made. The stack may be in pieces afterwards: `heal` it."""
        self._began = time.monotonic()
        kinds: list[Kind] = list(self._mix.kinds)
        weights = list(self._mix.kinds.values())
        while not done() and (most is None or len(self.made) < most):
            await asyncio.sleep(self._chance.uniform(*self._mix.pause_s))
            kind = self._chance.choices(kinds, weights)[0]
            if kind == "store" and self._store_lost:
                continue
            # Sometimes a whole stack is hurt, sometimes one that is still getting up.
            if self._chance.random() < 0.5 or self._stand.state.pids.supervisor is None:
                await self.heal()
            await self._make(kind)

    async def heal(self) -> None:
        self.started_anew += await self._stand.heal()

    async def _make(self, kind: Kind) -> None:
        chance, mix, stand = self._chance, self._mix, self._stand
        match kind:
            case "kill":
                parts = chance.sample(mix.parts, min(len(mix.parts), chance.choice([1, 1, 2])))
                self._tell(kind, " and ".join(parts))
                stand.strike(*parts)
            case "term":
                part = chance.choice(["api", "worker"])
                self._tell(kind, part)
                stand.strike(part, by=signal.SIGTERM)
            case "stop":
                parts = chance.sample(mix.parts, min(len(mix.parts), chance.choice([1, 1, 2])))
                seconds = chance.uniform(*mix.stop_s)
                self._tell(kind, f"{' and '.join(parts)} for {seconds:.1f} s")
                with stand.frozen(*[part for part in parts if pid_of(stand.state, part)]):
                    await asyncio.sleep(seconds)
            case "temporal" | "postgres":
                seconds = chance.uniform(*(mix.temporal_s if kind == "temporal" else mix.postgres_s))
                self._tell(kind, f"away for {seconds:.1f} s")
                await self._away(kind, seconds)
            case "store":
                self._store_lost = True
                self._tell(kind, "Temporal's file deleted")
                await self._away("temporal", 0.0, lose=True)
            case "supervisor":
                self._tell(kind, "killed with all parts")
                stand.strike("supervisor")
                await asyncio.sleep(0.2)
            case "failpoint":
                await self._failpoint()
            case _:
                assert_never(kind)

    async def _away(self, part: str, seconds: float, *, lose: bool = False) -> None:
        if not pid_of(self._stand.state, part):
            await self.heal()
        async with self._stand.without(part, wait=False):
            if lose:
                lose_the_store(self._stand)
            await asyncio.sleep(seconds)

    async def _failpoint(self) -> None:
        """The next one of the list, in the process that is killed for it: the one that starts next takes it."""
        if not self._failpoints:
            return
        point = self._failpoints[self._armed % len(self._failpoints)]
        self._armed += 1
        part = self._chance.choice(["api", "worker"])
        self._stand.failpoint_file.write_text(point, encoding="utf-8")
        self._tell("failpoint", f"{point} in the {part}")
        self._stand.strike(part)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TAKEN_S):
                while self._stand.failpoint_file.exists():
                    await asyncio.sleep(0.05)
                await asyncio.sleep(_TAKEN_S / 4)

    def _tell(self, kind: Kind, detail: str) -> None:
        self.made.append(Disturbance(round(time.monotonic() - self._began, 1), kind, detail))


def lose_the_store(stand: Stand) -> None:
    """Call it while Temporal is down."""
    for file in (stand.home / "temporal").glob("temporal.db*"):
        file.unlink()
