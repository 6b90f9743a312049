"""How much may stand at the door of the mail server at once: connections, bytes, and what comes too often from one place."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from engine.triggers.mail_room import LARGEST


@dataclass(frozen=True, slots=True)
class Limits:
    """`refusals` and `messages` of a peer are taken at once, and so many more a second follow. Times in seconds."""

    connections: int = 100
    of_a_peer: int = 40
    recipients: int = 100
    size: int = LARGEST
    held: int = 256 * 2**20
    """Bytes of messages that are on their way."""
    refusals: float = 50.0
    refusals_a_second: float = 0.2
    messages: float = 2_000.0
    messages_a_second: float = 50.0
    refused_after: float = 0.2
    """From the command on, whatever the reason: how long it takes to find out is told to nobody."""
    idle: float = 60.0
    message: float = 600.0


@dataclass(slots=True)
class _Rate:
    left: float
    at: float


class Door:
    """Shared by all connections of the process."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._open: Counter[str] = Counter()
        self._held = 0
        self._refusals: dict[str, _Rate] = {}
        self._messages: dict[str, _Rate] = {}

    def enter(self, peer: str) -> bool:
        """Whether there is a place; whoever got one leaves by `leave`."""
        if self._open.total() >= self.limits.connections or self._open[peer] >= self.limits.of_a_peer:
            return False
        self._open[peer] += 1
        return True

    def leave(self, peer: str) -> None:
        self._open[peer] -= 1
        if self._open[peer] <= 0:
            del self._open[peer]

    def hold(self, count: int) -> bool:
        """Whether so many bytes more may be on their way; given back by `let_go`."""
        if self._held + count > self.limits.held:
            return False
        self._held += count
        return True

    def let_go(self, count: int) -> None:
        self._held -= count

    def may_bring(self, peer: str) -> bool:
        """Another message."""
        return _take(self._messages, peer, self.limits.messages, self.limits.messages_a_second)

    def may_miss(self, peer: str) -> bool:
        """Another address that there isn't."""
        return _take(self._refusals, peer, self.limits.refusals, self.limits.refusals_a_second)


def _take(rates: dict[str, _Rate], peer: str, most: float, a_second: float) -> bool:
    now = time.monotonic()
    if len(rates) > 10_000:
        for full in [name for name, rate in rates.items() if rate.left + (now - rate.at) * a_second >= most]:
            del rates[full]
    rate = rates.setdefault(peer, _Rate(most, now))
    rate.left = min(most, rate.left + (now - rate.at) * a_second)
    rate.at = now
    if rate.left < 1:
        return False
    rate.left -= 1
    return True
