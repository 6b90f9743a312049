"""Workflows as people define them: create, save a draft, deploy, roll back, compare, pause, delete.

A draft may be saved with errors, and says so by its findings; a version never has any. Saving is compare-and-set on the draft's revision, so
two people can't overwrite each other unseen. Deploying validates and freezes under the workflow's lock.

A workflow's name is fixed when it is created: addresses, sub-workflows and people refer to it. A draft with another name is a finding.
"""

from __future__ import annotations

from collections.abc import Sequence

from db import app_queues, connections, maintenance, run_rows, versions, workflows
from db.connection import Connection
from db.errors import DatabaseUnavailable
from db.ids import QueueId, UserId, WorkflowId, WorkspaceId
from db.pool import Database
from db.versions import Draft
from db.workflows import Workflow
from engine.authority import Authority, authorise
from engine.definition_views import draft_view, findings_view, hooks, renamed, storable, version_view, workflow_view
from engine.expressions.nearest import suggestion
from engine.expressions.values import Json
from engine.hub import Hub, Kind
from engine.problems import Conflict, Invalid, NotFound, Problem, Unavailable
from engine.queues.binding import Bindings
from engine.runs.cancel import Canceller
from engine.runs.lookup import VersionName, find_workflow, living, refused, workspace_view
from engine.runs.pages import Page, bad_cursor, cursor_id
from engine.runs.reading import acting
from engine.sandbox.findings import CodeFindings
from engine.spec.canonical import content_hash
from engine.spec.catalog import Catalog, WorkspaceView
from engine.spec.diff import diff
from engine.spec.finding import Code, Finding, has_errors
from engine.spec.load import load
from engine.spec.named import connections_of
from engine.spec.normalize import complete
from engine.spec.upgrade import upgrade
from engine.spec.validate import validate
from engine.triggers.live import LiveTriggers

JsonObject = dict[str, Json]

_BATCH = 100


