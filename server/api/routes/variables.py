"""The workspace's variables. Their values are plain: a secret is refused until it can be kept as one."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from db import variables
from db.variables import Variable
from engine.expressions.values import Json
from engine.problems import Conflict, Invalid, NotFound
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

router = APIRouter(route_class=ApiRoute, prefix="/variables", tags=["variables"])
_NAME = "^[A-Za-z_][A-Za-z0-9_]{0,127}$"
Name = Annotated[str, Field(pattern=_NAME)]


class NewVariable(Body):
    name: Name
    value: object
    secret: bool = False


class NewValue(Body):
    value: object
    secret: bool = False


@router.post("", status_code=201, openapi_extra=does("variables.write", {201: "Variable"}, **taking(NewVariable)))
async def create(
    body: Annotated[NewVariable, Depends(json_body(NewVariable))],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """A new variable; 409 when the name is taken."""
    _not_secret(body.secret)
    async with acting(engine.db, caller.workspace_id) as connection:
        made = await variables.create(connection, caller.workspace_id, body.name, _json(body.value), caller.user_id)
    if made is None:
        raise Conflict("variable.taken", f"There is a variable {body.name!r} already.")
    return answer(_view(made), 201)


@router.get("", openapi_extra=does("variables.read", {200: "VariableList"}))
async def list_(
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """By name."""
    most = limit or 50
    place = decode_cursor(cursor)
    after = str(place[0]) if place else None
    async with acting(engine.db, caller.workspace_id) as connection:
        found = await variables.list_variables(connection, caller.workspace_id, after, most + 1)
    shown = found[:most]
    return page([_view(one) for one in shown], encode_cursor(shown[-1].name) if len(found) > most else None)


@router.get("/{name}", openapi_extra=does("variables.read", {200: "Variable"}))
async def get(
    name: str, caller: Annotated[Caller, Depends(current)], engine: Annotated[Engine, Depends(engine_of)]
) -> Response:
    """One variable."""
    async with acting(engine.db, caller.workspace_id) as connection:
        found = await variables.get(connection, caller.workspace_id, _named(name))
    if found is None:
        raise NotFound("variable", name)
    return answer(_view(found))


@router.put("/{name}", openapi_extra=does("variables.write", {200: "Variable"}, **taking(NewValue)))
async def put(
    name: str,
    body: Annotated[NewValue, Depends(json_body(NewValue))],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """Another value. Runs that have begun keep the one that they began with."""
    _not_secret(body.secret)
    async with acting(engine.db, caller.workspace_id) as connection:
        found = await variables.put(connection, caller.workspace_id, _named(name), _json(body.value), caller.user_id)
    if found is None:
        raise NotFound("variable", name)
    return answer(_view(found))


@router.delete("/{name}", status_code=204, openapi_extra=does("variables.write", {204: None}))
async def delete(
    name: str, caller: Annotated[Caller, Depends(current)], engine: Annotated[Engine, Depends(engine_of)]
) -> Response:
    """Gone at once; documents that require it can no longer be deployed."""
    async with acting(engine.db, caller.workspace_id) as connection:
        if not await variables.delete(connection, caller.workspace_id, _named(name)):
            raise NotFound("variable", name)
    return Response(status_code=204)


def _named(name: str) -> str:
    """Raises `NotFound` for what can't be the name of any."""
    if re.fullmatch(_NAME, name) is None:
        raise NotFound("variable", name)
    return name


def _view(variable: Variable) -> dict[str, Json]:
    return {
        "name": variable.name,
        "secret": False,
        "value": variable.value,
        "updated_at": moment(variable.updated_at),
    }


def _json(value: object) -> Json:
    """What a body holds is JSON: it came from the strict reader."""
    return value  # pyright: ignore[reportReturnType]


def _not_secret(secret: bool) -> None:
    if secret:
        detail = "Secret variables can't be kept yet, and a secret is not kept as plain text instead."
        raise Invalid("variable.secret", detail)
