"""From what a caller names (a workflow by id or name, a version) to a document that is ready to run."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from db import app_queues, connections, variables, versions, workflows
from db.connection import Connection
from db.ids import WorkflowId, WorkspaceId
from db.pool import Database
from db.workflows import Workflow
from engine.authority import Authority, authorise
from engine.expressions.values import Json
from engine.problems import Conflict, Invalid, NotFound
from engine.runs.prepared import Prepared, PreparedDocuments
from engine.runs.reading import acting
from engine.spec.catalog import Catalog, KnownQueue, WorkspaceView
from engine.spec.finding import Finding, has_errors
from engine.spec.validate import validate

VersionName = Literal["deployed", "draft"] | int

_HASHES = 1_000


@dataclass(frozen=True, slots=True)
class Target:
    """One version of a workflow, ready to run. `version` 0 is the draft."""

    workflow: Workflow
    version: int
    prepared: Prepared


def version_name(given: Json) -> VersionName:
    """`deployed`, `draft` or a number, also as text. Raises `Invalid`."""
    if given == "deployed" or given == "draft":
        return "deployed" if given == "deployed" else "draft"
    if isinstance(given, str) and given.isascii() and given.isdigit():
        given = int(given)
    if isinstance(given, int) and not isinstance(given, bool) and 0 < given < 2**31:
        return given
    raise Invalid(
        "version.invalid", f"`version` is {given!r}; it must be `deployed`, `draft` or the number of a version."
    )


async def find_workflow(conn: Connection, workspace_id: WorkspaceId, reference: str) -> Workflow | None:
    """By id or name, deleted ones too: a living workflow of that name comes before a deleted one."""
    try:
        by_id = UUID(reference)
    except ValueError:
        by_id = None
    if by_id is not None:
        found = await workflows.get(conn, workspace_id, WorkflowId(by_id))
        if found is not None:
            return found
    return await workflows.by_name(conn, workspace_id, reference) if "\x00" not in reference else None


def living(found: Workflow | None, reference: str) -> Workflow:
    """Raises `NotFound` for one that is deleted, too."""
    if found is None or found.status == "deleted":
        raise NotFound("workflow", reference)
    return found


async def workspace_view(conn: Connection, workspace_id: WorkspaceId) -> WorkspaceView:
    """What the validator must know of the workspace."""
    queues = await app_queues.consumers(conn, workspace_id)
    values, secrets = await variables.at_start(conn, workspace_id)
    return WorkspaceView(
        variables=frozenset(values),
        secrets=secrets,
        connections={known.name: known.app for known in await connections.known(conn, workspace_id)},
        queues=[KnownQueue(queue.name, str(queue.queue_id), queue.workflow) for queue in queues],
    )


def refused(findings: tuple[Finding, ...], doing: str) -> Invalid:
    """The problem for a document with errors."""
    errors = [finding for finding in findings if finding.severity == "error"]
    first = errors[0]
    return Invalid(
        "document.invalid",
        f"The document has {len(errors)} error{'s' if len(errors) > 1 else ''} and can't be {doing}. "
        f"{first.path or '/'}: {first.message}",
        extra={"findings": [finding.to_json() for finding in findings]},
    )


class Lookup:
    def __init__(self, db: Database, catalog: Catalog, prepared: PreparedDocuments) -> None:
        self._db = db
        self._catalog = catalog
        self._prepared = prepared
        self._hashes: OrderedDict[tuple[WorkflowId, int], str] = OrderedDict()
        """By workflow and version: a version never changes, so its hash is asked for once."""

    async def target(
        self, workspace_id: WorkspaceId, reference: str, version: VersionName, authority: Authority
    ) -> Target:
        """Raises `NotFound` (workflow, version), `Conflict` (nothing deployed yet), `Invalid` (a draft with errors), `Problem` 403."""
        async with acting(self._db, workspace_id) as conn:
            workflow = living(await find_workflow(conn, workspace_id, reference), reference)
            return await self.target_of(conn, workflow, version, authority)

    async def known(self, conn: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> Workflow:
        """A workflow that a run refers to. Raises `NotFound` when it was purged."""
        found = await workflows.get(conn, workspace_id, workflow_id)
        if found is None:
            raise NotFound("workflow", str(workflow_id))
        return found

    async def target_of(
        self, conn: Connection, workflow: Workflow, version: VersionName, authority: Authority
    ) -> Target:
        """The same for a workflow that is known; of a deleted one too."""
        target = await self._target(conn, workflow, version)
        await authorise(conn, workflow.workspace_id, target.prepared.source, authority)
        return target

    async def _target(self, conn: Connection, workflow: Workflow, version: VersionName) -> Target:
        if version == "draft":
            return await self._draft(conn, workflow)
        number = workflow.live_version if version == "deployed" else version
        if number is None:
            raise Conflict(
                "workflow.not_deployed",
                f"The workflow {workflow.name!r} has no deployed version yet: deploy its draft first.",
            )
        return Target(workflow, number, await self._numbered(conn, workflow, number))

    async def _draft(self, conn: Connection, workflow: Workflow) -> Target:
        draft = await versions.draft(conn, workflow.workspace_id, workflow.workflow_id)
        if draft is None:
            raise NotFound("workflow", workflow.name)
        prepared = self._prepared.get(draft.content_hash)
        if prepared is None:
            findings = validate(
                draft.document, self._catalog, await workspace_view(conn, workflow.workspace_id), "draft"
            )
            if has_errors(findings):
                raise refused(findings, "run")
            prepared = self._prepared.prepare(draft.document, draft.content_hash)
        return Target(workflow, 0, prepared)

    async def _numbered(self, conn: Connection, workflow: Workflow, number: int) -> Prepared:
        known = self._hashes.get((workflow.workflow_id, number))
        found = None if known is None else self._prepared.get(known)
        if found is not None:
            return found
        version = await versions.get(conn, workflow.workspace_id, workflow.workflow_id, number)
        if version is None:
            raise NotFound("version", str(number))
        self._remember(workflow.workflow_id, number, version.content_hash)
        document = await versions.document(conn, workflow.workspace_id, workflow.workflow_id, number)
        if document is None:
            raise NotFound("version", str(number))
        try:
            return self._prepared.prepare(document, version.content_hash)
        except KeyError as error:
            raise Conflict(
                "module.unknown",
                f"Version {number} uses the module {error.args[0]!r}, which this installation doesn't have.",
            ) from None

    def _remember(self, workflow_id: WorkflowId, number: int, content_hash: str) -> None:
        self._hashes[workflow_id, number] = content_hash
        while len(self._hashes) > _HASHES:
            self._hashes.popitem(last=False)
