"""Refused events in the inbox: so that whoever runs a workflow sees what was turned away, and nobody can fill the database by being refused."""

from __future__ import annotations

import time
from dataclasses import dataclass

from db import inbox
from db.connection import Connection
from db.ids import WorkspaceId
from db.inbox import NewEvent
from db.pool import Database

_A_SECOND, _AT_ONCE = 1.0, 100.0
"""Refusals of a workspace that one process writes down."""
_KEPT = 16 * 1024
"""Bytes of a refused body that are kept."""


@dataclass(slots=True)
class _Room:
    left: float
    at: float


class Refusals:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._rooms: dict[WorkspaceId, _Room] = {}

    async def note(
        self, conn: Connection, workspace_id: WorkspaceId, event: NewEvent, status: int, reason: str
    ) -> None:
        """Raises `DatabaseUnavailable`. A server's own fault is no refusal."""
        if status >= 500 or not self._room(workspace_id):
            return
        raw = None if event.raw is None else event.raw[:_KEPT]
        cut = {"cut_at": _KEPT} if event.size > _KEPT and isinstance(event.head, dict) else {}
        head = {**event.head, **cut} if isinstance(event.head, dict) else event.head
        kept = NewEvent(
            source=event.source,
            kind=event.kind,
            workflow_id=event.workflow_id,
            trigger_id=event.trigger_id,
            head=head,
            raw=raw,
            size=event.size,
        )
        await inbox.note_refusal(conn, workspace_id, kept, reason)

    def _room(self, workspace_id: WorkspaceId) -> bool:
        now = time.monotonic()
        room = self._rooms.setdefault(workspace_id, _Room(_AT_ONCE, now))
        room.left = min(_AT_ONCE, room.left + (now - room.at) * _A_SECOND)
        room.at = now
        if room.left < 1:
            return False
        room.left -= 1
        return True
