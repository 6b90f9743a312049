"""A measured row: how long the same work takes on an empty database and beside a backlog."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

Work = Callable[[], Awaitable[object]]
"""What it gives is compared only: the time of two different answers is not the same work's."""


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds, sorted."""

    name: str
    empty: Sequence[float]
    full: Sequence[float]
    alike: bool = True
    """Whether both gave the same, as a page of so many rows."""

    @property
    def ratio(self) -> float:
        """Of the 95th percentiles."""
        return p95(self.full) / p95(self.empty)


async def in_turn(name: str, empty: Work, full: Work, count: int = 200) -> Row:
    """Both `count` times, one after the other, so that what else the machine does falls on both alike; after a few that aren't counted."""
    took: tuple[list[float], list[float]] = ([], [])
    gave: list[object] = [None, None]
    for number in range(count + 10):
        for which, (found, work) in enumerate(zip(took, (empty, full), strict=True)):
            begun = time.perf_counter()
            gave[which] = await work()
            if number >= 10:
                found.append(time.perf_counter() - begun)
    return Row(name, *(sorted(found) for found in took), alike=gave[0] == gave[1])


def p50(sorted_times: Sequence[float]) -> float:
    return sorted_times[len(sorted_times) // 2]


def p95(sorted_times: Sequence[float]) -> float:
    return sorted_times[int(len(sorted_times) * 0.95)]
