"""What workflows can be made of."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from engine.problems import NotFound
from modules.sdk.declaration import EffectByInput, HandlesFromInput, Module
from modules.sdk.json import Json, JsonObject
from server.api.answers import answer, decode_cursor, encode_cursor, page
from server.api.parameters import Cursor, Limit
from server.api.route import ApiRoute, does
from server.api.services import engine_of
from server.compose import Engine

router = APIRouter(route_class=ApiRoute, prefix="/modules", tags=["modules"])


@router.get("", openapi_extra=does("modules.read", {200: "ModuleList"}))
async def list_modules(
    engine: Annotated[Engine, Depends(engine_of)], limit: Limit = None, cursor: Cursor = None
) -> Response:
    """All modules, each in every version, by name."""
    place = decode_cursor(cursor) or ["", 0]
    after = (str(place[0]), place[1] if len(place) > 1 and isinstance(place[1], int) else 0)
    found = [module for module in engine.registry.all() if (module.name, module.version) > after]
    shown = found[: limit or 50]
    more = encode_cursor(shown[-1].name, shown[-1].version) if len(found) > len(shown) else None
    return page([module_view(module) for module in shown], more)


@router.get("/{name}/{version}", openapi_extra=does("modules.read", {200: "Module"}))
async def get_module(name: str, version: int, engine: Annotated[Engine, Depends(engine_of)]) -> Response:
    """One version of one module."""
    found = engine.registry.get(name, version)
    if found is None:
        raise NotFound("module", f"{name}@{version}")
    return answer(module_view(found))


def module_view(module: Module) -> JsonObject:
    """A declaration as people and programs read it. `effect` is `by_input` where an input decides it."""
    by_input = isinstance(module.effect, EffectByInput)
    handles: Json
    if isinstance(module.handles, HandlesFromInput):
        handles = {"from_input": f"{module.handles.field}[].{module.handles.key}", "always": [*module.handles.always]}
    else:
        handles = [*module.handles]
    retry = module.retry
    return {
        "module": module.name,
        "version": module.version,
        "title": module.title,
        "kind": module.kind,
        "effect": "by_input" if by_input else str(module.effect),
        "idempotent": module.idempotent,
        "input_schema": module.input_schema,
        "output_schema": module.output_schema,
        "handles": handles,
        "slots": [*module.slots],
        "timeout": module.timeout,
        "retry": {
            "max_attempts": retry.max_attempts,
            "initial": retry.initial,
            "backoff": retry.backoff,
            "max_interval": retry.max_interval,
            "jitter": retry.jitter,
            "on": [*retry.on],
        },
        "example": {
            "inputs": module.example.inputs,
            "output": module.example.output,
            "handle": module.example.handle,
        },
        "manual": module.manual,
    }
