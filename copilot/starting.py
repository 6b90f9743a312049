"""Turns and Temporal: a turn that was accepted is started, whoever dies in between.

The row comes first, the start after it, and the row then says that Temporal has it. A start that fails is no failure of the request: a sweep
starts what waits, and starts again what Temporal has lost. All that a turn does is done once however often it is begun, since each step looks
first for what it has left; so a start too many costs a few reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from copilot import names
from db import copilot
from db.errors import DatabaseError, DatabaseUnavailable
from db.ids import TurnId, WorkspaceId
from db.pool import Database
from engine.led_rounds import Leads, Rhythm, led_rounds

log = logging.getLogger("millstream.copilot")

RHYTHM = Rhythm(every=1.0, soon=1.0, spread=0.2)
_YOUNG_S = 1.0
"""Whoever accepted it is about to start it."""
_SILENT_S = 20.0
"""After so long without a sign of life Temporal is asked whether it still has it."""
_AT_ONCE = 50
_PATIENCE = 5.0
_TASK = timedelta(seconds=5)


class Turns:
    """`client` gives the connection to Temporal, None while there is none."""

    def __init__(self, db: Database, client: Callable[[], Client | None]) -> None:
        self._db = db
        self._client = client

    async def start(self, workspace_id: WorkspaceId, turn_id: TurnId) -> bool:
        """False: not now; the sweep will."""
        client = self._client()
        if client is None:
            return False
        try:
            async with asyncio.timeout(_PATIENCE):
                await client.start_workflow(
                    names.TURN,
                    {"workspace_id": int(workspace_id), "turn_id": str(turn_id)},
                    id=names.workflow_id(turn_id),
                    task_queue=names.TASK_QUEUE,
                    task_timeout=_TASK,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                )
            async with self._db.engine(workspace_id) as conn:
                await copilot.started(conn, workspace_id, turn_id)
        except (TimeoutError, RPCError, DatabaseUnavailable) as error:
            log.info("a turn waits for its start: %s", error)
            return False
        return True

    async def cancel(self, workspace_id: WorkspaceId, turn_id: TurnId) -> None:
        """Its row says already that nobody wants it; this wakes it. What can't be reached finds the row."""
        client = self._client()
        if client is None:
            return
        with contextlib.suppress(TimeoutError, RPCError):
            async with asyncio.timeout(_PATIENCE):
                await client.get_workflow_handle(names.workflow_id(turn_id)).cancel()
        del workspace_id

    async def run(self, leads: Leads) -> None:
        """The sweep, until cancelled."""
        await led_rounds("copilot turns", leads, self.sweep, RHYTHM, gone=(DatabaseError, RPCError), log=log)

    async def sweep(self) -> None:
        """Starts what waits, and what Temporal doesn't have any more. Raises `DatabaseUnavailable`, `RPCError`."""
        if self._client() is None:
            return
        async with self._db.engine() as conn:
            found = await copilot.unattended(conn, _YOUNG_S, _SILENT_S, _AT_ONCE)
        for turn in found:
            if turn.started_at is None or not await self._open(turn.turn_id):
                await self.start(turn.workspace_id, turn.turn_id)
            else:
                async with self._db.engine(turn.workspace_id) as conn:
                    await copilot.started(conn, turn.workspace_id, turn.turn_id)
            if turn.cancel_requested_at is not None:
                await self.cancel(turn.workspace_id, turn.turn_id)

    async def _open(self, turn_id: TurnId) -> bool:
        client = self._client()
        if client is None:
            return True
        try:
            found = await client.get_workflow_handle(names.workflow_id(turn_id)).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return found.status is WorkflowExecutionStatus.RUNNING
