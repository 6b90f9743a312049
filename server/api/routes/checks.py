"""Trying things out without changing any: a document against the validator, an expression against data, the schema of documents."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError, NeedsData
from engine.expressions.template import compile_text
from engine.expressions.values import Json, as_value, to_json
from engine.problems import Invalid
from engine.spec.schema import document_schema
from server.api.access import Caller, current
from server.api.answers import answer
from server.api.body import any_body
from server.api.describe import taking
from server.api.documents import DocumentBody, document_body
from server.api.route import ApiRoute, does
from server.api.services import engine_of
from server.compose import Engine

router = APIRouter(route_class=ApiRoute, tags=["checks"])


@router.post(
    "/validate", openapi_extra=does("documents.validate", {200: "Findings"}, **taking("ToValidate", yaml=True))
)
async def validate(
    body: Annotated[DocumentBody, Depends(document_body)],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """`{document}`, or YAML alone: always 200 with `{findings}`. Nothing is saved and nothing runs."""
    if "document" not in body.given:
        raise Invalid("request.invalid", "Give a `document`.")
    found = await engine.definitions.findings(caller.workspace_id, body.document, body.findings)
    return answer({"findings": found})


@router.post(
    "/expressions/evaluate", openapi_extra=does("expressions.evaluate", {200: "Evaluated"}, **taking("ToEvaluate"))
)
async def evaluate(body: Annotated[Json, Depends(any_body)]) -> Response:
    """`{expression, scope}`: always 200 with `{value}` or `{error: {code, message}}`."""
    given = body if isinstance(body, dict) else {}
    expression, scope = given.get("expression"), given.get("scope", {})
    if not isinstance(expression, str) or not isinstance(scope, dict):
        raise Invalid("request.invalid", "Give an `expression`, which is text, and a `scope`, which is an object.")
    unknown = sorted(set(given) - {"expression", "scope"})
    if unknown:
        raise Invalid("request.invalid", f"{unknown[0]!r} is not known here.")
    try:
        seen = {name: as_value(value) for name, value in scope.items()}
        value = compile_text(expression).evaluate(seen, Budget())
    except ExpressionError as error:
        return answer({"error": {"code": error.code, "message": error.message}})
    except NeedsData:
        raise AssertionError("a scope from a request holds no references") from None
    return answer({"value": to_json(value)})


@router.get("/schema", openapi_extra=does("documents.validate", {200: "Anything"}))
async def schema() -> Response:
    """The JSON Schema of workflow documents, for editors."""
    return answer(document_schema())
