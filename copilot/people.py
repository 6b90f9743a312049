"""Who talks: what a turn's row says of the person for whom it acts."""

from __future__ import annotations

from typing import cast

from copilot.tools.tool import Asker
from db.ids import UserId, WorkspaceId
from db.json import Json
from db.workspaces import Role


def key_of(user_id: UserId | None, api_key_id: object) -> str:
    """By whom a conversation is found again: the person, else the key that no person has."""
    return f"key:{api_key_id}" if user_id is None else f"user:{user_id}"


def dumped(asker: Asker) -> Json:
    """As the turn's row keeps it."""
    return {"user_id": asker.user_id, "name": asker.name, "role": asker.role, "slug": asker.slug}


def loaded(workspace_id: WorkspaceId, kept: Json) -> Asker:
    """The other way round."""
    told = cast("dict[str, Json]", kept)
    user = told["user_id"]
    return Asker(
        workspace_id,
        str(told["slug"]),
        UserId(user) if isinstance(user, int) else None,
        str(told["name"]),
        cast("Role", told["role"]),
    )
