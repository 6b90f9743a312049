"""Requests in flight when the server is told to stop and has no more time: they are answered 503, and may be sent again.

uvicorn then cancels their tasks, which would answer a bare 500. Whoever sends the same request again with its Idempotency-Key gets the run
that the first one may have begun.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.problems import Problem
from server.api.problems import problem_response


class Interrupted:
    """An ASGI application around the one that may be cut short."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except asyncio.CancelledError:
            if scope["type"] != "http" or begun:
                raise
            detail = "The server stops. Send the request again; with the same Idempotency-Key nothing happens twice."
            problem = Problem(503, "server.stopping", detail, headers={"Retry-After": "1"})
            await problem_response(problem)(scope, receive, send)
