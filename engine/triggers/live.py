"""What starts runs of a workflow by itself, as its live version says: brought into step in the transaction that changes the workflow."""

from __future__ import annotations

from db import inbox, mailboxes, polls
from db.connection import Connection
from db.ids import WorkflowId, WorkspaceId
from engine.expressions.values import Json
from engine.triggers import listeners
from engine.triggers.mail_routes import bind_routes, release_routes
from engine.triggers.polls import bind_polls
from engine.triggers.timetable import Timetable


class LiveTriggers:
    def __init__(self) -> None:
        self._timetable = Timetable()

    async def bind(
        self, conn: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, document: Json, doing: str
    ) -> None:
        """A version becomes live. Raises `Invalid` with a finding where an alias is another trigger's; `doing` is what wasn't done then."""
        await self._timetable.bind(conn, workspace_id, workflow_id, document)
        await listeners.bind(conn, workspace_id, workflow_id, document)
        await bind_routes(conn, workspace_id, workflow_id, document, doing)
        await bind_polls(conn, workspace_id, workflow_id, document)

    async def follow(self, conn: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> None:
        """The workflow was paused, goes on, or was deleted; its row says which."""
        await inbox.hurry(conn, workspace_id, workflow_id)
        await self._timetable.set_status(conn, workspace_id, workflow_id)
        await polls.follow(conn, workspace_id, workflow_id)
        await mailboxes.follow(conn, workspace_id, workflow_id)

    async def release(self, conn: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> None:
        """It was deleted."""
        await self.follow(conn, workspace_id, workflow_id)
        await listeners.unbind(conn, workspace_id, workflow_id)
        await release_routes(conn, workspace_id, workflow_id)
