"""Outside the prefix: is the process alive, is it ready to take runs, and its figures for Prometheus."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST

from db.errors import DatabaseUnavailable
from engine.problems import Problem
from server.api.answers import answer
from server.api.describe import answering
from server.api.services import Services, engine_of, services_of
from server.compose import Engine

router = APIRouter(tags=["system"])


@router.get("/healthz", openapi_extra=answering({200: "Health"}))
async def healthz() -> Response:
    """200 as long as the process serves requests."""
    return answer({"status": "ok"})


@router.get("/readyz", openapi_extra=answering({200: "Health"}))
async def readyz(engine: Annotated[Engine, Depends(engine_of)]) -> Response:
    """200 when runs can be accepted: PostgreSQL answers. Temporal may be away; then runs wait for it."""
    try:
        async with engine.db.engine():
            return answer({"status": "ready", "temporal": engine.carrier.is_there})
    except DatabaseUnavailable:
        raise Problem(503, "database.unavailable", "The database can't be reached.") from None


@router.get("/metrics", openapi_extra=answering({200: "text/plain"}))
async def metrics(services: Annotated[Services, Depends(services_of)]) -> Response:
    """Prometheus's text format."""
    return Response(await services.metrics.text(services.engine.db), media_type=CONTENT_TYPE_LATEST)
