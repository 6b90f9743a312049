"""What the codec needs of PostgreSQL: payloads that are too large for a history, and whose run a run is."""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID

from db import payloads, run_rows
from db.ids import RunId, WorkspaceId
from db.pool import Database

_MOST = 10_000


class DatabaseClaims:
    """`Claims` over `workflow_payloads`. What a run left here is deleted with it. Raises `DatabaseUnavailable`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(self, workspace_id: int, run: str, data: bytes) -> str:
        async with self._db.single() as connection:
            return await payloads.put(
                connection,
                WorkspaceId(workspace_id),
                RunId(UUID(run)),
                data,
                kind="carrier",
                media_type="application/octet-stream",
            )

    async def get(self, workspace_id: int, run: str, address: str) -> bytes:
        async with self._db.single() as connection:
            found = await payloads.get(connection, WorkspaceId(workspace_id), RunId(UUID(run)), address)
        if found is None or found.kind != "carrier":
            raise LookupError(f"the run {run} has left nothing under {address!r}: it was deleted")
        return found.body


class DatabaseOwners:
    """`Owners` over the runs' headers, remembered. Raises `DatabaseUnavailable`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: OrderedDict[str, int] = OrderedDict()

    async def workspace_of(self, workflow_id: str) -> int:
        known = self._known.get(workflow_id)
        if known is not None:
            return known
        async with self._db.single() as connection:
            row = await run_rows.get(connection, RunId(UUID(workflow_id)))
        if row is None:
            raise LookupError(f"there is no run {workflow_id}")
        self.learn(workflow_id, row.workspace_id)
        return row.workspace_id

    def learn(self, workflow_id: str, workspace_id: int) -> None:
        self._known[workflow_id] = workspace_id
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
