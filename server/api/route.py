"""The class of every route below the prefix: it knows its action, lets in who may do it, and answers a repeated write as it did before.

A route without an action can't be built, so none can be forgotten. The order is fixed: who asks, may they, has this write been made
before, then the handler.

Idempotency: a write that names an `Idempotency-Key` takes the key in a commit of its own before the handler runs. A second request
with the key and the same body gets the first one's answer; with another body 422; while the first is at work 409. Only what succeeded is kept: a
refused write changed nothing and may be sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from fastapi import Request, Response
from fastapi.routing import APIRoute

from db import idempotency
from engine.problems import Conflict, Invalid
from modules.sdk.json_bytes import dumps, loads
from server.api.access import Caller
from server.api.body import read_body
from server.api.describe import Gives, answering
from server.api.services import Services, services_of

ACTION = "x-action"
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_LONGEST_KEY = 200
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def does(action: str, gives: Gives, **extra: object) -> dict[str, Any]:
    """The `openapi_extra` of a route: the action that a role must have, and the shapes of its answers, as in the OpenAPI document."""
    return {ACTION: action, **answering(gives), **extra}


class ApiRoute(APIRoute):
    """See the module's text."""

    remembers: ClassVar[bool] = True
    """Whether repeats of a keyed write are met here, for which its body is read whole."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if ACTION not in (self.openapi_extra or {}):
            raise ValueError(f"the route {self.path!r} declares no action: add openapi_extra=does('…')")

    @property
    def action(self) -> str:
        return str((self.openapi_extra or {})[ACTION])

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        action = str((self.openapi_extra or {}).get(ACTION))

        async def guarded(request: Request) -> Response:
            services = services_of(request)
            caller = await services.gate(request, action)
            request.state.caller = caller
            key = request.headers.get("idempotency-key")
            if key is None or request.method not in WRITES or not self.remembers:
                return await handler(request)
            return await _once(services, caller, request, key, handler)

        return guarded


class StreamedRoute(ApiRoute):
    """A route whose body may be too long to be read before it is handled: its handler meets the repeats of a keyed write itself."""

    remembers = False


def check_key(key: str) -> None:
    """Raises `Problem` 422 for what is no Idempotency-Key."""
    if not 0 < len(key) <= _LONGEST_KEY:
        raise Invalid("idempotency.key", f"An Idempotency-Key has 1 to {_LONGEST_KEY} characters.")


async def _once(services: Services, caller: Caller, request: Request, key: str, handler: Handler) -> Response:
    check_key(key)
    # As it was sent, with its escapes: what they stand for may be text that PostgreSQL can't hold.
    path = bytes(request.scope["raw_path"]).decode("latin-1")
    route = f"{request.method} {path}?{request.url.query}"
    body = await read_body(request)
    async with services.engine.db.tenant(caller.workspace_id) as connection:
        begun = await idempotency.begin(connection, caller.workspace_id, key, route, body)
    match begun:
        case "mismatch":
            raise Invalid("idempotency.mismatch", "This Idempotency-Key came before with another request.")
        case "at_work":
            raise Conflict("idempotency.at_work", "The first request with this Idempotency-Key is still being served.")
        case idempotency.Earlier(status, earlier):
            return Response(
                b"" if status == 204 else dumps(earlier),
                status,
                media_type="application/json",
                headers={"Idempotency-Replayed": "true"},
            )
        case "fresh":
            return await _first(services, caller, request, key, handler)


async def _first(services: Services, caller: Caller, request: Request, key: str, handler: Handler) -> Response:
    kept = False
    try:
        response = await handler(request)
        if 200 <= response.status_code < 300:
            content = bytes(response.body)
            async with services.engine.db.tenant(caller.workspace_id) as connection:
                given = loads(content) if content else None
                await idempotency.finish(connection, caller.workspace_id, key, response.status_code, given)
            kept = True
        return response
    finally:
        if not kept:
            async with services.engine.db.tenant(caller.workspace_id) as connection:
                await idempotency.forget(connection, caller.workspace_id, key)