class Definitions:
    """`slug` is the workspace's, for the addresses of webhooks below `public_url`; `by` is the person who acts."""

    def __init__(
        self, db: Database, catalog: Catalog, canceller: Canceller, hub: Hub, public_url: str, code: CodeFindings
    ) -> None:
        self._db = db
        self._catalog = catalog
        self._canceller = canceller
        self._bindings = Bindings(catalog, hub)
        self._hub = hub
        self._triggers = LiveTriggers()
        self._code = code
        self._public_url = public_url.rstrip("/")

    async def create(
        self,
        workspace_id: WorkspaceId,
        slug: str,
        by: UserId | None,
        document: Json,
        parsed: Sequence[Finding] = (),
        *,
        authority: Authority,
    ) -> JsonObject:
        """A new workflow with its first draft; its name is the document's. `parsed` are findings of the text itself.

        Raises `Invalid` (no usable name), `Conflict` (name taken).
        """
        document = complete(upgrade(document), self._catalog)
        parsed = (*parsed, *await self._code.of(document))
        name = document.get("name") if isinstance(document, dict) else None
        findings = self._judged(document, None, parsed)
        if not isinstance(name, str) or any(finding.code is Code.NAME_INVALID for finding in findings):
            raise Invalid(
                "name.invalid",
                "A workflow needs a `name` of lower-case letters, digits, `-` and `_`, beginning with a letter or digit.",
                extra={"findings": findings_view(findings)},
            )
        storable(findings)
        async with acting(self._db, workspace_id) as conn:
            await authorise(conn, workspace_id, document, authority)
            made = await workflows.create(conn, workspace_id, name, by)
            if made is None:
                raise Conflict("name.taken", f"There is a workflow {name!r} in this workspace already.")
            draft = await versions.create_draft(
                conn, workspace_id, made.workflow_id, document, content_hash(document), by
            )
            view = await workspace_view(conn, workspace_id)
        return self._workflow_shown(made, slug, draft, self._judged(document, view, parsed), None)

    async def get(self, workspace_id: WorkspaceId, slug: str, reference: str) -> JsonObject:
        async with acting(self._db, workspace_id) as conn:
            workflow = living(await find_workflow(conn, workspace_id, reference), reference)
            return await self._read(conn, workflow, slug)

    async def list_workflows(
        self, workspace_id: WorkspaceId, slug: str, cursor: Sequence[Json] | None, limit: int
    ) -> Page:
        """Newest first, without the drafts' documents and findings."""
        before = cursor_id(cursor)
        async with acting(self._db, workspace_id) as conn:
            found = await workflows.list_workflows(
                conn, workspace_id, None if before is None else WorkflowId(before), limit + 1
            )
            items: list[Json] = []
            for workflow in found[:limit]:
                live = await self._live(conn, workflow)
                items.append(self._head(workflow, slug, live))
        return Page(items, [str(found[limit - 1].workflow_id)] if len(found) > limit else None)

    async def set_status(self, workspace_id: WorkspaceId, slug: str, reference: str, status: Json) -> JsonObject:
        """`active` or `paused`."""
        if status != "active" and status != "paused":
            raise Invalid("status.invalid", f"`status` is {status!r}; it must be `active` or `paused`.")
        async with acting(self._db, workspace_id) as conn:
            workflow = living(await find_workflow(conn, workspace_id, reference), reference)
            changed = await workflows.set_status(
                conn, workspace_id, workflow.workflow_id, "active" if status == "active" else "paused"
            )
            shown = await self._read(conn, living(changed, reference), slug)
            queues = await self._bindings.of(conn, workspace_id, workflow.workflow_id)
            await self._triggers.follow(conn, workspace_id, workflow.workflow_id)
        self._tell(workspace_id, workflow.workflow_id, queues)
        return shown

    async def delete(
        self, workspace_id: WorkspaceId, reference: str, *, purge: bool = False, force: bool = False
    ) -> None:
        """Nothing starts it any more; what is open is cancelled, what has ended stays readable unless `purge`.

        Deleting again finds nothing, but `purge` also takes a workflow that was deleted before. With `purge`, runs that are still ending
        keep it until they have: 409, ask again. Pinned runs keep it as well, unless `force`: a pin says that somebody wants to have them.
        """
        async with acting(self._db, workspace_id) as conn:
            workflow = await find_workflow(conn, workspace_id, reference)
            if workflow is None or (workflow.status == "deleted" and not purge):
                raise NotFound("workflow", reference)
            pinned = await maintenance.pinned_of_workflow(conn, workspace_id, workflow.workflow_id) if purge else 0
            if pinned and not force:
                raise Conflict(
                    "workflow.pinned",
                    f"{pinned} of its runs {'are' if pinned > 1 else 'is'} pinned. Nothing was deleted: unpin them, or purge with `force`.",
                    extra={"pinned": pinned},
                )
            await workflows.delete(conn, workspace_id, workflow.workflow_id)
            # Before its runs are cancelled: their items then go back to their queues, uncounted as failures.
            await app_queues.unbind(conn, workspace_id, workflow.workflow_id)
            await connections.bind(conn, workspace_id, workflow.workflow_id, ())
            await self._triggers.release(conn, workspace_id, workflow.workflow_id)
        self._tell(workspace_id, workflow.workflow_id, set())
        open_runs = await self._cancel_all(workspace_id, workflow.workflow_id)
        if purge:
            await self._purge(workspace_id, workflow, open_runs)

    async def draft(self, workspace_id: WorkspaceId, reference: str) -> JsonObject:
        async with acting(self._db, workspace_id) as conn:
            workflow = living(await find_workflow(conn, workspace_id, reference), reference)
            draft = await _draft(conn, workflow)
            view = await workspace_view(conn, workspace_id)
        code = await self._code.of(draft.document)
        return draft_view(draft, self._of_workflow(workflow, draft.document, view, code))

    async def save_draft(
        self,
        workspace_id: WorkspaceId,
        by: UserId | None,
        reference: str,
        document: Json,
        base_revision: int | None,
        parsed: Sequence[Finding] = (),
        *,
        authority: Authority,
    ) -> JsonObject:
        """Raises `Invalid` without `base_revision`, `Conflict` with the current draft when it isn't the current one."""
        if base_revision is None:
            raise Invalid(
                "base_revision.missing", "Say by `base_revision` which revision of the draft this was made from."
            )
        document = complete(upgrade(document), self._catalog)
        parsed = (*parsed, *await self._code.of(document))
        storable(self._judged(document, None, parsed))
        async with acting(self._db, workspace_id) as conn:
            workflow = living(await find_workflow(conn, workspace_id, reference), reference)
            await authorise(conn, workspace_id, document, authority)
            saved = None
            if 0 < base_revision < 2**31:
                saved = await versions.put_draft(
                    conn, workspace_id, workflow.workflow_id, document, content_hash(document), base_revision, by
                )
            view = await workspace_view(conn, workspace_id)
            if saved is None:
                draft = await _draft(conn, workflow)
                raise Conflict(
                    "draft.stale",
                    f"The draft is at revision {draft.revision} now: somebody saved it since revision {base_revision}.",
                    extra={"draft": draft_view(draft, self._of_workflow(workflow, draft.document, view))},
                )
        return draft_view(saved, self._of_workflow(workflow, document, view, parsed))

    async def deploy(
        self,
        workspace_id: WorkspaceId,
        by: UserId | None,
        reference: str,
        note: str | None,
        base_revision: int | None,
        *,
        authority: Authority,
        document: Json = None,
    ) -> tuple[JsonObject, bool]:
        """The version that is live now, and whether it is a new one. Raises `Invalid` with findings, `Conflict` when the draft moved on.

        With `document` that is deployed in the draft's place, and the draft stays as it is: for some of its changes without the others.
        """
        async with acting(self._db, workspace_id) as conn:
            workflow = living(await find_workflow(conn, workspace_id, reference), reference)
            await workflows.lock(conn, workspace_id, workflow.workflow_id)
            draft = await _draft(conn, workflow)
            if base_revision is not None and base_revision != draft.revision:
                raise Conflict(
                    "draft.stale",
                    f"The draft is at revision {draft.revision}, not at {base_revision}.",
                    extra={"revision": draft.revision},
                )
            document = complete(upgrade(draft.document if document is None else document), self._catalog)
            await authorise(conn, workspace_id, document, authority)
            view = await workspace_view(conn, workspace_id)
            findings = (
                *validate(document, self._catalog, view, "deploy"),
                *renamed(workflow, document),
                *await self._code.of(document),
            )
            if has_errors(findings):
                raise refused(findings, "deployed")
            deployed = await versions.deploy(
                conn,
                workspace_id,
                workflow.workflow_id,
                document,
                content_hash(document),
                cap=load(document).settings.max_concurrent_runs,
                note=note,
                user_id=by,
            )
            if deployed is None:
                raise NotFound("workflow", reference)
            queues = await self._bindings.bind(conn, workspace_id, workflow.workflow_id, document, "deployed")
            await connections.bind(conn, workspace_id, workflow.workflow_id, _connections(document))
            await self._triggers.bind(conn, workspace_id, workflow.workflow_id, document, "deployed")
            version = await versions.get(conn, workspace_id, workflow.workflow_id, deployed.version)
        assert version is not None
        self._tell(workspace_id, workflow.workflow_id, queues)
        return version_view(version), deployed.created

    async def list_versions(
        self, workspace_id: WorkspaceId, reference: str, cursor: Sequence[Json] | None, limit: int
    ) -> Page:
        """Newest first."""
        match cursor:
            case None:
                before = None
            case [int(number)] if 0 < number < 2**31:
                before = number
            case _:
                raise bad_cursor()
        async with acting(self._db, workspace_id) as conn:
            workflow = await self._any(conn, workspace_id, reference)
            found = await versions.list_versions(conn, workspace_id, workflow.workflow_id, before, limit + 1)
        more: list[Json] | None = [found[limit - 1].version] if len(found) > limit else None
        return Page([version_view(version) for version in found[:limit]], more)

    async def version(self, workspace_id: WorkspaceId, reference: str, number: int) -> JsonObject:
        """With its document."""
        async with acting(self._db, workspace_id) as conn:
            workflow = await self._any(conn, workspace_id, reference)
            found = await versions.get(conn, workspace_id, workflow.workflow_id, number) if 0 < number < 2**31 else None
            if found is None:
                raise NotFound("version", str(number))
            document = await versions.document(conn, workspace_id, workflow.workflow_id, number)
        return {**version_view(found), "document": document}

    async def rollback(
        self, workspace_id: WorkspaceId, reference: str, number: int, *, authority: Authority
    ) -> JsonObject:
        """An older version is live again; the draft stays as it is. Raises `Invalid` where the workspace no longer fits the version."""
        async with acting(self._db, workspace_id) as conn:
            workflow = living(await find_workflow(conn, workspace_id, reference), reference)
            document = None
            if 0 < number < 2**31:
                document = await versions.document(conn, workspace_id, workflow.workflow_id, number)
            if document is None:
                raise NotFound("version", str(number))
            await authorise(conn, workspace_id, document, authority)
            findings = validate(document, self._catalog, await workspace_view(conn, workspace_id), "deploy")
            if has_errors(findings):
                raise refused(findings, "made live again")
            cap = load(document).settings.max_concurrent_runs
            version = await versions.rollback(conn, workspace_id, workflow.workflow_id, number, cap)
            if version is None:
                raise NotFound("version", str(number))
            queues = await self._bindings.bind(conn, workspace_id, workflow.workflow_id, document, "made live again")
            await connections.bind(conn, workspace_id, workflow.workflow_id, _connections(document))
            await self._triggers.bind(conn, workspace_id, workflow.workflow_id, document, "made live again")
        self._tell(workspace_id, workflow.workflow_id, queues)
        return version_view(version)

    async def diff(
        self, workspace_id: WorkspaceId, reference: str, before: VersionName, after: VersionName
    ) -> JsonObject:
        async with acting(self._db, workspace_id) as conn:
            workflow = await self._any(conn, workspace_id, reference)
            documents = [await _document(conn, workflow, name) for name in (before, after)]
        return diff(documents[0], documents[1])

    async def findings(self, workspace_id: WorkspaceId, document: Json, parsed: Sequence[Finding] = ()) -> list[Json]:
        """What the validator says about any document; nothing is saved."""
        async with acting(self._db, workspace_id) as conn:
            view = await workspace_view(conn, workspace_id)
        document = complete(upgrade(document), self._catalog)
        return findings_view(self._judged(document, view, (*parsed, *await self._code.of(document))))

    def _judged(self, document: Json, view: WorkspaceView | None, parsed: Sequence[Finding]) -> tuple[Finding, ...]:
        return (*parsed, *validate(document, self._catalog, view, "draft"))

    def _of_workflow(
        self, workflow: Workflow, document: Json, view: WorkspaceView, parsed: Sequence[Finding] = ()
    ) -> tuple[Finding, ...]:
        return (*self._judged(document, view, parsed), *renamed(workflow, document))

    async def _read(self, conn: Connection, workflow: Workflow, slug: str) -> JsonObject:
        draft = await _draft(conn, workflow)
        view = await workspace_view(conn, workflow.workspace_id)
        live = await self._live(conn, workflow)
        code = await self._code.of(draft.document)
        return self._workflow_shown(
            workflow, slug, draft, self._of_workflow(workflow, draft.document, view, code), live
        )

    async def _live(self, conn: Connection, workflow: Workflow) -> Json:
        """The live version's document, the draft's while nothing is live."""
        return await versions.document(conn, workflow.workspace_id, workflow.workflow_id, workflow.live_version or 0)

    def _workflow_shown(
        self, workflow: Workflow, slug: str, draft: Draft, findings: tuple[Finding, ...], live: Json
    ) -> JsonObject:
        shown = self._head(workflow, slug, draft.document if live is None else live)
        return {**shown, "draft": draft_view(draft, findings)}

    def _head(self, workflow: Workflow, slug: str, document: Json) -> JsonObject:
        return workflow_view(workflow, hooks(self._public_url, slug, workflow.name, document))

    async def _any(self, conn: Connection, workspace_id: WorkspaceId, reference: str) -> Workflow:
        """Deleted ones too: what they were stays readable."""
        found = await find_workflow(conn, workspace_id, reference)
        if found is None:
            raise NotFound("workflow", reference)
        return found

    async def _cancel_all(self, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> int:
        """Ask every open run to end; gives how many of them are still ending."""
        after = None
        ending = 0
        while True:
            async with acting(self._db, workspace_id) as conn:
                batch = await run_rows.open_of_workflow(conn, workspace_id, workflow_id, after, _BATCH)
            for run_id in batch:
                await self._canceller.cancel(workspace_id, run_id, "The workflow was deleted.")
                ending += 1
            if len(batch) < _BATCH:
                break
            after = batch[-1]
        return ending

    def _tell(self, workspace_id: WorkspaceId, workflow_id: WorkflowId, queues: set[QueueId]) -> None:
        """Once it is committed: what starts its runs looks again."""
        self._bindings.tell(workspace_id, queues)
        for kind in (Kind.EVENT, Kind.SCHEDULE):
            self._hub.publish(int(workspace_id), str(workflow_id), kind)

    async def _purge(self, workspace_id: WorkspaceId, workflow: Workflow, asked: int) -> None:
        try:
            async with self._db.engine(workspace_id) as conn:
                left = await run_rows.open_of_workflow(conn, workspace_id, workflow.workflow_id, None, 1)
                if left:
                    raise Conflict(
                        "workflow.busy",
                        f"The workflow is deleted; {asked} of its runs are being cancelled. Purge it again when they have ended.",
                    )
            gone = _BATCH
            while gone >= _BATCH:
                async with self._db.engine(workspace_id) as conn:
                    gone = await maintenance.delete_runs_of_workflow(conn, workspace_id, workflow.workflow_id, _BATCH)
            async with self._db.engine(workspace_id) as conn:
                await workflows.purge(conn, workspace_id, workflow.workflow_id)
                await workflows.drop_views(conn, workflow.workflow_id)
        except DatabaseUnavailable as error:
            raise Unavailable from error


def _connections(document: Json) -> list[str]:
    """Those that it names, each once."""
    return sorted({one.name for one in connections_of(document)})


async def _draft(conn: Connection, workflow: Workflow) -> Draft:
    draft = await versions.draft(conn, workflow.workspace_id, workflow.workflow_id)
    if draft is None:
        raise NotFound("workflow", workflow.name)
    return draft


async def _document(conn: Connection, workflow: Workflow, name: VersionName) -> Json:
    number = 0 if name == "draft" else workflow.live_version if name == "deployed" else name
    found = None
    if number is not None:
        found = await versions.document(conn, workflow.workspace_id, workflow.workflow_id, number)
    if found is None:
        hint = suggestion(str(name), ["draft", "deployed"])
        raise Problem(404, "version.unknown", f"The workflow {workflow.name!r} has no version {name!r}.{hint}")
    return found
