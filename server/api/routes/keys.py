"""API keys: shown once, kept as hashes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, Field

from db import api_keys
from db.api_keys import ApiKey
from db.ids import ApiKeyId
from engine.expressions.values import Json
from engine.problems import Invalid, NotFound
from engine.runs.pages import cursor_id
from engine.runs.reading import acting
from engine.views import moment
from server.api.access import Caller, current
from server.api.answers import answer, decode_cursor, encode_cursor, page
from server.api.body import Body, json_body
from server.api.describe import taking
from server.api.parameters import Cursor, Limit
from server.api.route import ApiRoute, does
from server.api.services import engine_of
from server.compose import Engine

router = APIRouter(route_class=ApiRoute, prefix="/api-keys", tags=["keys"])


class NewKey(Body):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    role: Literal["owner", "editor", "viewer"] = "editor"
    scopes: list[Literal["hook"]] = Field(default_factory=list[Literal["hook"]])
    expires_at: Annotated[AwareDatetime | None, Field(strict=False)] = None


@router.post("", status_code=201, openapi_extra=does("keys.write", {201: "NewApiKey"}, **taking(NewKey)))
async def create(
    body: Annotated[NewKey, Depends(json_body(NewKey))],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """A new key. `key` is in this answer and nowhere else."""
    if body.expires_at is not None and body.expires_at <= datetime.now(body.expires_at.tzinfo):
        raise Invalid("key.expired", "`expires_at` lies in the past.")
    async with acting(engine.db, caller.workspace_id) as connection:
        made, text = await api_keys.create(
            connection,
            caller.workspace_id,
            name=body.name,
            role=body.role,
            user_id=caller.user_id,
            scopes=body.scopes,
            expires_at=body.expires_at,
        )
    return answer({**_view(made), "key": text}, 201)


@router.get("", openapi_extra=does("keys.read", {200: "ApiKeyList"}))
async def list_(
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Keys that hold or have expired, newest first."""
    most = limit or 50
    place = cursor_id(decode_cursor(cursor))
    before = None if place is None else ApiKeyId(place)
    async with acting(engine.db, caller.workspace_id) as connection:
        found = await api_keys.list_keys(connection, caller.workspace_id, before, most + 1)
    shown = found[:most]
    more = encode_cursor(str(shown[-1].api_key_id)) if len(found) > most else None
    return page([_view(one) for one in shown], more)


@router.delete("/{api_key_id}", status_code=204, openapi_extra=does("keys.write", {204: None}))
async def revoke(
    api_key_id: str, caller: Annotated[Caller, Depends(current)], engine: Annotated[Engine, Depends(engine_of)]
) -> Response:
    """Ends the key at once."""
    async with acting(engine.db, caller.workspace_id) as connection:
        if not await api_keys.revoke(connection, caller.workspace_id, _id(api_key_id)):
            raise NotFound("api key", api_key_id)
    return Response(status_code=204)


def _id(text: str) -> ApiKeyId:
    try:
        return ApiKeyId(UUID(text))
    except ValueError:
        raise NotFound("api key", text) from None


def _view(key: ApiKey) -> dict[str, Json]:
    return {
        "api_key_id": str(key.api_key_id),
        "name": key.name,
        "prefix": key.prefix,
        "role": key.role,
        "scopes": [*key.scopes],
        "created_at": moment(key.created_at),
        "expires_at": moment(key.expires_at),
        "last_used_at": moment(key.last_used_at),
    }
