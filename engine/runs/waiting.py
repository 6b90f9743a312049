"""Waiting for a run: until it has ended or answered, or the time is over. Never by asking Temporal."""

from __future__ import annotations

import time
from collections.abc import Callable

from db import run_rows
from db.errors import DatabaseUnavailable
from db.ids import RunId, WorkspaceId
from db.pool import Database
from db.run_rows import RunRow
from engine.hub import SLOW_POLL, Hub
from engine.problems import NotFound, Unavailable

_BACKGROUND_POLL = 5.0
"""Seconds between two looks once a run takes long."""
_LONG = 30.0


async def wait_for(
    db: Database, hub: Hub, workspace_id: WorkspaceId, run_id: RunId, seconds: float, enough: Callable[[RunRow], bool]
) -> RunRow:
    """The run as soon as it is `enough`, else as it stands when `seconds` are over. Raises `NotFound`, `Unavailable`."""
    begun = time.monotonic()
    with hub.subscribe(str(run_id)) as subscription:
        while True:
            try:
                async with db.single() as conn:
                    run = await run_rows.get(conn, run_id)
            except DatabaseUnavailable as error:
                raise Unavailable from error
            if run is None or run.workspace_id != workspace_id:
                raise NotFound("run", str(run_id))
            gone = time.monotonic() - begun
            if enough(run) or gone >= seconds:
                return run
            await subscription.wait(min(SLOW_POLL if gone < _LONG else _BACKGROUND_POLL, seconds - gone))


def ended(run: RunRow) -> bool:
    return run.finished_at is not None


def answered(run: RunRow) -> bool:
    """Whether whoever waits on a sync webhook can be answered."""
    return run.response is not None or run.finished_at is not None
