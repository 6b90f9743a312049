"""The run's log, as activities write and read it. One call of `write` is one commit.

`RunLog` is the seam between what a run does and where it is kept: the rows of PostgreSQL in `run_log.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from db.connection import Connection
from engine.activities.host import Head
from engine.activities.stored import Payloads
from engine.core.records import RunEnd, StepRecord

Key = tuple[str, int]
"""Path and attempt."""


@dataclass(frozen=True, slots=True)
class Written:
    """`refused`: rows that weren't written, since what stands in their place has ended, or shows a call that began at another time.

    `stop`: the run should end; somebody asked for it, or its end is already written: that is `closed`.
    """

    refused: frozenset[Key] = frozenset()
    stop: bool = False
    closed: bool = False


class RunLog(Protocol):
    """Each function raises `DatabaseUnavailable` when PostgreSQL is gone; nothing, or all, was then written."""

    async def write(
        self,
        head: Head,
        rows: Sequence[StepRecord],
        *,
        waiting: bool | None,
        end: RunEnd | None = None,
        payloads: Sequence[bytes] = (),
    ) -> Written:
        """Rows, payloads that they or the workflow refer to, the run's state and its end, in one commit.

        Terminal rows and runs never change.
        """
        ...

    async def write_staged(self, head: Head, do: Callable[[Connection], Awaitable[Sequence[StepRecord]]]) -> Written:
        """Do something, and write the rows that tell of it, in one transaction. The last row is that of
        what was done: where it is refused, nothing is done or written."""
        ...

    async def row(self, head: Head, key: Key) -> StepRecord | None:
        """What stands in the log for one attempt."""
        ...

    async def journal(self, head: Head) -> dict[Key, StepRecord]:
        """All rows that the run has."""
        ...

    def payloads(self, head: Head) -> Payloads: ...
