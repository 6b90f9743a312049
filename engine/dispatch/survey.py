"""What Temporal has of runs, looked at as a whole: which executions are open, how it goes with one, and the end of one that nobody wants.

A list of thousands costs a few calls, where asking for each would cost thousands; it may lag behind by a second or more, so whatever it seems to
say is confirmed by asking for the one (`Executions.state`) before anything is done about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from engine import names
from engine.dispatch.executions import CarrierGone

_PAGE = 500


@dataclass(frozen=True, slots=True)
class OpenPage:
    """Open executions, by run id, with their starts. `more` asks for the next page; None: this was the last one."""

    started: Mapping[str, datetime]
    more: bytes | None


class Survey(Protocol):
    async def open_page(self, more: bytes | None) -> OpenPage:
        """Open executions of this installation's runs. Raises CarrierGone."""
        ...

    async def attempts(self, run_id: str) -> int:
        """How often the next task of the open execution was tried by now; 0 when nothing is to be done there. Raises CarrierGone."""
        ...

    async def end(self, run_id: str, why: str) -> bool:
        """End an open execution without its doing anything more; False when there is none. Raises CarrierGone."""
        ...


class TemporalSurvey:
    """Over one client, of what runs on one task queue."""

    def __init__(self, client: Client, *, task_queue: str = names.TASK_QUEUE) -> None:
        self._client = client
        self._query = f"WorkflowType = '{names.RUN}' and TaskQueue = '{task_queue}' and ExecutionStatus = 'Running'"

    async def open_page(self, more: bytes | None) -> OpenPage:
        found = self._client.list_workflows(self._query, page_size=_PAGE, next_page_token=more)
        try:
            await found.fetch_next_page()
        except RPCError as error:
            raise CarrierGone(str(error)) from error
        page = found.current_page or ()
        return OpenPage({one.id: one.start_time for one in page}, found.next_page_token or None)

    async def attempts(self, run_id: str) -> int:
        try:
            found = await self._client.get_workflow_handle(run_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return 0
            raise CarrierGone(str(error)) from error
        return int(found.raw_description.pending_workflow_task.attempt)

    async def end(self, run_id: str, why: str) -> bool:
        try:
            await self._client.get_workflow_handle(run_id).terminate(reason=why)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise CarrierGone(str(error)) from error
        return True
