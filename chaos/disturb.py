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
import math
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from chaos.processes import pid_of
from chaos.stand import Stand

_TAKEN_S = 15.0
"""For a process to start with a failpoint, and to come to it."""

Kind = Literal["kill", "term", "stop", "temporal", "postgres", "store", "supervisor", "failpoint"]


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each kind comes, in parts of the sum; how long things last, and the pauses between them, in seconds.

    `exact`: each kind comes just so often, in a shuffled order, and then it is over. `skewed`: short ones come as often as long ones
    that last several times as long. `hurry`: what died is started again at once, and only what had come up is killed.
    """

    kinds: Mapping[Kind, int]
    parts: tuple[str, ...] = ("api", "worker", "temporal", "postgres")
    stop_s: tuple[float, float] = (1.0, 6.0)
    temporal_s: tuple[float, float] = (1.0, 5.0)
    postgres_s: tuple[float, float] = (0.0, 2.0)
    pause_s: tuple[float, float] = (0.2, 2.0)
    exact: bool = False
    skewed: bool = False
    hurry: bool = False


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
        self.killed: Counter[str] = Counter()
        """Parts that ran and were killed."""
        self.open_when_lost = 0
        self._dead: set[int] = set()

    async def run(self, done: Callable[[], bool], *, before_loss: Callable[[], Awaitable[int]] | None = None) -> None:
        """Until `done`, or until all of an exact mix were made. The stack may be in pieces afterwards: `heal` it.

        `before_loss` is called before Temporal's file is deleted, and tells how many runs are open then.
        """
        self._began = time.monotonic()
        for kind in self._kinds():
            if done():
                return
            await asyncio.sleep(self._chance.uniform(*self._mix.pause_s))
            # Sometimes a whole stack is hurt, sometimes one that is still getting up.
            if self._mix.exact or self._chance.random() < 0.5 or self._stand.state.pids.supervisor is None:
                await self.heal()
            if kind == "store" and before_loss is not None:
                self.open_when_lost = await before_loss()
            await self._make(kind)

    def _kinds(self) -> Iterator[Kind]:
        kinds, counts = list(self._mix.kinds), list(self._mix.kinds.values())
        if self._mix.exact:
            yield from self._chance.sample(kinds, sum(counts), counts=counts)
            return
        while True:
            kind = self._chance.choices(kinds, counts)[0]
            if kind != "store" or not self._store_lost:
                yield kind

    async def kills(self, due: Callable[[int], bool], most: int) -> None:
        """Until so many parts were killed; the next one when it is `due`, by how many were."""
        self._began = time.monotonic()
        while (killed := self.killed.total()) < most:
            if not due(killed):
                # What the load waits for must come up, and a stack that gave up be started anew.
                if self._stand.state.pids.supervisor is None:
                    await self.heal()
                self._stand.hurry()
                await asyncio.sleep(0.1)
                continue
            await asyncio.sleep(self._chance.uniform(*self._mix.pause_s))
            parts = self._some_parts()[: most - killed]
            if await self._come_up(parts):
                self._tell("kill", " and ".join(parts))
                # The supervisor may not have noticed yet that these are dead when we look the next time.
                self._dead |= {pid_of(self._stand.state, part) for part in parts}
                self.killed.update(self._stand.strike(*parts))

    async def _come_up(self, parts: Sequence[str]) -> bool:
        """Whether these parts run; when the stack had given up, it is started anew."""
        until = time.monotonic() + _TAKEN_S
        while time.monotonic() < until:
            state = self._stand.state
            if all(pid_of(state, part) not in {0, *self._dead} for part in parts):
                return True
            if state.pids.supervisor is None:
                break
            self._stand.hurry()
            await asyncio.sleep(0.1)
        await self.heal()
        return False

    def _some_parts(self) -> list[str]:
        return self._chance.sample(self._mix.parts, min(len(self._mix.parts), self._chance.choice([1, 1, 2])))

    async def heal(self) -> None:
        self.started_anew += await self._stand.heal()

    async def _make(self, kind: Kind) -> None:
        chance, mix, stand = self._chance, self._mix, self._stand
        match kind:
            case "kill":
                parts = self._some_parts()
                self._tell(kind, " and ".join(parts))
                self.killed.update(stand.strike(*parts))
            case "term":
                part = chance.choice(["api", "worker"])
                self._tell(kind, part)
                stand.strike(part, by=signal.SIGTERM)
            case "stop":
                parts = self._some_parts()
                seconds = self._lasting(mix.stop_s)
                self._tell(kind, f"{' and '.join(parts)} for {seconds:.1f} s")
                with stand.frozen(*[part for part in parts if pid_of(stand.state, part)]):
                    await asyncio.sleep(seconds)
            case "temporal" | "postgres":
                seconds = self._lasting(mix.temporal_s if kind == "temporal" else mix.postgres_s)
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

    def _lasting(self, between: tuple[float, float]) -> float:
        shortest, longest = between
        if self._mix.skewed and shortest:
            return math.exp(self._chance.uniform(math.log(shortest), math.log(longest)))
        return self._chance.uniform(shortest, longest)

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
