"""Polls: asks other systems what is new, and enters it into the inbox.

Model. A row of `polls` says what is due and what was the last answer's cursor. A process takes a due row for a while, under an epoch, asks, and
enters what is new: in one transaction the keys that were never seen, an event for each of their items (or for a batch of them), and,
with the last of them, the cursor and the next time.

    died, or stood still, before that    the lease runs out, somebody asks again; an answer under an old epoch changes nothing
    died between two such transactions   the keys of the first are known, so their items don't come twice; the cursor is still the old one
    no answer, or one that can't be used the cursor stays; the next try comes later each time, up to an hour, and the inbox says why once

So an item starts a run once as long as its key is remembered: while answers go on to name it, and thirty days longer.

A row's answer is taken in only by whoever holds it, so one trigger never asks twice at the same time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from db import inbox, polls
from db.ids import EventId, new_uuid7
from db.inbox import Content, Event, NewEvent
from db.log_seal import UnreadableData
from db.polls import Poll
from db.pool import Database
from engine.core.errors import StepError
from engine.expressions.values import Json
from engine.hub import Hub, Kind
from engine.problems import Problem
from engine.runs.accept import Entry
from engine.runs.lookup import Lookup
from engine.spec.document import Trigger
from engine.stale import StaleWrites
from engine.triggers.poll_call import TIMEOUT_S, Answer, PollCalls, PollFailed
from engine.triggers.reader import Refused, Standing, entry_of, live_target, target_of, trigger_in
from engine.triggers.rounds import Rounds, again_after
from modules.sdk.json_bytes import dumps, loads

log = logging.getLogger("millstream.polls")

JsonObject = dict[str, Json]

MODULE = "poll.trigger"
LEASE_S = TIMEOUT_S * 2
AT_ONCE = 4
_LONGEST_S = 3_600.0
_ENTERED = 500
"""Items of one transaction."""
_BATCH_BYTES = 4 * 2**20
"""From which on a batch is closed before it is full."""


class Poller:
    """One per process. `run` does the work, and `entry` is the reader's part of what it enters."""

    ahead = True

    def __init__(
        self, db: Database, hub: Hub, lookup: Lookup, calls: PollCalls, stale: StaleWrites | None = None
    ) -> None:
        self._db = db
        self._hub = hub
        self._lookup = lookup
        self._calls = calls
        self._stale = stale or StaleWrites()
        self._rounds = Rounds(hub, self.round, self._next_due, log, "the polls", AT_ONCE)

    async def run(self) -> None:
        """Until cancelled."""
        await self._rounds.run()

    async def round(self) -> bool:
        """Asks for one that is due; gives whether there was any. Raises `DatabaseUnavailable`."""
        async with self._db.engine() as conn:
            taken = await polls.take(conn, 1, LEASE_S)
        for poll in taken:
            await self._one(poll)
        return bool(taken)

    async def entry(self, event: Event, content: Content) -> Entry:
        """Of items in the inbox. Raises as a reader does."""
        target = await target_of(self._db, self._lookup, event)
        trigger_in(target, event, MODULE)
        data = loads(content.raw or b"null")
        trigger: JsonObject = {"type": "poll", "id": event.trigger_id, "body": data}
        if isinstance(content.head, dict) and content.head.get("batch") is True and isinstance(data, dict):
            trigger["items"] = data["items"]
        return entry_of(target, event, trigger)

    async def _next_due(self) -> datetime | None:
        async with self._db.single() as conn:
            return await polls.next_due(conn)

    async def _one(self, poll: Poll) -> None:
        try:
            trigger, workflow = await self._trigger(poll)
            answer = await self._calls.ask(poll, trigger, workflow)
            await self._enter(poll, trigger, answer)
        except PollFailed as failed:
            await self._failed(poll, failed.error)
        except UnreadableData as error:
            await self._failed(poll, StepError("data.unreadable", f"The cursor can't be read: {error}."))
        except (Refused, Standing, Problem) as error:
            await self._failed(poll, StepError("poll.impossible", str(error)))

    async def _trigger(self, poll: Poll) -> tuple[Trigger, JsonObject]:
        target = await live_target(self._db, self._lookup, poll.workspace_id, poll.workflow_id)
        trigger = target.prepared.document.triggers.get(poll.trigger_id)
        if trigger is None or trigger.module != MODULE or trigger.disabled:
            raise Refused(f"The workflow has no {MODULE!r} {poll.trigger_id!r} any more.")
        workflow: JsonObject = {
            "id": str(poll.workflow_id),
            "name": target.workflow.name,
            "version": target.version,
        }
        return trigger, workflow

    async def _enter(self, poll: Poll, trigger: Trigger, answer: Answer) -> None:
        left = list(answer.items.items())
        skip = poll.answered_at is None and trigger.inputs.get("first") == "skip"
        entered = False
        while True:
            part, left = dict(left[:_ENTERED]), left[_ENTERED:]
            async with self._db.engine(poll.workspace_id) as conn:
                if not await polls.hold(conn, poll):
                    self._stale.refused("poll", poll.poll_id, poll.lease_epoch)
                    return
                fresh = await polls.note_keys(conn, poll, list(part))
                new = [] if skip else [item for key, item in part.items() if key in fresh]
                for event in _events(poll, trigger, new):
                    await inbox.note(conn, poll.workspace_id, event)
                    entered = True
                if not left:
                    await polls.answered(conn, poll, answer.cursor)
            if not left:
                break
        if entered:
            self._hub.publish(int(poll.workspace_id), str(poll.workflow_id), Kind.EVENT)

    async def _failed(self, poll: Poll, error: StepError) -> None:
        again = again_after(poll.every_s, poll.failures, _LONGEST_S)
        if error.retry_after is not None:
            again = max(again, error.retry_after)
        async with self._db.engine(poll.workspace_id) as conn:
            if not await polls.hold(conn, poll):
                self._stale.refused("poll", poll.poll_id, poll.lease_epoch)
                return
            await polls.failed(conn, poll, error.to_json(), again)
            if poll.failures == 0:
                event = _event(poll, {"error": error.to_json()}, None)
                why = f"It got no answer: {error.code}: {error.message} It is tried again, less and less often."
                await inbox.note_refusal(conn, poll.workspace_id, event, why)


def _events(poll: Poll, trigger: Trigger, items: Sequence[Json]) -> Iterator[NewEvent]:
    size = trigger.inputs.get("batch")
    if not isinstance(size, int):
        for item in items:
            yield _event(poll, {}, dumps(item))
        return
    left = iter(items)
    while batch := list(_filled(left, size)):
        yield _event(poll, {"batch": True}, dumps({"items": batch}))


def _filled(items: Iterator[Json], size: int) -> Iterator[Json]:
    total = 0
    for item in islice(items, size):
        yield item
        total += len(dumps(item))
        if total > _BATCH_BYTES:
            return


def _event(poll: Poll, head: JsonObject, raw: bytes | None) -> NewEvent:
    return NewEvent(
        source=poll.source,
        kind="poll",
        workflow_id=poll.workflow_id,
        trigger_id=poll.trigger_id,
        head=head,
        raw=raw,
        size=len(raw or b""),
        event_id=EventId(new_uuid7()),
    )
