"""Connections: made, changed, tried, authorized, revoked. No answer holds a secret."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from server.api.answers import answer, decode_cursor, paged
from server.api.describe import taking
from server.api.parameters import Cursor, Given, Limit, Who, With
from server.api.route import ApiRoute, does

router = APIRouter(route_class=ApiRoute, prefix="/connections", tags=["connections"])


@router.post(
    "", status_code=201, openapi_extra=does("connections.write", {201: "Connection"}, **taking("NewConnection"))
)
async def create(body: Given, caller: Who, engine: With) -> Response:
    """`{name, app, kind, config, secret, allowed_hosts?, rate_limit?, use?}`; 409 when the name is taken."""
    return answer(await engine.connections.create(caller.workspace_id, caller.user_id, body), 201)


@router.get("", openapi_extra=does("connections.names", {200: "ConnectionList"}))
async def list_(caller: Who, engine: With, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Newest first. A viewer sees names, apps, kinds and states."""
    found = await engine.connections.list_connections(
        caller.workspace_id, caller.role, decode_cursor(cursor), limit or 50
    )
    return paged(found)


@router.get("/{connection}", openapi_extra=does("connections.read", {200: "Connection"}))
async def get(connection: str, caller: Who, engine: With) -> Response:
    """By id or name, with the workflows that use it."""
    return answer(await engine.connections.get(caller.workspace_id, connection))


@router.patch(
    "/{connection}", openapi_extra=does("connections.write", {200: "Connection"}, **taking("ConnectionChange"))
)
async def change(connection: str, body: Given, caller: Who, engine: With) -> Response:
    """Each of `config`, `secret`, `allowed_hosts`, `rate_limit`, `use` that is given takes the old one's place, whole."""
    return answer(await engine.connections.change(caller.workspace_id, connection, body))


@router.delete("/{connection}", status_code=204, openapi_extra=does("connections.write", {204: None}))
async def delete(
    connection: str,
    caller: Who,
    engine: With,
    force: Annotated[bool, Query(description="Also while deployed workflows use it.")] = False,
) -> Response:
    """409 while deployed workflows use it, unless forced; `used_by` says which. Tokens are given back to their provider."""
    await engine.connections.delete(caller.workspace_id, connection, force=force)
    return Response(status_code=204)


@router.post("/{connection}/test", openapi_extra=does("connections.use", {200: "Trial"}))
async def test(connection: str, caller: Who, engine: With) -> Response:
    """Uses it once, for nothing else: by HTTP a GET of `test_url` (or `base_url`), else a sign-in."""
    return answer(await engine.connections.test(caller.workspace_id, caller.role, connection))


@router.post("/{connection}/authorize", openapi_extra=does("connections.write", {200: "ConsentAddress"}))
async def authorize(connection: str, caller: Who, engine: With) -> Response:
    """`{url}`: where a person consents, in a browser, within a day. The provider sends them back to `/oauth/callback`."""
    return answer(await engine.connections.authorize(caller.workspace_id, caller.user_id, connection))


@router.post("/{connection}/revoke", openapi_extra=does("connections.write", {200: "Connection"}))
async def revoke(connection: str, caller: Who, engine: With) -> Response:
    """Erases its credential, and gives tokens back to their provider. A new secret, or consent, makes it `ok` again."""
    return answer(await engine.connections.revoke(caller.workspace_id, connection))
