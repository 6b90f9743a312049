"""A workspace with a workflow, and runs in it, for the tests of the tables."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from db import queue, runs, versions, workflows, workspaces
from db.documents import CompiledDocument
from db.ids import RunId, WorkflowId, WorkspaceId, new_uuid7
from db.inbox import NewEvent
from db.json import Json
from db.pool import Database
from db.record import End, NewStep, StepStatus, record
from db.runs import Accepted, Claim, NewRun

DOCUMENT = CompiledDocument(hash="h" * 64, content_hash="c" * 64, compiled={"document": {"steps": {}}})
START = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Tenant:
    workspace_id: WorkspaceId
    workflow_id: WorkflowId


async def tenant(db: Database, slug: str = "acme", cap: int | None = None) -> Tenant:
    """A new workspace with one deployed workflow."""
    async with db.engine() as connection:
        workspace = await workspaces.create(connection, slug, slug.title())
    assert workspace is not None
    return Tenant(workspace.workspace_id, await workflow(db, workspace.workspace_id, "orders", cap))


async def workflow(db: Database, workspace_id: WorkspaceId, name: str, cap: int | None = None) -> WorkflowId:
    """A deployed workflow of that name."""
    async with db.tenant(workspace_id) as connection:
        made = await workflows.create(connection, workspace_id, name)
        assert made is not None
        await versions.create_draft(connection, workspace_id, made.workflow_id, {"name": name}, f"hash of {name}")
        await versions.deploy(connection, workspace_id, made.workflow_id, {"name": name}, f"hash of {name}", cap=cap)
    return made.workflow_id


def new_run(owner: Tenant, trigger: Json = None, **more: object) -> NewRun:
    given: dict[str, object] = {
        "run_id": RunId(new_uuid7()),
        "workspace_id": owner.workspace_id,
        "workflow_id": owner.workflow_id,
        "version": 1,
        "document": DOCUMENT,
        "trigger_type": "api",
        "trigger": {"type": "api", "id": None, "body": trigger},
    }
    return NewRun(**{**given, **more})  # type: ignore[arg-type]  # fields by name


async def accept(db: Database, run: NewRun, event: NewEvent | None = None) -> Accepted:
    async with db.single() as connection:
        return await runs.accept(connection, run, event)


async def started(db: Database, owner: Tenant, trigger: Json = None, **more: object) -> RunId:
    """An accepted run that this process has claimed."""
    run = new_run(owner, trigger, claim=Claim(holder="test", lease_s=30), **more)
    assert (await accept(db, run)).claimed
    return run.run_id


async def begun(db: Database, owner: Tenant, run_id: RunId) -> None:
    """The run's first claim was started, and its execution is at work."""
    async with db.single() as connection:
        assert await queue.mark_started(connection, run_id, 1) == "done"
        await record(connection, owner.workspace_id, run_id, [])


def step(path: str, status: StepStatus = "succeeded", attempt: int = 1, **more: object) -> NewStep:
    """A row whose times fit its status; `after` moves it by seconds."""
    moment = START + timedelta(seconds=float(str(more.pop("after", 0))))
    given: dict[str, object] = {
        "path": path,
        "attempt": attempt,
        "step": path.rsplit(".", 1)[-1],
        "module": "core.set@1",
        "status": status,
        "started_at": moment,
        "finished_at": None if status in ("running", "waiting") else moment + timedelta(milliseconds=5),
    }
    return NewStep(**{**given, **more})  # type: ignore[arg-type]  # fields by name


def succeeded(output: Json = None) -> End:
    return End(status="succeeded", finished_at=datetime.now(UTC), output=output)


def failed(code: str = "http.500") -> End:
    error: Json = {"code": code, "message": "it broke", "step": "a", "retryable": False, "details": {}}
    return End(status="failed", finished_at=datetime.now(UTC), error=error)
