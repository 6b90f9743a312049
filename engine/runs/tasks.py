"""Tasks: what open runs ask of people. An approval is a waiting `human.approve`; a form is a `core.wait_for_event` that declares one.

The list is read from the waiting steps themselves. Steps that wait for programs are passed over, so a page may be shorter than was asked for.

`url` is where the task is answered. Of a form it is the step's address. Of an approval it is one of the caller's own, so that the
answer says who gave it; who may only read gets none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

from db import documents, tasks
from db.connection import Connection
from db.ids import RunId, WorkspaceId
from db.pool import Database
from db.tasks import Place, WaitingTask
from engine.core.compiled import CompiledJson
from engine.core.nodes import approve
from engine.core.plan import build_plan
from engine.expressions.values import Json
from engine.runs.approval import approval_form
from engine.runs.form import Form, read_form
from engine.runs.pages import Page, bad_cursor
from engine.runs.reading import acting
from engine.runs.stored import shown
from engine.spec.document import Step
from engine.views import moment

JsonObject = dict[str, Json]

_AT_ONCE = 100
_LOOKS = 10
"""Rounds over steps that wait for programs before a page ends as it is."""


class Tasks:
    """`address_of` gives the address at which somebody answers a step of a run."""

    def __init__(self, db: Database, address_of: Callable[[str, str, str], str]) -> None:
        self._db = db
        self._address_of = address_of

    async def list_tasks(
        self, workspace_id: WorkspaceId, answering: str | None, cursor: Sequence[Json] | None, limit: int
    ) -> Page:
        """Newest first. `answering`: who answers, where the caller may."""
        before = _place(cursor)
        found: list[Json] = []
        async with acting(self._db, workspace_id) as conn:
            for _ in range(_LOOKS):
                rows = await tasks.page(conn, workspace_id, before, _AT_ONCE)
                for row in rows:
                    before = row.place
                    view = await self._view(conn, workspace_id, row, answering)
                    if view is not None:
                        found.append(view)
                    if len(found) == limit:
                        return Page(found, _cursor(before))
                if len(rows) < _AT_ONCE:
                    return Page(found, None)
        return Page(found, None if before is None else _cursor(before))

    async def _view(
        self, conn: Connection, workspace_id: WorkspaceId, row: WaitingTask, answering: str | None
    ) -> JsonObject | None:
        kept = await documents.get(conn, workspace_id, row.compiled_hash)
        if kept is None:
            return None
        step = build_plan(cast("CompiledJson", kept.compiled)).document.steps.get(row.step)
        if step is None:
            return None
        (asked,) = await shown(conn, workspace_id, row.run_id, [row.input])
        seen: JsonObject = asked if isinstance(asked, dict) else {}
        if row.module == approve.MODULE:
            url = None if answering is None else self._address_of(str(row.run_id), row.path, answering)
            return _task(row, "approval", approval_form(step, asked), seen.get("to"), step, url)
        if not isinstance(step.inputs.get("form"), dict):
            return None
        form = read_form(step.inputs.get("form"), step.inputs.get("schema"), step.title or step.id)
        return _task(row, "form", form, None, step, row.resume_url)


def _task(row: WaitingTask, kind: str, form: Form, to: Json, step: Step, url: str | None) -> JsonObject:
    return {
        "task_id": f"{row.run_id}:{row.path}",
        "kind": kind,
        "run_id": str(row.run_id),
        "workflow_id": str(row.workflow_id),
        "workflow": row.workflow,
        "path": row.path,
        "to": to,
        "subject": form.title,
        "text": form.description or None,
        "form": step.inputs.get("form"),
        "created_at": moment(row.started_at),
        "expires_at": moment(row.wait_until),
        "url": url,
    }


def _cursor(place: Place) -> list[Json]:
    started, run_id, path = place
    return [moment(started), str(run_id), path]


def _place(cursor: Sequence[Json] | None) -> Place | None:
    match cursor:
        case None:
            return None
        case [str(started), str(run_id), str(path)]:
            try:
                return datetime.fromisoformat(started).astimezone(UTC), RunId(UUID(run_id)), path
            except (ValueError, OverflowError):
                raise bad_cursor() from None
        case _:
            raise bad_cursor()
