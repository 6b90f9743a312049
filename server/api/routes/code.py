"""Code of steps, tried out: nothing is saved, and it sees nothing but its input."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from engine.expressions.values import Json
from engine.sandbox.trying import try_code
from server.api.answers import answer
from server.api.body import any_body
from server.api.describe import taking
from server.api.route import ApiRoute, does
from server.api.services import engine_of
from server.compose import Engine

router = APIRouter(route_class=ApiRoute, prefix="/code", tags=["code"])


@router.post("/try", openapi_extra=does("code.try", {200: "Tried"}, **taking("ToTry")))
async def try_(
    body: Annotated[Json, Depends(any_body)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """`{language, source, input?, timeout?, memory_mb?}`: 200 with `value`, or `error` where the code fails; what it printed in `logs`."""
    return answer(await try_code(engine.sandbox, body))
