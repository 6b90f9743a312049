"""The OpenAPI document: what the routes declare, and what holds for all of them alike.

Every operation says which problems it may answer with (one shape for all), keyed ones that they need a key, writes that they take an
`Idempotency-Key`. It is built once, when it is first asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

from fastapi import FastAPI
from starlette.routing import compile_path

from server.api.connection_shapes import CONNECTION_ANSWERS, CONNECTION_REQUESTS
from server.api.copilot_shapes import COPILOT_ANSWERS, COPILOT_REQUESTS
from server.api.file_shapes import FILE_ANSWERS, FILE_REQUESTS
from server.api.llm_shapes import LLM_ANSWERS, LLM_REQUESTS
from server.api.people_shapes import PEOPLE_ANSWERS
from server.api.queue_shapes import QUEUE_ANSWERS, QUEUE_REQUESTS
from server.api.route import ACTION, WRITES
from server.api.shapes import ANSWERS, REQUESTS
from server.api.trigger_shapes import TRIGGER_ANSWERS, TRIGGER_REQUESTS

_PROBLEMS: dict[int, str] = {
    400: "The body is malformed.",
    401: "There is no key, or it doesn't hold.",
    403: "The key's role may not do this.",
    404: "What the address names isn't there, or isn't yours.",
    405: "The address takes other methods.",
    409: "The state has moved on, or the same write is at work.",
    410: "It was there, and is over.",
    413: "The body is too long.",
    415: "A body of that type can't be taken.",
    416: "The file has no such part.",
    422: "Well-formed, but not acceptable; `findings` or `errors` say where.",
    429: "Too many requests.",
    500: "The run failed.",
    503: "The database can't be reached; nothing was accepted.",
    504: "The run has not answered in time; it goes on.",
    507: "The store of files has no room left.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request again within 24 hours gets the first one's answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}
_OUTSIDE: dict[str, tuple[int, ...]] = {
    "/hooks/": (400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429, 500, 503, 504),
    "/resume/": (400, 404, 409, 410, 413, 415, 422, 503),
    "/readyz": (503,),
}
Node = dict[str, Any]


def install(app: FastAPI) -> None:
    """Replaces the document that FastAPI would give."""
    plain = app.openapi

    def described() -> Node:
        if app.openapi_schema is None or "securitySchemes" not in app.openapi_schema.get("components", {}):
            app.openapi_schema = _described(plain())
        return app.openapi_schema

    app.openapi = described


def methods_finder(app: FastAPI) -> Callable[[str], list[str]]:
    """Gives a function that tells which methods an address takes, over all routes: none where it knows no such address."""
    known: list[tuple[re.Pattern[str], list[str]]] = []

    def methods(path: str) -> list[str]:
        if not known:
            for template, operations in cast("dict[str, Node]", app.openapi()["paths"]).items():
                known.append((compile_path(template)[0], [method.upper() for method in operations]))
        return sorted({method for pattern, taken in known if pattern.match(path) for method in taken})

    return methods


def _described(document: Node) -> Node:
    document["components"] = {
        "schemas": {
            **REQUESTS,
            **QUEUE_REQUESTS,
            **TRIGGER_REQUESTS,
            **LLM_REQUESTS,
            **COPILOT_REQUESTS,
            **CONNECTION_REQUESTS,
            **FILE_REQUESTS,
            **ANSWERS,
            **QUEUE_ANSWERS,
            **TRIGGER_ANSWERS,
            **LLM_ANSWERS,
            **COPILOT_ANSWERS,
            **CONNECTION_ANSWERS,
            **FILE_ANSWERS,
            **PEOPLE_ANSWERS,
        },
        "responses": {
            str(status): {"description": told, "content": {"application/problem+json": {"schema": _PROBLEM}}}
            for status, told in _PROBLEMS.items()
        },
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key of the workspace."}},
    }
    for path, operations in cast("dict[str, Node]", document["paths"]).items():
        for method, operation in operations.items():
            _complete(path, method.upper(), operation)
    return document


_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def _complete(path: str, method: str, operation: Node) -> None:
    answers: Node = operation["responses"]
    own: Node = answers.get("422", {}).get("content", {})
    if own.pop("application/json", None) is not None and not own:  # FastAPI's shape, which no route gives
        del answers["422"]
    parameters: list[Node] = operation.setdefault("parameters", [])
    problems = next((found for prefix, found in _OUTSIDE.items() if path.startswith(prefix)), ())
    if ACTION in operation:
        operation["security"] = [{"key": []}]
        problems = (401, 403, 503)
        if "{" in path or "/runs/" in path:
            problems += (404,)
        if "requestBody" in operation:
            problems += (400, 413, 422)
        if method in WRITES:
            parameters.append(_KEY)
            problems += (409, 413, 422)
        if parameters:
            problems += (422,)
        if any(parameter["in"] == "query" for parameter in parameters):
            problems += (404,)
    for status in sorted(set(problems)):
        answers.setdefault(str(status), {"$ref": f"#/components/responses/{status}"})
