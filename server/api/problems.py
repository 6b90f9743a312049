"""Every refusal leaves as `application/problem+json` (RFC 9457) with `type title status detail code` and what the problem adds.

Nothing unforeseen reaches the caller: an unexpected exception becomes a plain 500 with an id that stands beside the traceback in the
server's log.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, TypedDict, cast
from uuid import uuid4

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from db.errors import DatabaseUnavailable
from engine.problems import Problem, Unavailable
from modules.sdk.json_bytes import dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from engine.expressions.values import Json

MEDIA_TYPE = "application/problem+json"
log = structlog.get_logger("millstream.api")


def problem_response(problem: Problem) -> Response:
    """The answer for one problem. Its `type` is `about:blank`: what tells problems apart is `code`."""
    content: dict[str, Json] = {
        "type": "about:blank",
        "title": problem.title or HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
    }
    content.update(problem.extra)
    return Response(dumps(content), problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def install(app: FastAPI, methods: Callable[[str], list[str]]) -> None:
    """Registers the handlers; they are the only place where an exception turns into an answer. `methods` are those that an address takes."""

    async def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return problem_response(error)

    async def on_unavailable(_: Request, error: Exception) -> Response:
        assert isinstance(error, DatabaseUnavailable)
        return problem_response(Unavailable())

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        taken = methods(request.url.path) if error.status_code == 405 else []
        return problem_response(_from_http(error, taken))

    async def on_parameters(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(invalid_request(error.errors()))

    async def on_unexpected(request: Request, error: Exception) -> Response:
        reference = uuid4().hex[:12]
        log.error("request failed", reference=reference, path=request.url.path, exc_info=error)
        detail = f"Something in Millstream went wrong; the server's log has it under {reference}."
        return problem_response(Problem(500, "internal", detail, extra={"reference": reference}))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(DatabaseUnavailable, on_unavailable)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_parameters)
    app.add_exception_handler(Exception, on_unexpected)


class Mistake(TypedDict, total=False):
    """What we use of pydantic's errors."""

    loc: tuple[int | str, ...]
    msg: str


def invalid_request(errors: Sequence[object]) -> Problem:
    """422 with one finding per mistake, `path` a JSON Pointer into the body or the name of a parameter."""
    findings: list[Json] = []
    for error in cast("Sequence[Mistake]", errors):
        place = [str(part) for part in error.get("loc", ())]
        if place and place[0] in {"body", "query", "path", "header"}:
            place = place[1:]
        findings.append(
            {
                "code": "request.invalid",
                "path": "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in place),
                "message": str(error.get("msg", "is not valid")),
                "hint": None,
                "severity": "error",
            }
        )
    first = findings[0] if findings else {"path": "", "message": "is not valid"}
    assert isinstance(first, dict)
    detail = f"The request is not valid at {first['path'] or '/'}: {first['message']}."
    return Problem(422, "request.invalid", detail, extra={"findings": findings})


def _from_http(error: HTTPException, taken: list[str]) -> Problem:
    """`taken`: the framework knows the methods of one route, and an address may have several."""
    headers: Mapping[str, str] = {"Allow": ", ".join(taken)} if taken else error.headers or {}
    match error.status_code:
        case 404:
            return Problem(404, "route.unknown", "There is nothing at this address.")
        case 405:
            return Problem(405, "method.not_allowed", "This address does not take that method.", headers=headers)
        case _:
            return Problem(error.status_code, f"http.{error.status_code}", str(error.detail), headers=headers)
