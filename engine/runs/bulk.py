"""Many runs at once: cancel or replay all that a filter finds. A replay may first be asked what it would do again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from db import replays, run_rows
from db.ids import RunId, WorkspaceId
from db.pool import Database
from db.record import RunStatus
from db.run_rows import OPEN, RunFilter
from engine.expressions.values import Json
from engine.problems import Invalid, Problem
from engine.runs.cancel import Canceller
from engine.runs.filters import read_filter
from engine.runs.reading import acting
from engine.runs.replay import Replayer, ReplayRequest
from modules.sdk.declaration import Effect, Module

JsonObject = dict[str, Json]

MOST = 1_000
"""Runs of one call; what is left over is told by `more`."""

_OPEN: tuple[RunStatus, ...] = ("queued", "running", "waiting")
_ENDED: tuple[RunStatus, ...] = ("succeeded", "failed", "cancelled", "timed_out")


class Bulk:
    def __init__(self, db: Database, canceller: Canceller, replayer: Replayer, modules: Mapping[str, Module]) -> None:
        self._db = db
        self._canceller = canceller
        self._replayer = replayer
        self._writes = {module.name for module in modules.values() if module.effect is not Effect.NONE}

    async def cancel(self, workspace_id: WorkspaceId, body: Json) -> JsonObject:
        """`{filter}`: only open runs are meant. The effects of a cancel are those that won't happen; none are listed."""
        chosen = await self._filter(workspace_id, body)
        wanted = chosen.statuses or _OPEN
        chosen = replace(chosen, statuses=tuple(status for status in wanted if status in OPEN))
        found, more = await self._ids(workspace_id, chosen)
        told = [run_id for run_id in found if await self._canceller.cancel(workspace_id, run_id)]
        return {"count": len(told), "effects": [], "run_ids": [str(run_id) for run_id in told], "more": more}

    async def replay(self, workspace_id: WorkspaceId, body: Json) -> JsonObject:
        """`{filter, dry_run, from_step?, input?, version?, keys?}`.

        With `dry_run` nothing starts, and `run_ids` are those that would be replayed; else they are the new runs, and `failed` tells of
        runs that can't be replayed so. `effects` counts the reads and writes that the old runs made.
        """
        request = ReplayRequest.read(body, ("filter", "dry_run"))
        given: JsonObject = body if isinstance(body, dict) else {}
        dry = given.get("dry_run", False)
        if not isinstance(dry, bool):
            raise Invalid("request.invalid", "`dry_run` must be true or false.")
        chosen = await self._filter(workspace_id, body)
        wanted = chosen.statuses or _ENDED
        chosen = replace(chosen, statuses=tuple(status for status in wanted if status not in OPEN))
        found, more = await self._ids(workspace_id, chosen)
        async with acting(self._db, workspace_id) as conn:
            made = await replays.made(conn, workspace_id, found)
        effects: list[Json] = [
            {"module": one.module, "step": one.step, "count": one.count}
            for one in made
            if one.module.partition("@")[0] in self._writes
        ]
        if dry:
            return {"count": len(found), "effects": effects, "run_ids": [str(run_id) for run_id in found], "more": more}
        started: list[Json] = []
        failed: list[Json] = []
        for run_id in reversed(found):
            try:
                started.append(str(await self._replayer.replay(workspace_id, run_id, request)))
            except Problem as problem:
                if problem.status >= 500:
                    raise
                failed.append({"run_id": str(run_id), "code": problem.code, "detail": problem.detail})
        return {"count": len(started), "effects": effects, "run_ids": started, "failed": failed, "more": more}

    async def _filter(self, workspace_id: WorkspaceId, body: Json) -> RunFilter:
        given = body.get("filter") if isinstance(body, dict) else None
        if not isinstance(given, dict) or not given:
            raise Invalid(
                "filter.missing", "Say by `filter` which runs are meant; it must hold at least one condition."
            )
        async with acting(self._db, workspace_id) as conn:
            return await read_filter(conn, workspace_id, given)

    async def _ids(self, workspace_id: WorkspaceId, chosen: RunFilter) -> tuple[list[RunId], bool]:
        if not chosen.statuses:
            return [], False
        async with acting(self._db, workspace_id) as conn:
            found = await run_rows.list_ids(conn, workspace_id, chosen, None, MOST + 1)
        return found[:MOST], len(found) > MOST
