"""Runs as they stand: headers, step logs, payloads, lists."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from db import payloads, run_rows, steps
from db.connection import Connection
from db.errors import DatabaseUnavailable
from db.ids import RunId, WorkspaceId
from db.payloads import StoredPayload
from db.pool import Database
from db.run_rows import RunFilter, RunRow
from db.steps import StepRow
from engine.expressions.values import Json
from engine.problems import NotFound, Unavailable
from engine.runs.pages import Page, bad_cursor, cursor_id
from engine.runs.stored import shown
from engine.views import moment, run_view, step_view

JsonObject = dict[str, Json]


def run_id_of(text: str) -> RunId:
    """Raises `NotFound`: what can't be an id names nothing."""
    try:
        return RunId(UUID(text))
    except ValueError:
        raise NotFound("run", text) from None


@asynccontextmanager
async def acting(db: Database, workspace_id: WorkspaceId) -> AsyncGenerator[Connection]:
    """One transaction on the workspace's rows; a database that is gone is a `Problem` 503."""
    try:
        async with db.tenant(workspace_id) as conn:
            yield conn
    except DatabaseUnavailable as error:
        raise Unavailable from error


class RunReader:
    def __init__(self, db: Database, away: Callable[[], bool] = lambda: False) -> None:
        """`away`: whether Temporal can't be reached from this process."""
        self._db = db
        self._away = away

    async def row(self, workspace_id: WorkspaceId, run_id: RunId) -> RunRow:
        """Raises `NotFound`, `Unavailable`."""
        async with acting(self._db, workspace_id) as conn:
            found = await run_rows.get(conn, run_id)
        if found is None:
            raise NotFound("run", str(run_id))
        return found

    async def view(self, workspace_id: WorkspaceId, run_id: RunId) -> JsonObject:
        async with acting(self._db, workspace_id) as conn:
            found = await run_rows.get(conn, run_id)
            if found is None:
                raise NotFound("run", str(run_id))
            waiting = await steps.waiting(conn, workspace_id, [run_id]) if found.finished_at is None else []
            trigger, output = await shown(conn, workspace_id, run_id, [found.trigger, found.output])
        return run_view(replace(found, trigger=trigger, output=output), waiting, away=self._away())

    async def list_runs(
        self, workspace_id: WorkspaceId, chosen: RunFilter, cursor: Sequence[Json] | None, limit: int
    ) -> Page:
        """Newest first. Data that travelled by reference stands as such."""
        before = cursor_id(cursor)
        async with acting(self._db, workspace_id) as conn:
            found = await run_rows.list_runs(
                conn, workspace_id, chosen, None if before is None else RunId(before), limit + 1
            )
            page = found[:limit]
            waiting = await steps.waiting(conn, workspace_id, [run.run_id for run in page if run.finished_at is None])
        more: list[Json] | None = [str(page[-1].run_id)] if len(found) > limit else None
        return Page([run_view(run, waiting, away=self._away()) for run in page], more)

    async def list_steps(
        self, workspace_id: WorkspaceId, run_id: RunId, cursor: Sequence[Json] | None, limit: int
    ) -> Page:
        """In start order."""
        async with acting(self._db, workspace_id) as conn:
            if await run_rows.get(conn, run_id) is None:
                raise NotFound("run", str(run_id))
            found = await steps.list_steps(conn, workspace_id, run_id, _place(cursor), limit + 1)
            rows = found[:limit]
            data = await shown(conn, workspace_id, run_id, [one for row in rows for one in (row.input, row.output)])
        more: list[Json] | None = [moment(rows[-1].started_at), rows[-1].ordinal] if len(found) > limit else None
        filled = (
            replace(row, input=given, output=gave) for row, given, gave in zip(rows, data[::2], data[1::2], strict=True)
        )
        return Page([step_view(row) for row in filled], more)

    async def journal(self, workspace_id: WorkspaceId, run_id: RunId) -> list[StepRow]:
        """All rows of a run."""
        async with acting(self._db, workspace_id) as conn:
            return await steps.journal(conn, workspace_id, run_id)

    async def payload(self, workspace_id: WorkspaceId, run_id: RunId, ref: str) -> StoredPayload:
        """Large data that a run refers to. Raises `NotFound` also for what is none of the workspace's or isn't for people."""
        found = None
        if "\x00" not in ref:
            async with acting(self._db, workspace_id) as conn:
                found = await payloads.get(conn, workspace_id, run_id, ref)
        if found is None or found.kind != "data":
            raise NotFound("payload", ref)
        return found


def _place(cursor: Sequence[Json] | None) -> tuple[datetime, int] | None:
    match cursor:
        case None:
            return None
        case [str(started), int(ordinal)]:
            try:
                return datetime.fromisoformat(started).astimezone(UTC), ordinal
            except (ValueError, OverflowError):
                raise bad_cursor() from None
        case _:
            raise bad_cursor()
