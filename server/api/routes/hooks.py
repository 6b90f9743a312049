"""The addresses of webhooks: `/hooks/{workspace}/{workflow}/{trigger}`, any method, outside the prefix."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from engine.problems import Problem
from engine.triggers.hook_request import HookRequest
from server.api.body import Patience, read_body
from server.api.describe import answering, taking_any
from server.api.services import engine_of
from server.compose import Engine

router = APIRouter(prefix="/hooks", tags=["hooks"])
PATIENCE = Patience(idle_s=10.0, whole_s=120.0)
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
            sender=None if request.client is None else request.client.host,
        )
    )
    try:
        body = await read_body(request, patience=PATIENCE)
    except Problem as problem:
        await engine.webhooks.refuse(hook, problem)
        raise
    answer = await engine.webhooks.receive(hook, body)
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
