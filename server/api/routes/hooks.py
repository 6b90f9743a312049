"""The addresses of webhooks: `/hooks/{workspace}/{workflow}/{trigger}`, any method, outside the prefix."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from engine.triggers.webhook import HookRequest
from server.api.body import read_body
from server.api.describe import answering, taking_any
from server.api.services import engine_of
from server.compose import Engine

router = APIRouter(prefix="/hooks", tags=["hooks"])
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


async def receive(
    workspace: str, workflow: str, trigger: str, request: Request, engine: Annotated[Engine, Depends(engine_of)]
) -> Response:
    """Async: 202 `{run_id}`. Sync: the workflow's own answer, else 200 with its output."""
    hook = await engine.webhooks.open(
        HookRequest(
            slug=workspace,
            workflow=workflow,
            trigger=trigger,
            method=request.method,
            headers=tuple(request.headers.items()),
            query=tuple(request.query_params.multi_items()),
        )
    )
    answer = await engine.webhooks.receive(hook, await read_body(request))
    return Response(answer.body, answer.status, headers=dict(answer.headers))


for _method in _METHODS:
    # One operation for each method: an operation's id must be its own.
    router.add_api_route(
        "/{workspace}/{workflow}/{trigger}",
        receive,
        methods=[_method],
        operation_id=f"receive_webhook_{_method.lower()}",
        openapi_extra={**answering({202: "RunId", 200: "Anything"}), **taking_any()},
    )
