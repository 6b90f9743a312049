"""Workspaces: the one that the caller's key belongs to, and new ones beside it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from db import api_keys, workspaces
from db.connection import Connection
from db.data import storable
from db.workspaces import Workspace
from engine.expressions.values import Json
from engine.problems import Conflict, Invalid, NotFound
from engine.runs.reading import acting
from server.api.access import Caller, current
from server.api.answers import answer, page
from server.api.body import Body, json_body, read_body
from server.api.describe import taking
from server.api.idempotent import operation_of
from server.api.route import ApiRoute, does, telling_once
from server.api.services import engine_of
from server.compose import Engine

router = APIRouter(route_class=ApiRoute, prefix="/workspaces", tags=["workspaces"])
Name = Annotated[str, Field(min_length=1, max_length=200)]


class NewWorkspace(Body):
    slug: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")]
    name: Name | None = None


class WorkspaceChange(Body):
    name: Name | None = None
    encrypt_logs: bool | None = None


@router.get("", openapi_extra=does("workspace.read", {200: "WorkspaceList"}))
async def list_(caller: Annotated[Caller, Depends(current)], engine: Annotated[Engine, Depends(engine_of)]) -> Response:
    """A list of one: a key belongs to one workspace. `role` is the caller's in it."""
    async with acting(engine.db, caller.workspace_id) as connection:
        found = await workspaces.get(connection, caller.workspace_id)
    assert found is not None, "a key's workspace can't be deleted while the key holds"
    return page([_view(found, caller.role)], None)


@router.post(
    "",
    status_code=201,
    openapi_extra=does("workspaces.create", {201: "NewWorkspace"}, **taking(NewWorkspace), **telling_once()),
)
async def create(
    request: Request,
    body: Annotated[NewWorkspace, Depends(json_body(NewWorkspace))],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """`{slug, name?}`: an empty workspace that the caller's person owns, and their first key for it, which is in this answer and nowhere else.

    409 when the slug is taken. The slug never changes: the addresses of webhooks hold it.
    """
    if caller.user_id is None:
        raise Conflict("workspace.no_person", "The key belongs to nobody, so nobody would own the workspace.")
    name = body.name or body.slug
    _check(name)
    operation = operation_of(request, await read_body(request))
    async with engine.db.engine() as connection:
        made = await workspaces.create(connection, body.slug, name)
        if made is None:
            again = None if operation is None else await _again(connection, body.slug, operation)
            if again is None:
                raise Conflict("workspace.taken", f"There is a workspace {body.slug!r} already.")
            made, (key, text) = again
        else:
            await workspaces.put_role(connection, made.workspace_id, caller.user_id, "owner")
            first = await api_keys.create_once(
                connection,
                made.workspace_id,
                operation,
                name="first key",
                role="owner",
                user_id=caller.user_id,
                scopes=["api", "hook"],
            )
            assert first is not None, "a new workspace has no keys"
            key, text = first
    return answer({**_view(made, "owner"), "api_key_id": str(key.api_key_id), "key": text}, 201)


@router.patch("/{workspace}", openapi_extra=does("workspace.write", {200: "Workspace"}, **taking(WorkspaceChange)))
async def change(
    workspace: str,
    body: Annotated[WorkspaceChange, Depends(json_body(WorkspaceChange))],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """`{name?, encrypt_logs?}`. By id or slug; only the workspace of the key.

    With `encrypt_logs` data of runs is kept encrypted from then on, within seconds for all processes: inputs, outputs, errors and logs,
    which `q` then doesn't find.
    """
    if body.name is not None:
        _check(body.name)
    if workspace not in (caller.slug, str(int(caller.workspace_id))):
        raise NotFound("workspace", workspace)
    async with acting(engine.db, caller.workspace_id) as connection:
        found = await workspaces.change(connection, caller.workspace_id, name=body.name, encrypt_logs=body.encrypt_logs)
    assert found is not None, "a key's workspace can't be deleted while the key holds"
    return answer(_view(found, caller.role))


async def _again(
    connection: Connection, slug: str, operation: str
) -> tuple[Workspace, tuple[api_keys.ApiKey, str]] | None:
    """The workspace that this very request made, whose answer was lost."""
    found = await workspaces.by_slug(connection, slug)
    if found is None:
        return None
    key = await api_keys.reissue(connection, found.workspace_id, operation)
    return None if key is None else (found, key)


def _check(name: str) -> None:
    if not storable(name):
        raise Invalid("request.invalid", "`name` holds characters that can't be kept.")


def _view(found: Workspace, role: str) -> dict[str, Json]:
    return {
        "workspace_id": int(found.workspace_id),
        "slug": found.slug,
        "name": found.name,
        "role": role,
        "encrypt_logs": found.encrypt_logs,
    }
