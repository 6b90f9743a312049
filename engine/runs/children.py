"""Child runs: what `core.subworkflow` starts. A child is a run like any other, in its parent's place under the cap and under its key."""

from __future__ import annotations

import contextlib
from uuid import UUID

from db import run_rows
from db.ids import RunId, WorkflowId, WorkspaceId
from db.pool import Database
from db.run_rows import RunRow
from engine.activities.host import Head
from engine.activities.run_log import RunPayloads
from engine.activities.stored import whole
from engine.authority import DEPLOYED
from engine.core.effects import ChildStart
from engine.core.errors import Failed, StepError
from engine.expressions.values import Json
from engine.problems import NotFound, Problem
from engine.runs.accept import Acceptor, Entry
from engine.runs.cancel import Canceller
from engine.runs.lookup import Lookup
from engine.triggers.input import choose

DEEPEST = 8
_WINDOW_S = 366 * 86_400.0
"""How long a parent may be made again and still find the child that it started; longer than any retention of its log matters."""


class ChildRuns:
    """`Children` of the activities. Raises `DatabaseUnavailable` and `Unavailable` alike: the activity is then repeated."""

    def __init__(self, db: Database, lookup: Lookup, acceptor: Acceptor, canceller: Canceller) -> None:
        self._db = db
        self._lookup = lookup
        self._acceptor = acceptor
        self._canceller = canceller

    async def start_child(self, parent: Head, child: ChildStart) -> str:
        """The child of this attempt, the same whenever the attempt is repeated. Raises `Failed`."""
        workspace_id = WorkspaceId(parent.workspace_id)
        if child.depth > DEEPEST:
            raise Failed(
                StepError(
                    "subworkflow.depth",
                    f"Sub-workflows may be nested {DEEPEST} deep, and this one would be deeper: does it call itself?",
                    child.path,
                )
            )
        body = await whole(child.input, RunPayloads(self._db, parent))
        try:
            target = await self._lookup.target(workspace_id, child.workflow, child.version, DEPLOYED)
            document = target.prepared.document
            line = await self._line(workspace_id, parent)
            trigger: dict[str, Json] = {"type": "subworkflow", "id": choose(document, None), "body": body}
            taken = await self._acceptor.accept(
                Entry(
                    workspace_id=workspace_id,
                    workflow_id=target.workflow.workflow_id,
                    name=target.workflow.name,
                    version=target.version,
                    prepared=target.prepared,
                    trigger=trigger,
                    source=f"child:{parent.run_id}",
                    dedupe=f"{child.path}#{child.attempt}",
                    dedupe_window_s=_WINDOW_S,
                    origin=child.key,
                    parent_run_id=RunId(UUID(parent.run_id)),
                    parent_path=child.path,
                    depth=child.depth,
                    test=bool(line) and line[0].test,
                    held=_held(line, target.workflow.workflow_id) if child.wait else frozenset(),
                )
            )
        except Problem as problem:
            if problem.status >= 500:
                raise
            code = "subworkflow.unknown" if problem.status in (404, 409) else problem.code
            details = {name: value for name, value in problem.extra.items() if name != "findings"}
            raise Failed(StepError(code, problem.detail, child.path, details=details)) from None
        return str(taken.run_id)

    async def cancel_child(self, parent: Head, run_id: str) -> None:
        # A child whose workflow was purged meanwhile has ended; an activity that said otherwise would be repeated for ever.
        with contextlib.suppress(NotFound):
            await self._canceller.cancel(
                WorkspaceId(parent.workspace_id), RunId(UUID(run_id)), "The run that started it was cancelled."
            )

    async def _line(self, workspace_id: WorkspaceId, parent: Head) -> list[RunRow]:
        """The parent and the runs above it, nearest first."""
        line: list[RunRow] = []
        above: RunId | None = RunId(UUID(parent.run_id))
        async with self._db.engine(workspace_id) as conn:
            while above is not None and (found := await run_rows.get(conn, above)) is not None:
                line.append(found)
                above = found.parent_run_id
        return line


def _held(line: list[RunRow], workflow_id: WorkflowId) -> frozenset[str]:
    """The concurrency keys of a workflow that runs above hold. A child that they wait for must not wait for those: neither would ever end."""
    return frozenset(
        run.concurrency_key
        for run in line
        if run.workflow_id == workflow_id and run.concurrency_key is not None and run.status in run_rows.OPEN
    )
