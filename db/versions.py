"""Documents of a workflow: the one draft, and the numbered versions, which never change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from db import workflows
from db.connection import Connection
from db.ids import UserId, WorkflowId, WorkspaceId
from db.json import Json, dumps
from db.statements import rows, values

_NEWEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Draft:
    """`revision` grows with each save."""

    revision: int
    document: Json
    content_hash: str
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """A numbered version without its document. `created_by` is the person's address."""

    version: int
    content_hash: str
    note: str | None
    created_at: datetime
    created_by: str | None
    live: bool


@dataclass(frozen=True, slots=True)
class Deployed:
    """`created` false: an older version had this content, and is live again."""

    version: int
    created: bool


_CREATE_DRAFT = rows("versions", "create_draft", Draft)
_DRAFT = rows("versions", "draft", Draft)
_PUT_DRAFT = rows("versions", "put_draft", Draft)
_PAGE = rows("versions", "page", Version)
_GET = rows("versions", "get", Version)
_DOCUMENT = values("versions", "document", object)
_WITH_CONTENT = values("versions", "with_content", int)
_FREEZE = values("versions", "freeze", int)


async def create_draft(
    connection: Connection,
    workspace_id: WorkspaceId,
    workflow_id: WorkflowId,
    document: Json,
    content_hash: str,
    user_id: UserId | None = None,
) -> Draft:
    """The first draft of a new workflow, in the same transaction as the workflow."""
    return await connection.one(
        _CREATE_DRAFT,
        workspace_id=workspace_id,
        workflow_id=workflow_id,
        document=dumps(document),
        content_hash=content_hash,
        user_id=user_id,
    )


async def draft(connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> Draft | None:
    """None when there is no such workflow."""
    return await connection.maybe(_DRAFT, workspace_id=workspace_id, workflow_id=workflow_id)


async def put_draft(
    connection: Connection,
    workspace_id: WorkspaceId,
    workflow_id: WorkflowId,
    document: Json,
    content_hash: str,
    base_revision: int,
    user_id: UserId | None = None,
) -> Draft | None:
    """Save the draft over revision `base_revision`. None when it isn't the current one any more."""
    return await connection.maybe(
        _PUT_DRAFT,
        workspace_id=workspace_id,
        workflow_id=workflow_id,
        document=dumps(document),
        content_hash=content_hash,
        base_revision=base_revision,
        user_id=user_id,
    )


async def list_versions(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, before: int | None, limit: int
) -> list[Version]:
    """Newest first, older than `before`."""
    return await connection.all(
        _PAGE, workspace_id=workspace_id, workflow_id=workflow_id, below=before or _NEWEST, most=limit
    )


async def get(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, version: int
) -> Version | None:
    return await connection.maybe(_GET, workspace_id=workspace_id, workflow_id=workflow_id, version=version)


async def document(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, version: int
) -> dict[str, Json] | None:
    """The document of a version (0: the draft) as it was saved; None when there is none."""
    found = await connection.maybe(_DOCUMENT, workspace_id=workspace_id, workflow_id=workflow_id, version=version)
    return None if found is None else _document(found)


async def deploy(
    connection: Connection,
    workspace_id: WorkspaceId,
    workflow_id: WorkflowId,
    document: Json,
    content_hash: str,
    *,
    cap: int | None,
    note: str | None = None,
    user_id: UserId | None = None,
) -> Deployed | None:
    """Freeze the document as the next version and make it live; one that has this content already becomes live again.

    `cap` is the document's `max_concurrent_runs`. None when the workflow is gone. In one transaction with whatever the
    caller checked before under `workflows.lock`.
    """
    if await workflows.lock(connection, workspace_id, workflow_id) is None:
        return None
    place = {"workspace_id": workspace_id, "workflow_id": workflow_id}
    existing = await connection.maybe(_WITH_CONTENT, content_hash=content_hash, **place)
    version = existing or await connection.one(
        _FREEZE, document=dumps(document), content_hash=content_hash, note=note, user_id=user_id, **place
    )
    await workflows.set_live(connection, workspace_id, workflow_id, version, cap)
    await workflows.ensure_views(connection, workflow_id)
    return Deployed(version, existing is None)


async def rollback(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, version: int, cap: int | None
) -> Version | None:
    """Make an older version live; the draft stays. None when there is none of that number."""
    if await workflows.lock(connection, workspace_id, workflow_id) is None:
        return None
    if await get(connection, workspace_id, workflow_id, version) is None:
        return None
    await workflows.set_live(connection, workspace_id, workflow_id, version, cap)
    return await get(connection, workspace_id, workflow_id, version)


def _document(found: object) -> dict[str, Json]:
    assert isinstance(found, dict), "a document is an object: it was checked when it was saved"
    return found  # pyright: ignore[reportUnknownVariableType]  # the driver has read it from JSON
