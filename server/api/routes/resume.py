"""The addresses at which waiting steps are answered. The token is all that it takes, so they stand outside the prefix."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from engine.runs.form import PAGE_HEADERS
from server.api.answers import answer
from server.api.body import read_body
from server.api.describe import answering, taking_any
from server.api.services import engine_of
from server.compose import Engine

router = APIRouter(prefix="/resume", tags=["resume"])


@router.get("/{token}", openapi_extra=answering({200: "text/html", 410: "text/html"}))
async def show(token: str, engine: Annotated[Engine, Depends(engine_of)]) -> Response:
    """The form. Looking never resumes: mail scanners and previews follow links."""
    status, page = await engine.resumer.page(token)
    return HTMLResponse(page, status, headers=PAGE_HEADERS)


@router.post("/{token}", openapi_extra={**answering({200: "RunId"}), **taking_any()})
async def post(token: str, request: Request, engine: Annotated[Engine, Depends(engine_of)]) -> Response:
    """JSON or a posted form: 200 `{run_id}`; a second one 409, too late 410, not what the step asks for 422."""
    body = await read_body(request)
    return answer(await engine.resumer.post(token, body, request.headers.get("content-type")))
