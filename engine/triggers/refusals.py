"""Refused events in the inbox: so that whoever runs a workflow sees what was turned away, and nobody can fill the database by being refused."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from db import inbox
from db.connection import Connection
from db.ids import WorkspaceId
from db.inbox import NewEvent

_A_SECOND, _AT_ONCE = 1.0, 100.0
"""Refusals of a workspace that one process writes down."""
_KEPT = 16 * 1024
"""Bytes of a refused body that are kept."""


@dataclass(slots=True)
class _Room:
    left: float
    at: float


class Refusals:
    def __init__(self) -> None:
        self._rooms: dict[WorkspaceId, _Room] = {}

    async def note(
        self, conn: Connection, workspace_id: WorkspaceId, event: NewEvent, status: int, reason: str
    ) -> None:
        """Raises `DatabaseUnavailable`. A server's own fault is no refusal."""
        if status >= 500 or not self._room(workspace_id):
            return
        if event.raw is not None and event.size > _KEPT and isinstance(event.head, dict):
            event = replace(event, head={**event.head, "cut_at": _KEPT}, raw=event.raw[:_KEPT])
        await inbox.note_refusal(conn, workspace_id, event, reason)

    def _room(self, workspace_id: WorkspaceId) -> bool:
        now = time.monotonic()
        room = self._rooms.setdefault(workspace_id, _Room(_AT_ONCE, now))
        room.left = min(_AT_ONCE, room.left + (now - room.at) * _A_SECOND)
        room.at = now
        if room.left < 1:
            return False
        room.left -= 1
        return True
