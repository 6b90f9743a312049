"""Members: who works in the workspace, and as what."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from db import members
from db.data import storable
from db.ids import UserId
from db.workspaces import Member
from engine.expressions.values import Json
from engine.problems import Conflict, Invalid, NotFound
from engine.runs.pages import bad_cursor
from engine.runs.reading import acting
from server.api.answers import answer, decode_cursor, encode_cursor, page
from server.api.body import Body, json_body
from server.api.describe import taking
from server.api.parameters import Cursor, Limit, Who, With
from server.api.route import ApiRoute, does

router = APIRouter(route_class=ApiRoute, prefix="/members", tags=["members"])
Role = Literal["owner", "editor", "viewer"]


class NewMember(Body):
    email: Annotated[str, Field(min_length=3, max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")]
    role: Role


class RoleChange(Body):
    role: Role


@router.get("", openapi_extra=does("members.read", {200: "MemberList"}))
async def list_(caller: Who, engine: With, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Oldest first."""
    most = limit or 50
    match decode_cursor(cursor):
        case None:
            after = None
        case [int(place)]:
            after = UserId(place)
        case _:
            raise bad_cursor()
    async with acting(engine.db, caller.workspace_id) as connection:
        found = await members.page(connection, caller.workspace_id, after, most + 1)
    shown = found[:most]
    more = encode_cursor(int(shown[-1].user_id)) if len(found) > most else None
    return page([_view(one) for one in shown], more)


@router.post("", status_code=201, openapi_extra=does("members.write", {201: "Member"}, **taking(NewMember)))
async def add(body: Annotated[NewMember, Depends(json_body(NewMember))], caller: Who, engine: With) -> Response:
    """`{email, role}`. They get in with a key that an owner makes for them. 409 for whoever is a member already."""
    if not storable(body.email):
        raise Invalid("request.invalid", "`email` holds characters that can't be kept.")
    async with engine.db.engine(caller.workspace_id) as connection:
        made = await members.add(connection, caller.workspace_id, body.email, body.role)
    if made is None:
        raise Conflict("member.exists", f"{body.email!r} is a member of this workspace already.")
    return answer(_view(made), 201)


@router.patch("/{user_id}", openapi_extra=does("members.write", {200: "Member"}, **taking(RoleChange)))
async def change(
    user_id: str, body: Annotated[RoleChange, Depends(json_body(RoleChange))], caller: Who, engine: With
) -> Response:
    """`{role}`, which holds for their keys at once. 409 where no owner would be left."""
    async with engine.db.engine(caller.workspace_id) as connection:
        done = await members.set_role(connection, caller.workspace_id, _id(user_id), body.role)
    if done == "unknown":
        raise NotFound("member", user_id)
    if done == "last_owner":
        raise _last_owner()
    return answer(_view(done))


@router.delete("/{user_id}", status_code=204, openapi_extra=does("members.write", {204: None}))
async def remove(user_id: str, caller: Who, engine: With) -> Response:
    """They leave, and their keys for this workspace end at once. What they made stays. 409 where no owner would be left."""
    async with engine.db.engine(caller.workspace_id) as connection:
        done = await members.remove(connection, caller.workspace_id, _id(user_id))
    if done == "unknown":
        raise NotFound("member", user_id)
    if done == "last_owner":
        raise _last_owner()
    return Response(status_code=204)


def _last_owner() -> Conflict:
    return Conflict("member.last_owner", "This is the workspace's last owner: make somebody else an owner first.")


def _id(text: str) -> UserId:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("member", text)
    return UserId(int(text))


def _view(member: Member) -> dict[str, Json]:
    return {"user_id": int(member.user_id), "email": member.email, "role": member.role}
