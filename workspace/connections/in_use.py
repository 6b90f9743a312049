"""Connections as steps use them: opened for one attempt, the credential behind `context.http`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from db import rates
from db.errors import DatabaseUnavailable
from db.ids import WorkspaceId
from db.pool import Database
from modules.sdk.context import Connection, Http
from workspace.connections.http import AttachingHttp, ConnectedHttp
from workspace.connections.opening import Learned, Opened, Opener

_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class InUse:
    """`opened` holds the credential: it is for the host, which makes of it what a module gets (`http`, a pool of a database)."""

    about: Connection
    http: Http
    opened: Opened


class RunConnections:
    """`Connections` of the activities."""

    def __init__(self, db: Database, opener: Opener, http: AttachingHttp) -> None:
        self._db = db
        self._opener = opener
        self._http = http

    async def use(self, workspace_id: int, name: str, learned: Learned) -> InUse:
        opened = await self._open(WorkspaceId(workspace_id), name, learned)
        http = ConnectedHttp(self._http, self._opener, opened, learned, self._take_start)
        return InUse(opened.about, http, opened)

    async def _open(self, workspace_id: WorkspaceId, name: str, learned: Learned) -> Opened:
        """A database that is away is waited for, within the step's time: nothing was done yet."""
        pause = _PAUSE_S
        while True:
            try:
                return await self._opener.open(workspace_id, name, learned)
            except DatabaseUnavailable:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _take_start(self, opened: Opened) -> float:
        if opened.rate is None:
            return 0.0
        count, per = opened.rate
        async with self._db.single() as db:
            start = await rates.take_start(
                db, opened.workspace_id, "connection", str(opened.connection_id), count, per, reserve=True
            )
        return start.wait_s
