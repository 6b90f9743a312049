"""What is known of endpoints of language models, and what a workspace says of their prices and its budget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from db.connection import Connection
from db.ids import WorkspaceId
from db.statements import command, rows

JsonMode = Literal["json_schema", "json_object", "text"]
TokenLimit = Literal["max_tokens", "max_completion_tokens"]


@dataclass(frozen=True, slots=True)
class Abilities:
    """`token_limit` None: it takes neither name. `age_s`: since it was found."""

    tools: bool
    parallel_tools: bool
    json_mode: str
    streams: bool
    stream_usage: bool
    token_limit: str | None
    temperature: bool
    age_s: float


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens."""

    model: str
    input_usd: Decimal
    output_usd: Decimal
    cache_read_usd: Decimal | None
    cache_write_usd: Decimal | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Budget:
    """Of a day; None: no word of it."""

    daily_tokens: int | None
    daily_usd: Decimal | None


_ABILITIES = rows("llm_settings", "abilities", Abilities)
_PUT_ABILITIES = command("llm_settings", "put_abilities")
_PRICE = rows("llm_settings", "price", Price)
_PRICES = rows("llm_settings", "prices", Price)
_PUT_PRICE = rows("llm_settings", "put_price", Price)
_DELETE_PRICE = command("llm_settings", "delete_price")
_BUDGET = rows("llm_settings", "budget", Budget)
_PUT_BUDGET = command("llm_settings", "put_budget")


async def abilities(connection: Connection, workspace_id: WorkspaceId, endpoint: str, model: str) -> Abilities | None:
    return await connection.maybe(_ABILITIES, workspace_id=workspace_id, endpoint=endpoint, model=model)


async def put_abilities(
    connection: Connection, workspace_id: WorkspaceId, endpoint: str, model: str, found: Abilities
) -> None:
    await connection.count(
        _PUT_ABILITIES,
        workspace_id=workspace_id,
        endpoint=endpoint,
        model=model,
        tools=found.tools,
        parallel_tools=found.parallel_tools,
        json_mode=found.json_mode,
        streams=found.streams,
        stream_usage=found.stream_usage,
        token_limit=found.token_limit,
        temperature=found.temperature,
    )


async def price(connection: Connection, workspace_id: WorkspaceId, model: str) -> Price | None:
    return await connection.maybe(_PRICE, workspace_id=workspace_id, model=model)


async def prices(connection: Connection, workspace_id: WorkspaceId, after: str, limit: int) -> list[Price]:
    """By model."""
    return await connection.all(_PRICES, workspace_id=workspace_id, after=after, most=limit)


async def put_price(
    connection: Connection,
    workspace_id: WorkspaceId,
    model: str,
    *,
    input_usd: Decimal,
    output_usd: Decimal,
    cache_read_usd: Decimal | None,
    cache_write_usd: Decimal | None,
) -> Price:
    return await connection.one(
        _PUT_PRICE,
        workspace_id=workspace_id,
        model=model,
        input_usd=input_usd,
        output_usd=output_usd,
        cache_read_usd=cache_read_usd,
        cache_write_usd=cache_write_usd,
    )


async def delete_price(connection: Connection, workspace_id: WorkspaceId, model: str) -> bool:
    """False: there was none."""
    return await connection.count(_DELETE_PRICE, workspace_id=workspace_id, model=model) > 0


async def budget(connection: Connection, workspace_id: WorkspaceId) -> Budget:
    return await connection.maybe(_BUDGET, workspace_id=workspace_id) or Budget(None, None)


async def put_budget(connection: Connection, workspace_id: WorkspaceId, new: Budget) -> None:
    await connection.count(
        _PUT_BUDGET, workspace_id=workspace_id, daily_tokens=new.daily_tokens, daily_usd=new.daily_usd
    )
