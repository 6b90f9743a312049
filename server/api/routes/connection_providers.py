"""A workspace's own OAuth clients, which connections refer to by `config.provider`."""

from __future__ import annotations

from fastapi import APIRouter, Response

from server.api.answers import answer, decode_cursor, paged
from server.api.describe import taking
from server.api.parameters import Cursor, Given, Limit, Who, With
from server.api.route import ApiRoute, does

router = APIRouter(route_class=ApiRoute, prefix="/connection-providers", tags=["connections"])


@router.post("", status_code=201, openapi_extra=does("connections.write", {201: "Provider"}, **taking("NewProvider")))
async def create(body: Given, caller: Who, engine: With) -> Response:
    """`{name, config, secret: {client_secret}}`; 409 when the name is taken."""
    return answer(await engine.providers.create(caller.workspace_id, caller.user_id, body), 201)


@router.get("", openapi_extra=does("connections.read", {200: "ProviderList"}))
async def list_(caller: Who, engine: With, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Newest first."""
    return paged(await engine.providers.list_providers(caller.workspace_id, decode_cursor(cursor), limit or 50))


@router.get("/{provider}", openapi_extra=does("connections.read", {200: "Provider"}))
async def get(provider: str, caller: Who, engine: With) -> Response:
    """By id or name, with the connections that refer to it."""
    return answer(await engine.providers.get(caller.workspace_id, provider))


@router.patch("/{provider}", openapi_extra=does("connections.write", {200: "Provider"}, **taking("ProviderChange")))
async def change(provider: str, body: Given, caller: Who, engine: With) -> Response:
    """`config` and `secret`, each whole. Its addresses and `client_id` change only while no connection refers to it: 409."""
    return answer(await engine.providers.change(caller.workspace_id, provider, body))


@router.delete("/{provider}", status_code=204, openapi_extra=does("connections.write", {204: None}))
async def delete(provider: str, caller: Who, engine: With) -> Response:
    """409 while a connection refers to it."""
    await engine.providers.delete(caller.workspace_id, provider)
    return Response(status_code=204)
