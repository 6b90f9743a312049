"""The rows of the benchmark: what is measured beside what, and the goal of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.measure import Row

Hand = Literal["activities", "local"]


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A chain of pure steps beside a hand-written workflow with as many activities."""

    row: Row
    steps: int
    hand: Hand


def _chain(name: str, steps: int, hand: Hand, at_once: int, goal: float) -> ChainRow:
    work = f"{steps} steps, " + ("one at a time" if at_once == 1 else f"{at_once} at once")
    beside = f"{steps} activities by hand" if hand == "activities" else f"{steps} local activities by hand, eager start"
    return ChainRow(Row(name, work, beside, at_once, 20 if at_once == 1 else 90, goal), steps, hand)


ROWS: tuple[ChainRow, ...] = (
    _chain("R1", 3, "activities", 1, 0.3),
    _chain("R1x10", 10, "activities", 1, 0.15),
    _chain("R2", 3, "activities", 30, 2.5),
    _chain("R2x10", 10, "activities", 30, 2.5),
    _chain("R3", 3, "local", 1, 1.1),
    _chain("R3x10", 10, "local", 1, 1.1),
)
