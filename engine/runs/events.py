"""What happens to a run or in a workspace, as a stream that can be taken up again.

Rows are the stream: each changed row carries the number of its last change, so whoever was away gets the present state of all that
changed meanwhile, not each step on the way. Wake-ups come from the hub; after a lost one the next look comes within a second.

Of a run: `log` (lines of a step; no id of their own), `step`, `run`, and `end`, after which nothing comes. The id is the number of the change.
All streams of a process look at most `_LOOKS` times a second together, however much happens: each lets its share of time pass between two
looks. What happens meanwhile is told by the next one, as it then is. A slow reader holds up nobody: while it reads, its stream holds no
connection and at most one look's rows.

The header is read before the rows, and rows newer than it are left for the next look: so no change can be passed over.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from db import run_rows, steps
from db.ids import RunId, WorkspaceId
from db.pool import Database
from db.run_rows import Place, RunRow
from db.steps import StepRow
from engine.expressions.values import Json
from engine.hub import Hub
from engine.problems import NotFound
from engine.runs.reading import acting
from engine.views import run_head, step_head

_BATCH = 500
_LOOKS = 200.0
_NUMBER = re.compile("[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Event:
    """`id` None: a client that comes back goes on from the last one that had an id. `kind` None: nothing happened, the stream lives; empty: it
    has no name, and its data says what it is."""

    kind: Literal["run", "step", "log", "end", ""] | None
    id: str | None
    data: Json


ALIVE = Event(None, None, None)


async def run_events(
    db: Database, hub: Hub, workspace_id: WorkspaceId, run_id: RunId, last_id: str | None
) -> AsyncGenerator[Event]:
    """Everything after `last_id` (from the start without one), until the run's end. Raises `NotFound` before the first event."""
    after = int(last_id) if last_id is not None and _NUMBER.fullmatch(last_id) else 0
    shown: dict[tuple[str, int], int] = {}
    with _streaming(hub) as turn, hub.subscribe(str(run_id)) as subscription:
        while True:
            await turn.come(at_once=subscription.ended)
            async with acting(db, workspace_id) as conn:
                run = next(iter(await run_rows.heads(conn, [run_id])), None)
                if run is None:
                    raise NotFound("run", str(run_id))
                rows = await steps.since(conn, workspace_id, run_id, after, _BATCH) if run.event_seq > after else []
            complete = len(rows) < _BATCH
            upto = run.event_seq if complete else rows[-1].seq
            for event in _in_order(run, [row for row in rows if row.seq <= upto], after, upto, shown):
                yield event
            if complete and run.finished_at is not None:
                yield Event("end", str(run.event_seq), {**run_head(run), "error": run.error})
                return
            after = max(after, upto)
            if complete and not await subscription.wait():
                yield ALIVE


def _in_order(
    run: RunRow, rows: list[StepRow], after: int, upto: int, shown: dict[tuple[str, int], int]
) -> list[Event]:
    events: list[Event] = []
    header = Event("run", str(run.status_seq), run_head(run)) if after < run.status_seq <= upto else None
    for row in rows:
        if header is not None and run.status_seq < row.seq:
            events.append(header)
            header = None
        lines = row.logs if isinstance(row.logs, list) else []
        place = (row.path, row.attempt)
        told: dict[str, Json] = {"path": row.path, "attempt": row.attempt}
        events.extend(
            Event("log", None, {**told, **line}) for line in lines[shown.get(place, 0) :] if isinstance(line, dict)
        )
        shown[place] = len(lines)
        events.append(Event("step", str(row.seq), step_head(row)))
    if header is not None:
        events.append(header)
    return events


async def workspace_events(
    db: Database, hub: Hub, workspace_id: WorkspaceId, last_id: str | None
) -> AsyncGenerator[Event]:
    """`run` and `end` of all runs of the workspace: after `last_id`, or from now on. It never ends."""
    with _streaming(hub) as turn, hub.subscribe_workspace(workspace_id) as subscription:
        place = _place(last_id)
        while True:
            await turn.come()
            async with acting(db, workspace_id) as conn:
                begun = place is not None
                if place is None:
                    place = await run_rows.stream_end(conn)
                places = await run_rows.changed(conn, workspace_id, place, _BATCH)
                found = {run.run_id: run for run in await run_rows.heads(conn, [one.run_id for one in places])}
            if not begun:
                yield ALIVE  # from here on nothing is missed, and the caller may know
            for one in places:
                run = found.get(one.run_id)
                # Changed since its place was read: it has a later place, and is told there, once.
                if run is not None and run.changed_xid == one.xid:
                    yield Event("run" if run.finished_at is None else "end", f"{one.xid}-{one.run_id}", run_head(run))
                place = one
            if len(places) < _BATCH and not await subscription.wait():
                yield ALIVE


class _Turn:
    """When a stream looks next."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._last = float("-inf")

    async def come(self, *, at_once: bool = False) -> None:
        loop = asyncio.get_running_loop()
        pause = self._last + self._hub.streams / _LOOKS - loop.time()
        if pause > 0 and not at_once:
            await asyncio.sleep(pause)
        self._last = loop.time()


@contextmanager
def _streaming(hub: Hub) -> Generator[_Turn]:
    hub.streams += 1
    try:
        yield _Turn(hub)
    finally:
        hub.streams -= 1


def _place(last_id: str | None) -> Place | None:
    """None for what no stream gave: such a client begins with what happens now."""
    xid, dash, run_id = (last_id or "").partition("-")
    try:
        return Place(int(xid), RunId(UUID(run_id))) if dash and _NUMBER.fullmatch(xid) else None
    except ValueError:
        return None
