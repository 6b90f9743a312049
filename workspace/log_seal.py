"""Data of runs closed with the workspace's data key, in workspaces that want it so (`db.log_seal` says what stands in the rows).

Whether a workspace wants it is asked again every `FRESH_S`: a change of the setting holds for all processes after that time at the latest. While
the database doesn't answer, what was known holds.

It is asked while whoever writes holds a connection, so it has connections of its own: with those of the same pool, as many writers as
there are connections would wait for one more.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from db import workspaces
from db.errors import DatabaseUnavailable
from db.ids import WorkspaceId
from db.log_seal import LogPlace
from db.pool import Database
from workspace.keys import Place, Unreadable, Vault

FRESH_S = 3.0


@dataclass(slots=True)
class _Known:
    wanted: bool
    ask_at: float


class WorkspaceLogSeal:
    """`LogSeal` over a vault. `db`: connections for its own questions. Raises `WrongMasterKey`, `DatabaseUnavailable`."""

    def __init__(self, db: Database, vault: Vault, *, fresh_s: float = FRESH_S) -> None:
        self._db = db
        self._vault = vault
        self._fresh_s = fresh_s
        self._known: dict[int, _Known] = {}

    async def wanted(self, workspace_id: WorkspaceId) -> bool:
        known, now = self._known.get(workspace_id), time.monotonic()
        if known is not None:
            if now < known.ask_at:
                return known.wanted
            # One asks; whoever comes meanwhile goes on with what is known.
            known.ask_at = now + self._fresh_s
        try:
            async with self._db.single() as connection:
                wanted = await workspaces.encrypts_logs(connection, workspace_id)
        except DatabaseUnavailable:
            if known is None:
                raise
            return known.wanted
        self._known[workspace_id] = _Known(wanted, now + self._fresh_s)
        return wanted

    async def close(self, place: LogPlace, plain: bytes) -> bytes:
        return await self._vault.encrypt(_place(place), plain)

    async def open(self, place: LogPlace, closed: bytes) -> bytes | None:
        try:
            return await self._vault.decrypt(_place(place), closed)
        except Unreadable:
            return None


def _place(place: LogPlace) -> Place:
    return Place(place.table, place.column, int(place.workspace_id), place.row)
