"""The rows of the benchmark: what is measured beside what, and the goal of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.measure import Figure, Row

Door = Literal["api", "hook"]
"""How a run is asked for: over the API and waited for, or by a synchronous webhook."""
Hand = Literal["activities", "local", "route"]
"""The other side: ordinary activities, local ones with an eager start, or a FastAPI route before ordinary ones."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A chain of so many pure steps beside a hand-written workflow with as many activities."""

    row: Row
    steps: int
    door: Door
    hand: Hand


_BESIDE: dict[Hand, str] = {
    "activities": "activities by hand",
    "local": "local activities by hand, eager start",
    "route": "activities by hand behind a FastAPI route",
}


def _row(name: str, steps: int, hand: Hand, at_once: int, figure: Figure, goal: float, count: int) -> Comparison:
    door: Door = "hook" if hand == "route" else "api"
    work = f"{steps} steps, " + ("one at a time" if at_once == 1 else f"{at_once} at once")
    if door == "hook":
        work = f"sync webhook, {work}"
    return Comparison(Row(name, work, f"{steps} {_BESIDE[hand]}", at_once, figure, count, goal), steps, door, hand)


ROWS: tuple[Comparison, ...] = (
    _row("R1", 3, "activities", 1, "p50", 0.3, 20),
    _row("R1x10", 10, "activities", 1, "p50", 0.15, 20),
    _row("R2", 3, "activities", 30, "rate", 2.5, 90),
    _row("R2x10", 10, "activities", 30, "rate", 2.5, 90),
    _row("R3", 3, "local", 1, "p50", 1.1, 20),
    _row("R3x10", 10, "local", 1, "p50", 1.1, 20),
    _row("R8", 3, "route", 1, "p50", 0.6, 100),
    _row("R8p99", 3, "route", 1, "p99", 0.6, 200),
    _row("R8x30", 3, "route", 30, "p50", 0.6, 300),
    _row("R8x30p99", 3, "route", 30, "p99", 0.6, 300),
)
