"""The audit trail: who changed what, from where."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from db import audit
from db.audit import Change, Wanted
from db.data import storable
from engine.expressions.values import Json
from engine.problems import Invalid
from engine.runs.filters import moment_in
from engine.runs.pages import bad_cursor
from engine.runs.reading import acting
from engine.views import moment
from server.api.access import Caller, current
from server.api.answers import decode_cursor, encode_cursor, page
from server.api.parameters import Cursor, Limit
from server.api.route import ApiRoute, does
from server.api.services import engine_of
from server.compose import Engine

router = APIRouter(route_class=ApiRoute, prefix="/audit", tags=["audit"])


@router.get("", openapi_extra=does("audit.read", {200: "AuditList"}))
async def list_(
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
    who: Annotated[str | None, Query(description="An e-mail address, a user's id, a key's id or its name.")] = None,
    kind: Annotated[str | None, Query(description="Of object: workflow, queue, variable, api_key …")] = None,
    object_: Annotated[str | None, Query(alias="object", description="An id or a name.")] = None,
    action: Annotated[str | None, Query(description="The right that was used, as workflows.deploy.")] = None,
    change: Annotated[str | None, Query(description="created, changed, deleted, revoked, cancelled …")] = None,
    since: Annotated[str | None, Query(alias="from", description="At or after, RFC 3339.")] = None,
    until: Annotated[str | None, Query(alias="to", description="Before, RFC 3339.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """The newest first. `who` and `from` are null where nobody asked: Millstream itself did it."""
    texts = {"who": who, "kind": kind, "object": object_, "action": action, "change": change}
    for name, text in texts.items():
        if text is not None and not storable(text):
            raise Invalid("filter.invalid", f"{name!r} holds characters that nothing here has.")
    times: dict[str, Json] = {"from": since, "to": until}
    wanted = Wanted(who, kind, object_, action, change, moment_in(times, "from"), moment_in(times, "to"))
    most = limit or 50
    before = _place(decode_cursor(cursor))
    async with acting(engine.db, caller.workspace_id) as connection:
        found = await audit.page(connection, caller.workspace_id, wanted, before, most + 1)
    shown = found[:most]
    more = encode_cursor(shown[-1].at.isoformat(), str(shown[-1].audit_id)) if len(found) > most else None
    return page([_view(one) for one in shown], more)


def _place(cursor: list[Json] | None) -> tuple[datetime, UUID] | None:
    match cursor:
        case None:
            return None
        case [str(at), str(audit_id)]:
            try:
                return datetime.fromisoformat(at).astimezone(UTC), UUID(audit_id)
            except (ValueError, OverflowError):
                raise bad_cursor() from None
        case _:
            raise bad_cursor()


def _view(change: Change) -> dict[str, Json]:
    who: dict[str, Json] = {
        "user_id": change.user_id,
        "email": change.email,
        "api_key_id": None if change.api_key_id is None else str(change.api_key_id),
        "key": change.key_name,
    }
    place: dict[str, Json] = {
        "ip": change.ip,
        "forwarded_for": change.forwarded_for,
        "user_agent": change.user_agent,
        "request_id": change.request_id,
        "route": change.route,
    }
    return {
        "audit_id": str(change.audit_id),
        "at": moment(change.at),
        "who": who if any(value is not None for value in who.values()) else None,
        "action": change.action,
        "change": change.change,
        "object": {"kind": change.kind, "id": change.object_id, "name": change.name},
        "before": change.before,
        "after": change.after,
        "from": place if change.request_id is not None else None,
    }
