"""Writes that came too late and were refused: of whoever stood still with a claim or a step in hand while another went on with it.

Each is told once and counted. They are no fault: it is by refusing them that nothing is done twice. Many of them say that processes stand still
for longer than leases last, or that clocks or machines are overloaded.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Literal

Stale = Literal["send", "started", "release", "step", "flush", "inbox", "poll", "mailbox"]
"""`send`: a start that wasn't sent; `started`, `release`: what was to be noted of a claim; `step`: a row of a run's log;
`flush`: a batch that was to be given to its run; `inbox`: an event that was to start one; `poll`: an answer; `mailbox`: what was read there."""

log = logging.getLogger("millstream.stale")


class StaleWrites:
    """One per process."""

    def __init__(self) -> None:
        self._counts: Counter[Stale] = Counter()

    @property
    def counts(self) -> Mapping[Stale, int]:
        """How many of each kind this process has been refused since it began."""
        return self._counts

    def refused(self, what: Stale, run_id: object, detail: object = "") -> None:
        """`detail`: the claim's epoch, or the rows' addresses."""
        self._counts[what] += 1
        log.info("a stale claim was refused: what=%s run=%s %s", what, run_id, detail)
