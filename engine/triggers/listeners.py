"""Which triggers listen to events and to ends of runs: those of live versions, changed in the transaction that makes a version live."""

from __future__ import annotations

from db import events
from db.connection import Connection
from db.events import Wanted
from db.ids import WorkflowId, WorkspaceId
from engine.expressions.values import Json
from engine.spec.document import Document
from engine.spec.load import load

EVENT = "event.trigger"
FINISHED = "workflow.finished"
ANY = "*"


async def bind(conn: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, document: Json) -> None:
    """The workflow listens as the document says, and not otherwise."""
    await events.bind(conn, workspace_id, workflow_id, wanted_of(load(document)))


async def unbind(conn: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> None:
    """It was deleted."""
    await events.bind(conn, workspace_id, workflow_id, ())


def wanted_of(document: Document) -> list[Wanted]:
    """The listening triggers of a document without errors."""
    found: list[Wanted] = []
    for trigger in document.triggers.values():
        inputs = trigger.inputs
        if trigger.disabled:
            continue
        if trigger.module == EVENT:
            found.append(Wanted(trigger.id, "event", (str(inputs["name"]),), filter=inputs.get("filter")))
        elif trigger.module == FINISHED:
            names, statuses = _texts(inputs.get("workflows"), ANY), _texts(inputs.get("status"), "failed")
            found.append(Wanted(trigger.id, "workflow", names, statuses))
    return found


def _texts(given: Json, default: str) -> tuple[str, ...]:
    return tuple(map(str, given)) if isinstance(given, list) else (default,)
