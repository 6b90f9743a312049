"""Rows that a run has made and not yet written.

`emit` puts a row here; it leaves with the next activity of whatever kind, which commits it together with its own. Rows that were taken
along by a call that didn't answer come back; the database keeps the first terminal row of a `(path, attempt)`, so writing one twice, or a
stale one late, changes nothing.
"""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from engine.core.records import StepRecord
    from engine.expressions.values import Json
    from engine.wire import dump_record

CHUNK = 500
"""Rows that are written by one activity."""


class PendingRows:
    def __init__(self) -> None:
        self._rows: dict[tuple[str, int], StepRecord] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, record: StepRecord) -> None:
        """A later row of the same attempt takes the place of one that is still here."""
        self._rows[(record.path, record.attempt)] = record

    def take(self, most: int = CHUNK) -> list[StepRecord]:
        """The oldest rows, which are then no longer here."""
        if len(self._rows) <= most:
            taken = list(self._rows.values())
            self._rows = {}
            return taken
        keys = [key for key, _ in zip(self._rows, range(most), strict=False)]
        return [self._rows.pop(key) for key in keys]

    def put_back(self, taken: list[StepRecord]) -> None:
        """Rows of a call that didn't answer; newer ones of the same attempt stay."""
        if taken:
            self._rows = {(row.path, row.attempt): row for row in taken} | self._rows


def as_json(rows: list[StepRecord]) -> list[Json]:
    return [dump_record(row) for row in rows]
