"""How many requests a webhook takes: the generic cell rate algorithm (ATM Forum TM 4.0, virtual scheduling), one number per trigger.

It is kept in this process, so several API processes admit as many times the rate. It guards the installation against a caller that runs
wild; what must be exact is counted where it is written.
"""

from __future__ import annotations

from collections import OrderedDict

_MOST = 10_000


class RateLimits:
    """`at` are seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._arrivals: OrderedDict[str, float] = OrderedDict()

    def admit(self, key: str, count: int, per: float, at: float) -> float:
        """0 when this request is one of at most `count` in any `per` seconds, about; else the seconds until the next one is."""
        emission = per / count
        due = max(self._arrivals.pop(key, at), at)
        early = due - at - (per - emission)
        if early > 1e-9:
            self._arrivals[key] = due
            return early
        self._arrivals[key] = due + emission
        while len(self._arrivals) > _MOST:
            self._arrivals.popitem(last=False)
        return 0.0
