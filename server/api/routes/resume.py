"""The addresses at which waiting steps are answered. The token is all that it takes, so they stand outside the prefix."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from engine.runs.form import PAGE_HEADERS
from server.api.answers import answer
from server.api.body import read_body
from server.api.describe import Gives, answering, answering_pages, taking_any
from server.api.services import engine_of
from server.compose import Engine

_POSTED: Gives = {200: "RunId", **dict.fromkeys((400, 409, 410, 413, 415, 422), "Problem")}

router = APIRouter(prefix="/resume", tags=["resume"])


@router.get("/{token}", openapi_extra=answering({200: "text/html", 410: "text/html"}))
async def show(token: str, engine: Annotated[Engine, Depends(engine_of)]) -> Response:
    """The form. Looking never resumes: mail scanners and previews follow links."""
    status, page = await engine.resumer.page(token)
    return HTMLResponse(page, status, headers=PAGE_HEADERS)


@router.post("/{token}", openapi_extra={**answering_pages(_POSTED), **taking_any()})
async def post(token: str, request: Request, engine: Annotated[Engine, Depends(engine_of)]) -> Response:
    """JSON or a posted form: 200 `{run_id}`; a second one 409, too late 410, not what the step asks for 422. A browser gets a page."""
    body = await read_body(request)
    content_type = request.headers.get("content-type")
    if "text/html" in request.headers.get("accept", ""):
        status, page = await engine.resumer.post_page(token, body, content_type)
        return HTMLResponse(page, status, headers=PAGE_HEADERS)
    return answer(await engine.resumer.post(token, body, content_type))
