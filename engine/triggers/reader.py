"""What starts a run from an event of the inbox: one reader for each kind, and what it may say instead of an entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from db import workflows
from db.ids import WorkflowId, WorkspaceId
from db.inbox import Content, Event
from db.pool import Database
from engine.authority import DEPLOYED
from engine.expressions.values import Json
from engine.runs.accept import Entry
from engine.runs.lookup import Lookup, Target, VersionName
from engine.spec.document import Trigger

JsonObject = dict[str, Json]


class Refused(Exception):
    """No run will come of it; the message says why."""


class Standing(Exception):
    """Nothing is to be done until something else happens; the message says what. It is looked at again when that is told, and by itself
    after `again_s` seconds. `run_id`: the run whose end it is."""

    def __init__(self, message: str, *, again_s: float = 3_600.0, run_id: str | None = None) -> None:
        super().__init__(message)
        self.again_s = again_s
        self.run_id = run_id


class Reader(Protocol):
    @property
    def ahead(self) -> bool:
        """Whether entries may be made before the runs of earlier events of the source are taken in: what they say doesn't depend on those."""
        ...

    async def entry(self, event: Event, content: Content) -> Entry | None:
        """The run that it starts, None where nothing more is to be done.

        Raises `Refused`, `Standing`, `Problem`, `DatabaseUnavailable`.
        """
        ...


async def target_of(db: Database, lookup: Lookup, event: Event, version: VersionName = "deployed") -> Target:
    """The version of the event's workflow that is live now. Raises as a reader does."""
    return await live_target(db, lookup, event.workspace_id, event.workflow_id, version)


async def live_target(
    db: Database,
    lookup: Lookup,
    workspace_id: WorkspaceId,
    workflow_id: WorkflowId | None,
    version: VersionName = "deployed",
) -> Target:
    """The same, of a workflow. Raises `Refused`, `Standing`, `Problem`, `DatabaseUnavailable`."""
    async with db.engine(workspace_id) as conn:
        workflow = None
        if workflow_id is not None:
            workflow = await workflows.get(conn, workspace_id, workflow_id)
        if workflow is None or workflow.status == "deleted":
            raise Refused("The workflow was deleted.")
        if workflow.status == "paused":
            raise Standing("The workflow is paused.")
        if workflow.live_version is None and version == "deployed":
            raise Refused("The workflow has no deployed version.")
        return await lookup.target_of(conn, workflow, version, DEPLOYED)


def trigger_in(target: Target, event: Event, module: str) -> Trigger:
    """The event's trigger, as the version has it. Raises `Refused` where it has none of that module, or not enabled."""
    trigger = target.prepared.document.triggers.get(event.trigger_id or "")
    if trigger is None or trigger.module != module or trigger.disabled:
        raise Refused(f"The workflow has no {module!r} {event.trigger_id!r} any more.")
    return trigger


def entry_of(target: Target, event: Event, trigger: JsonObject, chain: Sequence[WorkflowId] | None = None) -> Entry:
    """The run of an event that waits, which nobody can be asked about."""
    return Entry(
        workspace_id=event.workspace_id,
        workflow_id=target.workflow.workflow_id,
        name=target.workflow.name,
        version=target.version,
        prepared=target.prepared,
        trigger=trigger,
        waited=event.held,
        chain=chain,
        nobody_asks=True,
    )
