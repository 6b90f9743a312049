"""Two ways of doing the same, measured in turn on the same servers: ours, theirs, ours, theirs …

What else the machine does so falls on both.

A figure is only ever a ratio of the two sides of one pair; the report gives the median of the pairs' ratios and their spread.
Times are seconds.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

Work = Callable[[int], Awaitable[None]]
"""Does the work once, for a number that is different each time, and raises if the outcome is wrong."""
Figure = Literal["p50", "p99", "rate"]
"""Of the times of one: the median, or what one in a hundred exceeds; or how many a second get done."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: `count` times the work, so many at once.

    `goal` is the ratio ours/theirs to reach: at most it for times, at least it for a rate.
    """

    name: str
    work: str
    beside: str
    at_once: int
    figure: Figure
    count: int
    goal: float


@dataclass(frozen=True, slots=True)
class Pair:
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


@dataclass(frozen=True, slots=True)
class Outcome:
    """`ours` and `theirs` are medians over the pairs: seconds, or runs a second."""

    row: Row
    pairs: tuple[Pair, ...]

    @property
    def unit(self) -> Literal["s", "runs/s"]:
        return "runs/s" if self.row.figure == "rate" else "s"

    def to_json(self) -> dict[str, object]:
        ratios = [pair.ratio for pair in self.pairs]
        ratio = statistics.median(ratios)
        met = ratio >= self.row.goal if self.row.figure == "rate" else ratio <= self.row.goal
        return {
            "row": self.row.name,
            "work": self.row.work,
            "beside": self.row.beside,
            "ratio": round(ratio, 3),
            "low": round(min(ratios), 3),
            "high": round(max(ratios), 3),
            "goal": self.row.goal,
            "met": met,
            "ours": round(statistics.median(pair.ours for pair in self.pairs), 5),
            "theirs": round(statistics.median(pair.theirs for pair in self.pairs), 5),
            "unit": self.unit,
            "pairs": [[round(pair.ours, 5), round(pair.theirs, 5)] for pair in self.pairs],
        }


async def compare(row: Row, ours: Work, theirs: Work, pairs: int) -> Outcome:
    """Each side warms up once outside the count; then `pairs` times ours and theirs in turn."""
    await ours(0)
    await theirs(0)
    measured: list[Pair] = []
    for number in range(pairs):
        base = (number + 1) * row.count * 2
        measured.append(Pair(await _figure(row, ours, base), await _figure(row, theirs, base + row.count)))
    return Outcome(row, tuple(measured))


async def _figure(row: Row, work: Work, base: int) -> float:
    times: list[float] = []
    numbers = iter(range(base, base + row.count))

    async def lane() -> None:
        for number in numbers:
            began = time.perf_counter()
            await work(number)
            times.append(time.perf_counter() - began)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(row.at_once):
            group.create_task(lane())
    if row.figure == "rate":
        return row.count / (time.perf_counter() - began)
    return statistics.median(times) if row.figure == "p50" else sorted(times)[int(len(times) * 0.99)]
