"""A workspace with a workflow, and runs in it, made by the tables' own functions: for loads that need no interpreter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from db import runs, versions, workflows, workspaces
from db.documents import CompiledDocument
from db.ids import RunId, WorkflowId, WorkspaceId, new_uuid7
from db.json import Json
from db.pool import Database
from db.record import End
from db.runs import NewRun

_DOCUMENT = CompiledDocument(hash="h" * 64, content_hash="c" * 64, compiled={"document": {"steps": {}}})


@dataclass(frozen=True, slots=True)
class Tenant:
    workspace_id: WorkspaceId
    workflow_id: WorkflowId


async def tenant(db: Database, slug: str) -> Tenant:
    """A new workspace with one deployed workflow."""
    async with db.engine() as connection:
        workspace = await workspaces.create(connection, slug, slug.title())
    assert workspace is not None
    return Tenant(workspace.workspace_id, await workflow(db, workspace.workspace_id, "orders"))


async def workflow(db: Database, workspace_id: WorkspaceId, name: str) -> WorkflowId:
    """A deployed workflow of that name."""
    async with db.tenant(workspace_id) as connection:
        made = await workflows.create(connection, workspace_id, name)
        assert made is not None
        await versions.create_draft(connection, workspace_id, made.workflow_id, {"name": name}, f"hash of {name}")
        await versions.deploy(connection, workspace_id, made.workflow_id, {"name": name}, f"hash of {name}", cap=None)
    return made.workflow_id


def new_run(owner: Tenant, *, concurrency_key: str | None = None) -> NewRun:
    return NewRun(
        run_id=RunId(new_uuid7()),
        workspace_id=owner.workspace_id,
        workflow_id=owner.workflow_id,
        version=1,
        document=_DOCUMENT,
        trigger_type="api",
        trigger={"type": "api", "id": None, "body": None},
        concurrency_key=concurrency_key,
    )


async def accept(db: Database, run: NewRun) -> None:
    async with db.single() as connection:
        await runs.accept(connection, run)


def succeeded() -> End:
    return End(status="succeeded", finished_at=datetime.now(UTC), output=None)


def failed() -> End:
    error: Json = {"code": "http.500", "message": "it broke", "step": "a", "retryable": False, "details": {}}
    return End(status="failed", finished_at=datetime.now(UTC), error=error)
