"""API keys: shown once, kept as hashes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, Field

from db import api_keys, members
from db.api_keys import ApiKey
from db.data import storable
from db.ids import ApiKeyId, UserId
from engine.expressions.nearest import suggestion
from engine.expressions.values import Json
from engine.problems import Conflict, Invalid, NotFound, Problem
from engine.runs.pages import cursor_id
from engine.runs.reading import acting
from engine.views import moment
from server.api.access import Caller, Rights, current
from server.api.answers import answer, decode_cursor, encode_cursor, page
from server.api.body import Body, json_body, read_body
from server.api.describe import taking
from server.api.idempotent import operation_of
from server.api.parameters import Cursor, Limit
from server.api.route import ApiRoute, does, telling_once
from server.api.services import engine_of, rights_of
from server.compose import Engine

router = APIRouter(route_class=ApiRoute, prefix="/api-keys", tags=["keys"])


class NewKey(Body):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    role: Literal["owner", "editor", "viewer"] = "editor"
    scopes: Annotated[list[str], Field(max_length=50)] = Field(default_factory=list[str])
    expires_at: Annotated[AwareDatetime | None, Field(strict=False)] = None
    user_id: Annotated[int | None, Field(ge=1, lt=2**63)] = None


@router.post(
    "", status_code=201, openapi_extra=does("keys.write", {201: "NewApiKey"}, **taking(NewKey), **telling_once())
)
async def create(
    request: Request,
    body: Annotated[NewKey, Depends(json_body(NewKey))],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
    rights: Annotated[Rights, Depends(rights_of)],
) -> Response:
    """A new key. `key` is in this answer and nowhere else. It is the caller's, or with `user_id` another member's."""
    if body.expires_at is not None and body.expires_at <= datetime.now(body.expires_at.tzinfo):
        raise Invalid("key.expired", "`expires_at` lies in the past.")
    if not storable(body.name):
        raise Invalid("request.invalid", "`name` holds characters that can't be kept.")
    _check_scopes(body.scopes, caller, rights)
    async with acting(engine.db, caller.workspace_id) as connection:
        user_id = caller.user_id
        if body.user_id is not None:
            user_id = UserId(body.user_id)
            if await members.get(connection, caller.workspace_id, user_id) is None:
                raise Invalid("member.unknown", f"There is no member {int(user_id)} in this workspace.")
        made = await api_keys.create_once(
            connection,
            caller.workspace_id,
            operation_of(request, await read_body(request)),
            name=body.name,
            role=body.role,
            user_id=user_id,
            scopes=body.scopes,
            expires_at=body.expires_at,
        )
    if made is None:
        raise Conflict("key.used", "This request made a key that somebody has used since: its text isn't told again.")
    key, text = made
    return answer({**_view(key), "key": text}, 201)


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


def _check_scopes(scopes: Sequence[str], caller: Caller, rights: Rights) -> None:
    """Raises `Invalid` for one that isn't, `Problem` 403 where a narrowed key would make one that may do more than itself."""
    known = rights.scopes()
    for scope in scopes:
        if scope not in known:
            hint = suggestion(scope, known)
            raise Invalid("key.scope_unknown", f"There is no scope {scope!r}.{hint} Scopes are {', '.join(known)}.")
    if caller.narrowed and not (scopes and caller.scopes.issuperset(scopes)):
        raise Problem(403, "key.scope", "A key with scopes makes only keys that have no other scopes than its own.")


def _id(text: str) -> ApiKeyId:
    try:
        return ApiKeyId(UUID(text))
    except ValueError:
        raise NotFound("api key", text) from None


def _view(key: ApiKey) -> dict[str, Json]:
    return {
        "api_key_id": str(key.api_key_id),
        "user_id": key.user_id,
        "name": key.name,
        "prefix": key.prefix,
        "role": key.role,
        "scopes": [*key.scopes],
        "created_at": moment(key.created_at),
        "expires_at": moment(key.expires_at),
        "last_used_at": moment(key.last_used_at),
    }
