"""How long lists, searches and one run's steps take in a workspace with a long past, beside those of a workspace with one page of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chaos.scale.backlog import Backlog, fill
from chaos.scale.claims import database
from chaos.scale.figures import Row, Work, in_turn
from chaos.scale.tenant import tenant
from db import run_rows
from db.ids import RunId, WorkflowId, WorkspaceId
from db.pool import Database
from db.run_rows import RunFilter
from engine.runs.reading import RunReader

_STEPS = 3
_PAGE = 50


async def lists(url: str, queued: int, logs: int) -> list[Row]:
    """The newest 50 by each filter and for each kind of word, one run and its steps."""
    async with database(url) as empty_url, database(url) as full_url:
        empty, full = await Database.open(empty_url), await Database.open(full_url)
        try:
            works: list[Mapping[str, Work]] = []
            for db, its_url, past, waiting in (
                (empty, empty_url, 2 * _PAGE, 2 * _PAGE),
                (full, full_url, logs // _STEPS, queued),
            ):
                owner = await tenant(db, "acme")
                ended = Backlog(ended=past, steps=_STEPS, workflows=50 if db is full else 1, weeks=4)
                await fill(its_url, owner.workspace_id, replace(ended, ended=past))
                workflows = await fill(its_url, owner.workspace_id, Backlog(queued=waiting))
                busiest = await _workflow_of_newest(db, owner.workspace_id)
                works.append(await _work(db, owner.workspace_id, busiest, workflows[0]))
            few, many = works
            return [await in_turn(name, few[name], many[name], count=100) for name in few]
        finally:
            await empty.close()
            await full.close()


async def _workflow_of_newest(db: Database, workspace_id: WorkspaceId) -> WorkflowId:
    async with db.tenant(workspace_id) as connection:
        chosen = RunFilter(statuses=("succeeded",))
        (run,) = await run_rows.list_runs(connection, workspace_id, chosen, None, 1)
    return run.workflow_id


async def _work(
    db: Database, workspace_id: WorkspaceId, workflow: WorkflowId, queued_workflow: WorkflowId
) -> dict[str, Work]:
    reader = RunReader(db)
    now = datetime.now(UTC)
    async with db.tenant(workspace_id) as connection:
        chosen = RunFilter(statuses=("succeeded",))
        found = await run_rows.list_ids(connection, workspace_id, chosen, None, 60)
    some = found[len(found) // 2]

    def listing(before: RunId | None = None, **given: object) -> Work:
        async def work() -> int:
            """How many rows the page has."""
            cursor = None if before is None else [str(before)]
            page = await reader.list_runs(workspace_id, RunFilter(**given), cursor, _PAGE)  # type: ignore[arg-type]
            return len(page.items)

        return work

    async def one_run() -> None:
        await reader.view(workspace_id, some)

    async def its_steps() -> None:
        await reader.list_steps(workspace_id, some, None, _PAGE)

    ended = now - timedelta(hours=1)
    return {
        "newest 50": listing(),
        "newest 50 that ended": listing(until=ended),
        "a later page": listing(found[-10]),
        "queued": listing(statuses=("queued",)),
        "queued of a workflow": listing(statuses=("queued",), workflow_id=queued_workflow),
        "failed": listing(statuses=("failed",)),
        "failed of a workflow": listing(statuses=("failed",), workflow_id=workflow),
        "succeeded": listing(statuses=("succeeded",), until=ended),
        "of a workflow": listing(workflow_id=workflow),
        "of a version": listing(version=1),
        "of a trigger": listing(trigger_type="webhook", until=ended),
        "of a week": listing(since=now - timedelta(days=16), until=now - timedelta(days=9)),
        "none are pinned": listing(pinned=True),
        "a word that stands once": listing(question="n77"),
        "a word of a thousandth": listing(question="customer7"),
        "a word of all": listing(question="order", until=ended),
        "several words": listing(question="customer7 order n77"),
        "a prefix": listing(question="customer77*"),
        "a prefix of all": listing(question="customer*", until=ended),
        "no such word": listing(question="nothing order"),
        "a word of all, failed": listing(question="order", statuses=("failed",)),
        "a word of all, of a workflow": listing(question="order", workflow_id=workflow),
        "a word of a thousandth, failed": listing(question="customer7", statuses=("failed",)),
        "a word of all, other version": listing(question="order", version=2, until=ended),
        "one run": one_run,
        "its steps": its_steps,
    }
