"""Calls of language models, what they cost, and how much of it a workspace may use."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from server.api.answers import answer, decode_cursor, paged
from server.api.describe import taking
from server.api.parameters import Cursor, Given, Limit, Who, With
from server.api.route import ApiRoute, does

router = APIRouter(route_class=ApiRoute, prefix="/copilot", tags=["copilot"])


@router.get("/llm-calls", openapi_extra=does("llm.read", {200: "LlmCallList"}))
async def list_calls(
    caller: Who,
    engine: With,
    conversation: Annotated[str | None, Query(description="Its id.")] = None,
    turn: Annotated[str | None, Query(description="Its id.")] = None,
    run: Annotated[str | None, Query(description="The id of a workflow's run.")] = None,
    status: Annotated[str | None, Query(description="`started`, `ok`, `error`, `cancelled` or `interrupted`.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Every request that was sent to a language model, newest first."""
    return paged(
        await engine.model_calls.list_calls(
            caller.workspace_id,
            conversation=conversation,
            turn=turn,
            run=run,
            status=status,
            cursor=decode_cursor(cursor),
            limit=limit or 50,
        )
    )


@router.get("/llm-calls/{call_id}", openapi_extra=does("llm.read", {200: "WholeLlmCall"}))
async def call(call_id: str, caller: Who, engine: With) -> Response:
    """One of them, with what was sent and what came."""
    return answer(await engine.model_calls.call(caller.workspace_id, call_id))


@router.get("/llm-prices", openapi_extra=does("llm.read", {200: "LlmPriceList"}))
async def list_prices(caller: Who, engine: With, limit: Limit = None, cursor: Cursor = None) -> Response:
    """The workspace's own prices of models, by model. They come before those that the product knows."""
    return paged(await engine.model_calls.list_prices(caller.workspace_id, decode_cursor(cursor), limit or 50))


@router.put("/llm-prices", openapi_extra=does("llm.write", {200: "LlmPrice"}, **taking("NewLlmPrice")))
async def set_price(body: Given, caller: Who, engine: With) -> Response:
    """`{model, input_usd, output_usd, cache_read_usd?, cache_write_usd?}`: what a model costs, in dollars for a million tokens."""
    return answer(await engine.model_calls.set_price(caller.workspace_id, body))


@router.delete("/llm-prices", status_code=204, openapi_extra=does("llm.write", {204: None}))
async def delete_price(caller: Who, engine: With, model: Annotated[str, Query(description="Its name.")]) -> Response:
    """What the product knows of the model's price holds again."""
    await engine.model_calls.delete_price(caller.workspace_id, model)
    return Response(status_code=204)


@router.get("/llm-budget", openapi_extra=does("llm.read", {200: "LlmBudget"}))
async def budget(caller: Who, engine: With) -> Response:
    """What the workspace may use in a day, as far as it says something of its own."""
    return answer(await engine.model_calls.budget(caller.workspace_id))


@router.put("/llm-budget", openapi_extra=does("llm.write", {200: "LlmBudget"}, **taking("NewLlmBudget")))
async def set_budget(body: Given, caller: Who, engine: With) -> Response:
    """`{daily_tokens, daily_usd}`: over one of them nothing more is sent to a model until midnight (UTC)."""
    return answer(await engine.model_calls.set_budget(caller.workspace_id, body))
