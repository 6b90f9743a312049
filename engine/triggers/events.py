"""From what happened here to runs: events that were told, and ends of other runs."""

from __future__ import annotations

from uuid import UUID

from db import events
from db.ids import RunId, WorkflowId
from db.inbox import Content, Event
from db.pool import Database
from engine.expressions.values import Json
from engine.problems import NotFound
from engine.runs.accept import Entry
from engine.runs.lookup import Lookup
from engine.runs.reading import RunReader
from engine.triggers.input import event_trigger
from engine.triggers.listeners import EVENT, FINISHED
from engine.triggers.reader import Refused, entry_of, target_of, trigger_in
from modules.sdk.json_bytes import loads

JsonObject = dict[str, Json]


class ToldEvents:
    """Reads events that were told by name: see `publishing.py`."""

    ahead = True

    def __init__(self, db: Database, lookup: Lookup) -> None:
        self._db = db
        self._lookup = lookup

    async def entry(self, event: Event, content: Content) -> Entry:
        head = content.head if isinstance(content.head, dict) else {}
        key, chain = head.get("key"), head.get("chain")
        trigger = event_trigger(
            str(event.trigger_id),
            str(head.get("name")),
            key if isinstance(key, str) else None,
            loads(content.raw or b"null"),
        )
        line = [WorkflowId(UUID(str(one))) for one in chain] if isinstance(chain, list) else []
        target = await target_of(self._db, self._lookup, event)
        trigger_in(target, event, EVENT)
        return entry_of(target, event, trigger, line)


class EndedRuns:
    """Reads ends of runs: `tell_end` in the migrations enters them, with the end itself."""

    ahead = True

    def __init__(self, db: Database, lookup: Lookup, runs: RunReader) -> None:
        self._db = db
        self._lookup = lookup
        self._runs = runs

    async def entry(self, event: Event, content: Content) -> Entry:
        head = content.head if isinstance(content.head, dict) else {}
        run_id = RunId(UUID(str(head.get("run_id"))))
        try:
            run = await self._runs.view(event.workspace_id, run_id)
        except NotFound:
            raise Refused(f"The run {run_id} is kept no longer.") from None
        async with self._db.engine(event.workspace_id) as conn:
            chain = await events.chain_of(conn, event.workspace_id, run_id)
        trigger: JsonObject = {"type": "workflow", "id": event.trigger_id, "body": run}
        target = await target_of(self._db, self._lookup, event)
        trigger_in(target, event, FINISHED)
        return entry_of(target, event, trigger, chain)
