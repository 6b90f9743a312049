"""The application: routers under their prefix, problems for whatever goes wrong."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Response

from server.api import openapi, problems
from server.api.interrupted import Interrupted
from server.api.routes import (
    audit,
    checks,
    code,
    connection_providers,
    connections,
    copilot,
    copilot_llm_calls,
    email_routes,
    events,
    files,
    hooks,
    inbox,
    keys,
    members,
    modules,
    oauth,
    polls,
    queues,
    resume,
    runs,
    schedules,
    system,
    tasks,
    variables,
    versions,
    workflows,
    workspaces,
)
from server.api.services import Services
from server.metrics import Measured

PREFIX = "/api/v1"
BELOW = (
    workflows,
    versions,
    runs,
    checks,
    code,
    modules,
    queues,
    schedules,
    polls,
    events,
    email_routes,
    inbox,
    tasks,
    files,
    variables,
    connections,
    connection_providers,
    keys,
    members,
    workspaces,
    audit,
    copilot_llm_calls,
    copilot,
)
OUTSIDE = (hooks, resume, oauth, system)


def build_app(services: Services, version: str) -> FastAPI:
    """No pages of documentation are served: they would load scripts from elsewhere. The OpenAPI document is."""
    app = FastAPI(
        title="Millstream",
        version=version,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        default_response_class=Response,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.services = services
    api = APIRouter(prefix=PREFIX)
    for noun in BELOW:
        api.include_router(noun.router)
    app.include_router(api)
    for noun in OUTSIDE:
        app.include_router(noun.router)
    openapi.install(app)
    app.add_middleware(Interrupted)
    app.add_middleware(Measured, metrics=services.metrics)
    problems.install(app, openapi.methods_finder(app))
    return app
