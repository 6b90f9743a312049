"""The class of every route below the prefix: it knows its action, lets in who may do it, and says to the audit trail who acts.

A route without an action can't be built, so none can be forgotten. The order is fixed: who asks, may they, has this write been made
before, then the handler. What a handler changes is written down by the database as the caller's doing; whatever leaves no row of its own
is noted by the code that does it (`db.audit.note`).

A stream that stays open asks again now and then, so that a key that was revoked doesn't go on reading.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine
from typing import Any, ClassVar
from uuid import uuid4

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from db.actor import Actor, acting_as
from db.errors import DatabaseUnavailable
from engine.problems import Problem
from server.api.access import Caller
from server.api.describe import Gives, answering
from server.api.idempotent import once
from server.api.services import Services, services_of

ACTION = "x-action"
SECRET = "x-secret-answer"  # noqa: S105 - the name of a flag
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ASKED_AGAIN_S = 15.0
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def does(action: str, gives: Gives, **extra: object) -> dict[str, Any]:
    """The `openapi_extra` of a route: the action that a role must have, and the shapes of its answers, as in the OpenAPI document."""
    return {ACTION: action, **answering(gives), **extra}


def telling_once() -> dict[str, object]:
    """Of a route whose answer holds what is told once: it is kept for repeated requests sealed, or not at all."""
    return {SECRET: True}


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
        secret = SECRET in (self.openapi_extra or {})
        path = self.path_format

        async def guarded(request: Request) -> Response:
            services = services_of(request)
            caller = await services.gate(request, action)
            request.state.caller = caller
            request.state.request_id = uuid4().hex
            if request.method not in WRITES:
                response = await handler(request)
                if isinstance(response, StreamingResponse):
                    response.body_iterator = _while_allowed(response.body_iterator, services, request, action)
            else:
                key = request.headers.get("idempotency-key")
                with acting_as(_actor(request, caller, action, path)):
                    if key is None or not self.remembers:
                        response = await handler(request)
                    else:
                        response = await once(services, caller, request, key, handler, secret=secret)
            response.headers["X-Request-Id"] = request.state.request_id
            return response

        return guarded


class StreamedRoute(ApiRoute):
    """A route whose body may be too long to be read before it is handled: its handler meets the repeats of a keyed write itself."""

    remembers = False


def _actor(request: Request, caller: Caller, action: str, path: str) -> Actor:
    return Actor(
        action=action,
        route=f"{request.method} {path}",
        request_id=request.state.request_id,
        ip=None if request.client is None else request.client.host,
        forwarded_for=request.headers.get("x-forwarded-for"),
        user_agent=request.headers.get("user-agent"),
        user_id=caller.user_id,
        email=caller.email,
        api_key_id=caller.api_key_id,
        key_name=caller.key_name,
    )


async def _while_allowed(
    body: AsyncIterable[Any], services: Services, request: Request, action: str
) -> AsyncGenerator[Any]:
    """The parts of a stream for as long as its caller may have them. A stream where nothing happens sends comments, so it is asked then too."""
    asked = time.monotonic()
    try:
        async for part in body:
            if time.monotonic() - asked >= _ASKED_AGAIN_S:
                try:
                    await services.gate(request, action)
                except Problem:
                    return
                except DatabaseUnavailable:
                    # Nothing is known of the key; the stream finds out about the database by itself.
                    pass
                asked = time.monotonic()
            yield part
    finally:
        if isinstance(body, AsyncGenerator):
            await body.aclose()
