"""Definitions as the API shows them, and what about a document hangs on the workflow that it is of."""

from __future__ import annotations

from collections.abc import Sequence

from db.versions import Draft, Version
from db.workflows import Workflow
from engine.expressions.values import Json
from engine.problems import Invalid, Problem
from engine.spec.finding import Code, Finding
from engine.views import moment

JsonObject = dict[str, Json]


def workflow_view(workflow: Workflow, addresses: list[Json]) -> JsonObject:
    """Without the draft, as lists show it. `addresses` are its webhooks'."""
    return {
        "workflow_id": str(workflow.workflow_id),
        "name": workflow.name,
        "status": workflow.status,
        "live_version": workflow.live_version,
        "hooks": addresses,
        "created_at": moment(workflow.created_at),
        "updated_at": moment(workflow.updated_at),
    }


def hooks(public_url: str, slug: str, name: str, document: Json) -> list[Json]:
    """The addresses of a document's webhooks."""
    triggers = document.get("triggers") if isinstance(document, dict) else None
    return [
        {"trigger": id_, "url": f"{public_url}/hooks/{slug}/{name}/{id_}"}
        for id_, trigger in (triggers if isinstance(triggers, dict) else {}).items()
        if isinstance(trigger, dict)
        and trigger.get("module") == "webhook.trigger"
        and trigger.get("disabled") is not True
    ]


def renamed(workflow: Workflow, document: Json) -> tuple[Finding, ...]:
    name = document.get("name") if isinstance(document, dict) else None
    if not isinstance(name, str) or name == workflow.name:
        return ()
    return (
        Finding(
            Code.NAME_CHANGED,
            "/name",
            f"The workflow is called {workflow.name!r}; its name doesn't change.",
            f"Write {workflow.name!r}, or create a workflow {name!r}.",
        ),
    )


def storable(findings: tuple[Finding, ...]) -> None:
    """Most wrong documents can be saved. Not those that aren't objects, or are beyond every limit. Raises `Problem`."""
    for finding in findings:
        if finding.code in (Code.LIMIT_SIZE, Code.LIMIT_DEPTH):
            raise Problem(
                413 if finding.code is Code.LIMIT_SIZE else 422,
                finding.code.value,
                finding.message,
                extra={"findings": findings_view(findings)},
            )
        if finding.code is Code.SHAPE and finding.path == "":
            raise Invalid("document.shape", finding.message, extra={"findings": findings_view(findings)})


def findings_view(findings: Sequence[Finding]) -> list[Json]:
    return [finding.to_json() for finding in findings]


def draft_view(draft: Draft, findings: Sequence[Finding]) -> JsonObject:
    return {
        "revision": draft.revision,
        "document": draft.document,
        "findings": findings_view(findings),
        "content_hash": draft.content_hash,
        "saved_at": moment(draft.saved_at),
    }


def version_view(version: Version) -> JsonObject:
    return {
        "version": version.version,
        "content_hash": version.content_hash,
        "note": version.note,
        "created_at": moment(version.created_at),
        "created_by": version.created_by,
        "live": version.live,
    }
