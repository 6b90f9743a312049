"""Asking runs to end: rows first, signals second."""

from __future__ import annotations

from db import audit, runs
from db.errors import DatabaseUnavailable
from db.ids import RunId, WorkspaceId
from db.pool import Database
from engine.dispatch.dispatcher import Dispatcher
from engine.hub import Hub, Kind
from engine.problems import NotFound, Unavailable


class Canceller:
    def __init__(self, db: Database, hub: Hub, dispatcher: Dispatcher) -> None:
        self._db = db
        self._hub = hub
        self._dispatcher = dispatcher

    async def cancel(self, workspace_id: WorkspaceId, run_id: RunId, reason: str | None = None) -> bool:
        """True when the run will end by this, or has just ended; False when it had ended before. Raises `NotFound`, `Unavailable`.

        A run that never began ends here and now. Any other is told by a signal: what is in flight ends at once, `finally` slots run.
        """
        try:
            async with self._db.engine(workspace_id) as conn:
                found = await runs.request_cancel(conn, workspace_id, run_id, reason)
                if found.outcome in ("cancelled", "requested"):
                    await audit.note(conn, workspace_id, "run", run_id, None, "cancelled")
        except DatabaseUnavailable as error:
            raise Unavailable from error
        if found.outcome == "unknown":
            raise NotFound("run", str(run_id))
        if found.outcome == "ended":
            return False
        if found.outcome == "cancelled":
            self._hub.publish(workspace_id, str(run_id), Kind.ENDED)
            self._dispatcher.look()
        else:
            self._hub.publish(workspace_id, str(run_id))
            self._dispatcher.deliver()
        return True
