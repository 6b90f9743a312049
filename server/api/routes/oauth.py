"""`/oauth/callback`: where providers send people back to. Outside the prefix, without a key: the `state` is one, for one use.

The page is plain and shows nothing of what the request held.
"""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from db.errors import DatabaseUnavailable
from server.api.describe import answering
from server.api.services import engine_of
from server.compose import Engine
from workspace.connections.oauth.consent import Answer, NoConsent

router = APIRouter(prefix="/oauth", tags=["connections"])
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_Text = Annotated[str | None, Query()]


@router.get(
    "/callback",
    openapi_extra=answering({200: "text/html", 400: "text/html", 503: "text/html"}),
)
async def callback(
    engine: Annotated[Engine, Depends(engine_of)],
    state: _Text = None,
    code: _Text = None,
    error: _Text = None,
    iss: _Text = None,
) -> Response:
    """Ends a consent: the connection then has its tokens, or the page says why not."""
    try:
        await engine.consents.end(Answer(state, code, error, iss))
    except NoConsent as problem:
        return _page(400, "Not authorized", problem.reason)
    except DatabaseUnavailable:
        return _page(503, "Not now", "The database can't be reached. Load this page again in a moment.")
    return _page(200, "Authorized", "The connection is ready. You may close this page.")


def _page(status: int, title: str, text: str) -> Response:
    body = f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title><h1>{escape(title)}</h1><p>{escape(text)}</p>\n"
    return Response(body, status, headers=_HEADERS, media_type="text/html")
