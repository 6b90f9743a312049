"""A conversation as a stream that can be taken up again: facts with their numbers, and between them pieces of what is being written."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator

from copilot.core.facts import JsonObject, Teller
from copilot.whispers import Whispers
from db import copilot
from db.ids import ConversationId, WorkspaceId
from db.pool import Database
from engine.hub import Hub
from engine.runs.events import ALIVE, Event
from engine.runs.reading import acting

_BATCH = 200
_ALIVE_S = 15.0


async def conversation_events(
    db: Database,
    hub: Hub,
    whispers: Whispers,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    after: int,
) -> AsyncGenerator[Event]:
    """Events of AG-UI: those of facts after the number `after`, then what happens. It ends when the conversation is deleted.

    The id stands at the last event of a fact. Pieces have none: who comes back after a break gets the whole text as a fact.
    """
    teller = Teller(str(conversation_id))
    alive = time.monotonic()
    with hub.subscribe(str(conversation_id)) as subscription, whispers.listening(str(conversation_id)) as pieces:
        pieces.wake = subscription.nudge
        yield ALIVE
        while True:
            for delta in pieces.take():
                for told in teller.delta(delta):
                    yield Event("", None, told)
            if subscription.noticed:
                subscription.noticed = False
                async with acting(db, workspace_id) as conn:
                    found = await copilot.events(conn, workspace_id, conversation_id, after, _BATCH)
                    there = bool(found) or await copilot.get(conn, workspace_id, conversation_id) is not None
                if not there:
                    return
                for row in found:
                    fact: JsonObject = row.event if isinstance(row.event, dict) else {}
                    events = list(teller.fact(str(row.turn_id), fact))
                    for number, told in enumerate(events, 1):
                        yield Event("", str(row.seq) if number == len(events) else None, told)
                    after = row.seq
                if len(found) == _BATCH:
                    subscription.noticed = True
                    continue
            if not await subscription.wait():
                subscription.noticed = True  # a notice may have been lost
                if time.monotonic() - alive >= _ALIVE_S:
                    alive = time.monotonic()
                    yield ALIVE
