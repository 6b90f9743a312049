"""The workspace's variables. The value of a secret one goes in and never comes out again."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from db import variables
from db.errors import DatabaseUnavailable
from db.ids import VariableId
from db.variables import Variable
from engine.expressions.values import Json
from engine.problems import Conflict, Invalid, NotFound, Unavailable
from engine.runs.reading import acting
from engine.views import moment
from server.api.access import Caller, current
from server.api.answers import answer, decode_cursor, encode_cursor, page
from server.api.body import Body, json_body
from server.api.describe import taking
from server.api.parameters import Cursor, Limit
from server.api.route import ApiRoute, does
from server.api.services import Services, engine_of, services_of
from server.compose import Engine
from workspace.secrets.variables import BadSecret, ClosedSecret

router = APIRouter(route_class=ApiRoute, prefix="/variables", tags=["variables"])
_NAME = "^[A-Za-z_][A-Za-z0-9_]{0,127}$"
SECRETS = "secrets.write"
"""The action that a secret needs besides that of the route."""
Name = Annotated[str, Field(pattern=_NAME)]


class NewVariable(Body):
    name: Name
    value: object
    secret: bool = False


class NewValue(Body):
    value: object
    secret: bool | None = None


@router.post("", status_code=201, openapi_extra=does("variables.write", {201: "Variable"}, **taking(NewVariable)))
async def create(
    request: Request,
    body: Annotated[NewVariable, Depends(json_body(NewVariable))],
    caller: Annotated[Caller, Depends(current)],
    services: Annotated[Services, Depends(services_of)],
) -> Response:
    """A new variable; 409 when the name is taken. Only an owner makes a secret one, and its value never comes back."""
    engine, value, row, closed = services.engine, _json(body.value), None, None
    if body.secret:
        await services.gate(request, SECRETS)
        secret = await _closed(engine, caller, value)
        value, row, closed = secret.shape, secret.variable_id, secret.closed
    async with acting(engine.db, caller.workspace_id) as connection:
        made = await variables.create(
            connection, caller.workspace_id, body.name, value, caller.user_id, variable_id=row, closed=closed
        )
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
    request: Request,
    name: str,
    body: Annotated[NewValue, Depends(json_body(NewValue))],
    caller: Annotated[Caller, Depends(current)],
    services: Annotated[Services, Depends(services_of)],
) -> Response:
    """Another value. Runs that have begun keep a plain one that they began with; a secret is read at each attempt.

    A secret stays one unless `secret` says otherwise. Only an owner changes a secret, or what is secret.
    """
    engine, value = services.engine, _json(body.value)
    found = await _found(engine, caller, name)
    secret = found.secret if body.secret is None else body.secret
    if secret or found.secret:
        await services.gate(request, SECRETS)
    if secret:
        closed = await _closed(engine, caller, value, found.variable_id)
        shape, given = closed.shape, closed.closed
    else:
        shape, given = value, None
    async with acting(engine.db, caller.workspace_id) as connection:
        changed = await variables.put(connection, caller.workspace_id, found, shape, caller.user_id, closed=given)
    if changed is None:
        raise _moved(name)
    return answer(_view(changed))


@router.delete("/{name}", status_code=204, openapi_extra=does("variables.write", {204: None}))
async def delete(
    request: Request,
    name: str,
    caller: Annotated[Caller, Depends(current)],
    services: Annotated[Services, Depends(services_of)],
) -> Response:
    """Gone at once; documents that require it can no longer be deployed. Only an owner deletes a secret."""
    engine = services.engine
    found = await _found(engine, caller, name)
    if found.secret:
        await services.gate(request, SECRETS)
    async with acting(engine.db, caller.workspace_id) as connection:
        if not await variables.delete(connection, caller.workspace_id, found):
            raise _moved(name)
    return Response(status_code=204)


async def _found(engine: Engine, caller: Caller, name: str) -> Variable:
    """Raises `NotFound`."""
    async with acting(engine.db, caller.workspace_id) as connection:
        found = await variables.get(connection, caller.workspace_id, _named(name))
    if found is None:
        raise NotFound("variable", name)
    return found


async def _closed(engine: Engine, caller: Caller, value: Json, variable_id: VariableId | None = None) -> ClosedSecret:
    """Raises `Invalid`, `Unavailable`."""
    try:
        return await engine.secrets.close(caller.workspace_id, value, variable_id)
    except BadSecret as error:
        raise Invalid("variable.secret", str(error)) from None
    except DatabaseUnavailable as error:
        raise Unavailable from error


def _moved(name: str) -> Conflict:
    return Conflict(
        "variable.changed", f"Somebody else changed the variable {name!r} meanwhile: look at it and try again."
    )


def _named(name: str) -> str:
    """Raises `NotFound` for what can't be the name of any."""
    if re.fullmatch(_NAME, name) is None:
        raise NotFound("variable", name)
    return name


def _view(variable: Variable) -> dict[str, Json]:
    shown: dict[str, Json] = {
        "name": variable.name,
        "secret": variable.secret,
        "updated_at": moment(variable.updated_at),
    }
    return shown if variable.secret else {**shown, "value": variable.value}


def _json(value: object) -> Json:
    """What a body holds is JSON: it came from the strict reader."""
    return value  # pyright: ignore[reportReturnType]
