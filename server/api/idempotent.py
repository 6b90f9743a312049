"""A write that names an `Idempotency-Key` is made once: the second request with the key and the same body gets the first one's answer.

The key is taken in a commit of its own before the handler runs. With another body it gets 422; while the first is at work, 409. Only what
succeeded is kept: a refused write changed nothing and may be sent again.

The answer of a route that tells a secret (a new API key) is kept sealed with the workspace's data key, bound to its row; and so is each
answer in a workspace that keeps data of runs encrypted.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response

from db import idempotency, workspaces
from db.data import fitting_key
from engine.expressions.values import Json
from engine.problems import Conflict, Invalid
from modules.sdk.json_bytes import dumps, loads
from server.api.access import Caller
from server.api.body import read_body
from server.api.services import Services
from workspace.keys import Place, Unreadable

_LONGEST_KEY = 200
_SEALED = "sealed"
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def check_key(key: str) -> None:
    """Raises `Problem` 422 for what is no Idempotency-Key."""
    if not 0 < len(key) <= _LONGEST_KEY:
        raise Invalid("idempotency.key", f"An Idempotency-Key has 1 to {_LONGEST_KEY} characters.")


async def once(
    services: Services, caller: Caller, request: Request, key: str, handler: Handler, *, secret: bool
) -> Response:
    """What `handler` answers, or answered. `secret`: nobody who reads the database may read it."""
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
            sealed = secret or (isinstance(earlier, dict) and list(earlier) == [_SEALED])
            content = await _opened(services, caller, key, earlier) if sealed else dumps(earlier)
            return Response(
                b"" if status == 204 else content,
                status,
                media_type="application/json",
                headers={"Idempotency-Replayed": "true"},
            )
        case "fresh":
            return await _first(services, caller, request, key, handler, secret)


def operation_of(request: Request, body: bytes) -> str | None:
    """The name by which a handler makes its one thing once, should the answer be lost between its commit and ours. None without a key."""
    key = request.headers.get("idempotency-key")
    return None if key is None else hashlib.sha256(dumps([key, request.url.path]) + body).hexdigest()


async def _first(
    services: Services, caller: Caller, request: Request, key: str, handler: Handler, secret: bool
) -> Response:
    kept = False
    try:
        response = await handler(request)
        if 200 <= response.status_code < 300:
            content = bytes(response.body)
            given: Json = loads(content) if content else None
            if secret or await _encrypts(services, caller):
                sealed = await services.engine.vault.encrypt(_place(caller, key), content)
                given = {_SEALED: base64.b64encode(sealed).decode()}
            async with services.engine.db.tenant(caller.workspace_id) as connection:
                await idempotency.finish(connection, caller.workspace_id, key, response.status_code, given)
            kept = True
        return response
    finally:
        if not kept:
            async with services.engine.db.tenant(caller.workspace_id) as connection:
                await idempotency.forget(connection, caller.workspace_id, key)


async def _encrypts(services: Services, caller: Caller) -> bool:
    """An answer may hold data of a run."""
    async with services.engine.db.tenant(caller.workspace_id) as connection:
        return await workspaces.encrypts_logs(connection, caller.workspace_id)


async def _opened(services: Services, caller: Caller, key: str, earlier: Json) -> bytes:
    sealed = earlier.get(_SEALED) if isinstance(earlier, dict) else None
    try:
        return await services.engine.vault.decrypt(_place(caller, key), base64.b64decode(str(sealed)))
    except (Unreadable, ValueError):
        detail = "It was done, and its answer can't be opened any more: the key that it was sealed with is gone."
        raise Conflict("idempotency.sealed", detail) from None


def _place(caller: Caller, key: str) -> Place:
    return Place("idempotency_keys", "answer", int(caller.workspace_id), fitting_key(key))
