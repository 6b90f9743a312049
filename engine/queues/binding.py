"""Which queues a workflow takes items from: as its live version says, changed in the transaction that makes that version live.

A queue has one consumer. Who gets it is decided by the row of the queue; what a validation said before may have been overtaken.
"""

from __future__ import annotations

from db import app_queues
from db.connection import Connection
from db.ids import QueueId, WorkflowId, WorkspaceId
from engine.expressions.values import Json
from engine.hub import Hub, Kind
from engine.problems import Conflict
from engine.runs.lookup import refused, workspace_view
from engine.spec.catalog import Catalog
from engine.spec.finding import has_errors
from engine.spec.rules.queues import consumed
from engine.spec.validate import validate

_TRIES = 3


class Bindings:
    def __init__(self, catalog: Catalog, hub: Hub) -> None:
        self._catalog = catalog
        self._hub = hub

    async def bind(
        self, conn: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, document: Json, doing: str
    ) -> set[QueueId]:
        """The workflow takes from exactly the queues that the document says; gives them. Raises `Invalid` with findings where it can't."""
        wanted = consumed(document) if isinstance(document, dict) else {}
        for _ in range(_TRIES):
            got = await app_queues.bind(conn, workspace_id, workflow_id, wanted)
            if len(got) == len(wanted):
                return got
            findings = validate(document, self._catalog, await workspace_view(conn, workspace_id), "deploy")
            if has_errors(findings):
                raise refused(findings, doing)
        raise Conflict("queue.busy", "A queue of the document changed hands meanwhile. Nothing was changed: try again.")

    async def of(self, conn: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> set[QueueId]:
        """The queues that the workflow takes items from."""
        known = await app_queues.consumers(conn, workspace_id)
        return {queue.queue_id for queue in known if queue.workflow_id == workflow_id}

    def tell(self, workspace_id: WorkspaceId, queues: set[QueueId]) -> None:
        """Once it is committed: their batches may go."""
        for queue_id in queues:
            self._hub.publish(int(workspace_id), str(queue_id), Kind.ITEMS)
