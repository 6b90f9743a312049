"""Addresses at which mail starts runs. The table says what its columns mean."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from db.connection import Connection
from db.data import storable
from db.ids import MAX_UUID, RouteId, WorkflowId, WorkspaceId, new_uuid7
from db.statements import command, rows, values
from db.workflows import WorkflowStatus

_ADDRESS = 20
"""Characters of base32: 100 bits."""


@dataclass(frozen=True, slots=True)
class EmailRoute:
    """`address` and `alias` are the parts before the @."""

    workspace_id: WorkspaceId
    route_id: RouteId
    workflow_id: WorkflowId
    workflow: str
    workflow_status: WorkflowStatus
    trigger_id: str
    address: str
    alias: str | None
    live: bool
    allow_from: list[str]

    @property
    def source(self) -> str:
        """Whose events its mails are."""
        return f"email:{self.workflow_id}:{self.trigger_id}"


@dataclass(frozen=True, slots=True)
class WantedRoute:
    """As a version of the workflow has it."""

    trigger_id: str
    alias: str | None
    allow_from: tuple[str, ...]


_BIND = values("email_routes", "bind", bool)
_RELEASE = command("email_routes", "release")
_FIND = rows("email_routes", "find", EmailRoute)
_GET = rows("email_routes", "get", EmailRoute)
_LIST = rows("email_routes", "list_routes", EmailRoute)


async def bind(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, wanted: Sequence[WantedRoute]
) -> WantedRoute | None:
    """The workflow has exactly these. Gives one whose alias is another trigger's, and then the transaction must not be kept."""
    await connection.count(
        _RELEASE,
        workspace_id=workspace_id,
        workflow_id=workflow_id,
        kept=[one.trigger_id for one in wanted],
        aliases=[f"{one.trigger_id} {one.alias}" for one in wanted],
    )
    for one in wanted:
        bound = await connection.one(
            _BIND,
            workspace_id=workspace_id,
            workflow_id=workflow_id,
            trigger_id=one.trigger_id,
            route_id=new_uuid7(),
            address=_new_address(),
            alias=one.alias,
            allow_from=list(one.allow_from),
        )
        if not bound:
            return one
    return None


async def find(connection: Connection, local: str) -> EmailRoute | None:
    """By the part before the @, in lower case; also of a workflow that is paused or deleted."""
    return await connection.maybe(_FIND, local=local) if storable(local) else None


async def get(connection: Connection, workspace_id: WorkspaceId, route_id: RouteId) -> EmailRoute | None:
    return await connection.maybe(_GET, workspace_id=workspace_id, route_id=route_id)


async def list_routes(
    connection: Connection,
    workspace_id: WorkspaceId,
    before: UUID | None,
    limit: int,
    workflow_id: WorkflowId | None = None,
) -> list[EmailRoute]:
    """Newest first."""
    return await connection.all(
        _LIST, workspace_id=workspace_id, below=before or MAX_UUID, workflow_id=workflow_id, most=limit
    )


def _new_address() -> str:
    return base64.b32encode(secrets.token_bytes(13)).decode().lower()[:_ADDRESS]
