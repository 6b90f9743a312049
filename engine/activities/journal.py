"""What a run has already done, so that nothing is done twice that is written down.

A local activity's result enters Temporal's history only with the end of its workflow task. A worker that dies before has done steps that the
history doesn't know, and Temporal runs them again; their rows are committed, and the journal gives their outcomes back instead.

    live      this process executes the run since it began: whatever is written, this execution has heard of; nothing to look up
    unknown   the run came here from elsewhere, or its execution was rebuilt: its rows are read once, before its first call
    known     rows were read; an execution that goes on from here finds what came before in them

Every time an execution is built in this process it announces itself (`began`); only one that the dispatcher has just
started for the first time is live. So an execution that was lost, or moved away and back, is never taken for a live one.
Forgetting an entry costs one read, so the map is bounded.

A double fault is left: an execution moves away *while* it is cached here, the other process dies in mid-task, and Temporal
goes on with the cached one. Steps done there are then repeated under their idempotency keys; the log keeps their first row.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.activities.host import Head
from engine.activities.log import Key, RunLog, Written
from engine.core.records import StepRecord

_MOST = 2_000


@dataclass(frozen=True, slots=True)
class Known:
    """What stood in the log when an execution came here. `closed`: the run had ended, as when Temporal made an execution whose start seemed
    to have failed, and the run was cancelled meanwhile; such an execution may do nothing any more."""

    rows: Mapping[Key, StepRecord]
    closed: Written | None = None


_NOTHING: Final = Known({})


class Journal:
    """One per process."""

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self._known: OrderedDict[str, asyncio.Task[Known] | None] = OrderedDict()
        self._fresh: OrderedDict[str, None] = OrderedDict()

    def expect(self, run_id: str) -> None:
        """The dispatcher is about to start this run for the first time, with a worker in this process."""
        self._fresh[run_id] = None
        while len(self._fresh) > _MOST:
            self._fresh.popitem(last=False)

    def unexpect(self, run_id: str) -> None:
        """The start went elsewhere, or failed."""
        self._fresh.pop(run_id, None)

    def began(self, run_id: str) -> None:
        """An execution of this run was built in this process. Called on Temporal's workflow threads."""
        if run_id in self._fresh:
            self._fresh.pop(run_id, None)
            self._known[run_id] = None
        else:
            self._known.pop(run_id, None)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def ended(self, run_id: str) -> None:
        self._known.pop(run_id, None)

    async def before(self, head: Head) -> Known:
        """What stands in the log from before this execution. Raises `DatabaseUnavailable`."""
        run_id = head.run_id
        if run_id not in self._known:
            self._known[run_id] = asyncio.create_task(self._read(head))
        reading = self._known[run_id]
        if reading is None:
            return _NOTHING
        try:
            return await asyncio.shield(reading)
        except Exception:
            if self._known.get(run_id) is reading:
                del self._known[run_id]
            raise

    async def _read(self, head: Head) -> Known:
        # A run that has an execution is at work: saying so tells whether it has ended.
        written = await self._log.write(head, [], waiting=None)
        return Known(await self._log.journal(head), written if written.closed else None)
