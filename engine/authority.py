"""Whether somebody may use all that a document names: the one question that is asked wherever a document is taken or run.

Saving, deploying, rolling back, running (also with mocks, simulated, or a draft by its webhook), testing and replaying ask it for the one
who acts. What triggers, queues and parent runs start was authorised when it was deployed; they say so by `DEPLOYED`.

Only connections can be kept from somebody who may write documents; variables, queues, workflows and files of a workspace are for all of
its editors, and those of another workspace are found under no name and no id.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from db import connections
from db.connection import Connection
from db.ids import WorkspaceId
from db.workspaces import Role
from engine.expressions.values import Json
from engine.problems import Problem
from engine.spec.named import Named, connections_of

DEPLOYED: Final = "deployed"
Authority: TypeAlias = Role | Literal["deployed"]
"""The role of the one who acts, or `DEPLOYED`."""


async def authorise(conn: Connection, workspace_id: WorkspaceId, document: Json, authority: Authority) -> None:
    """Raises `Problem` 403 `document.forbidden` with a finding for each place that names what isn't for that role."""
    if authority in (DEPLOYED, "owner"):
        return
    named = connections_of(document)
    if not named:
        return
    kept = {known.name for known in await connections.known(conn, workspace_id) if known.usable_by == "owner"}
    refused: list[Json] = [_finding(one) for one in named if one.name in kept]
    if refused:
        names = ", ".join(repr(name) for name in sorted({one.name for one in named} & kept))
        raise Problem(
            403,
            "document.forbidden",
            f"The document names connections that are kept for owners: {names}.",
            extra={"findings": refused},
        )


def _finding(one: Named) -> Json:
    return {
        "code": "connection.forbidden",
        "path": one.path,
        "message": f"the connection {one.name!r} is kept for owners",
        "hint": "ask an owner, or use another connection",
        "severity": "error",
    }
