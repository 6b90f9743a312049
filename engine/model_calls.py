"""The log of calls of language models as people see it, and what a workspace says of prices and its budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import cast, get_args
from uuid import UUID

from db import copilot_llm_calls, llm_settings
from db.connection import Connection
from db.copilot_llm_calls import Call, Filter, Status
from db.data import storable
from db.ids import WorkspaceId
from db.llm_settings import Budget, Price
from db.log_seal import UnreadableData
from db.pool import Database
from engine.expressions.values import Json
from engine.problems import Invalid, NotFound
from engine.runs.pages import Page, bad_cursor, cursor_id
from engine.runs.reading import acting
from engine.runs.request_body import object_of
from engine.views import moment

JsonObject = dict[str, Json]

_STATUSES = get_args(Status)
_PRICE = ("model", "input_usd", "output_usd", "cache_read_usd", "cache_write_usd")
_LONGEST_MODEL = 200
_MOST_USD = Decimal(1_000_000_000)
_MOST_TOKENS = 2**62


class ModelCalls:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def list_calls(
        self,
        workspace_id: WorkspaceId,
        *,
        conversation: str | None,
        turn: str | None,
        run: str | None,
        status: str | None,
        cursor: Sequence[Json] | None,
        limit: int,
    ) -> Page:
        """Newest first, without what was sent and said."""
        if status is not None and status not in _STATUSES:
            raise Invalid("request.invalid", f"`status` is one of {', '.join(_STATUSES)}, not {status!r}.")
        wanted = Filter(
            _id("conversation", conversation), _id("turn", turn), _id("run", run), cast("Status | None", status)
        )
        before = cursor_id(cursor)
        async with acting(self._db, workspace_id) as conn:
            found = await copilot_llm_calls.page(conn, workspace_id, wanted, before, limit + 1)
            items: list[Json] = [_view(await copilot_llm_calls.opened(conn, one)) for one in found[:limit]]
        return Page(items, [str(found[limit - 1].call_id)] if len(found) > limit else None)

    async def call(self, workspace_id: WorkspaceId, call_id: str) -> JsonObject:
        """One call with what was sent and said; null where that is past its time."""
        async with acting(self._db, workspace_id) as conn:
            try:
                found = await copilot_llm_calls.get(conn, workspace_id, UUID(call_id))
            except ValueError:
                found = None
            if found is None:
                raise NotFound("call", call_id)
            opened = await copilot_llm_calls.opened(conn, found)
            return {
                **_view(opened),
                "request": await _body(conn, workspace_id, opened.request_hash),
                "response": await _body(conn, workspace_id, opened.response_hash),
            }

    async def list_prices(self, workspace_id: WorkspaceId, cursor: Sequence[Json] | None, limit: int) -> Page:
        """The workspace's own, by model."""
        after = ""
        if cursor is not None:
            if len(cursor) != 1 or not isinstance(cursor[0], str):
                raise bad_cursor()
            after = cursor[0]
        async with acting(self._db, workspace_id) as conn:
            found = await llm_settings.prices(conn, workspace_id, after, limit + 1)
        return Page(
            [_price_view(one) for one in found[:limit]], [found[limit - 1].model] if len(found) > limit else None
        )

    async def set_price(self, workspace_id: WorkspaceId, body: Json) -> JsonObject:
        """`{model, input_usd, output_usd, cache_read_usd?, cache_write_usd?}`, dollars for a million tokens."""
        given = object_of(body, _PRICE)
        model = given.get("model")
        if not isinstance(model, str) or not 0 < len(model) <= _LONGEST_MODEL or not storable(model):
            raise Invalid("request.invalid", f"A model's name has 1 to {_LONGEST_MODEL} characters.")
        input_usd, output_usd = _usd(given, "input_usd"), _usd(given, "output_usd")
        if input_usd is None or output_usd is None:
            raise Invalid("request.invalid", "A price has `input_usd` and `output_usd`.")
        async with acting(self._db, workspace_id) as conn:
            made = await llm_settings.put_price(
                conn,
                workspace_id,
                model,
                input_usd=input_usd,
                output_usd=output_usd,
                cache_read_usd=_usd(given, "cache_read_usd"),
                cache_write_usd=_usd(given, "cache_write_usd"),
            )
        return _price_view(made)

    async def delete_price(self, workspace_id: WorkspaceId, model: str) -> None:
        async with acting(self._db, workspace_id) as conn:
            if not storable(model) or not await llm_settings.delete_price(conn, workspace_id, model):
                raise NotFound("price", model)

    async def budget(self, workspace_id: WorkspaceId) -> JsonObject:
        async with acting(self._db, workspace_id) as conn:
            return _budget_view(await llm_settings.budget(conn, workspace_id))

    async def set_budget(self, workspace_id: WorkspaceId, body: Json) -> JsonObject:
        """`{daily_tokens, daily_usd}`; null: what the installation says."""
        given = object_of(body, ("daily_tokens", "daily_usd"))
        tokens = given.get("daily_tokens")
        if tokens is not None and (
            not isinstance(tokens, int) or isinstance(tokens, bool) or not 0 <= tokens <= _MOST_TOKENS
        ):
            raise Invalid("request.invalid", "`daily_tokens` is a whole number, 0 at least, or null.")
        new = Budget(tokens, _usd(given, "daily_usd"))
        async with acting(self._db, workspace_id) as conn:
            await llm_settings.put_budget(conn, workspace_id, new)
        return _budget_view(new)


async def _body(conn: Connection, workspace_id: WorkspaceId, hash_: str | None) -> Json:
    if hash_ is None:
        return None
    try:
        return await copilot_llm_calls.body(conn, workspace_id, hash_)
    except UnreadableData:
        return None


def _view(call: Call) -> JsonObject:
    shown: JsonObject = {}
    for name, value in asdict(call).items():
        if name == "workspace_id":
            continue
        if isinstance(value, datetime):
            shown[name] = moment(value)
        elif isinstance(value, UUID):
            shown[name] = str(value)
        elif isinstance(value, Decimal):
            shown[name] = float(value)
        else:
            shown[name] = cast("Json", value)
    return shown


def _price_view(price: Price) -> JsonObject:
    return {
        "model": price.model,
        "input_usd": float(price.input_usd),
        "output_usd": float(price.output_usd),
        "cache_read_usd": None if price.cache_read_usd is None else float(price.cache_read_usd),
        "cache_write_usd": None if price.cache_write_usd is None else float(price.cache_write_usd),
        "updated_at": moment(price.updated_at),
    }


def _budget_view(budget: Budget) -> JsonObject:
    return {
        "daily_tokens": budget.daily_tokens,
        "daily_usd": None if budget.daily_usd is None else float(budget.daily_usd),
    }


def _usd(given: JsonObject, name: str) -> Decimal | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            found = Decimal(str(value))
        except InvalidOperation:
            found = Decimal(-1)
        if found.is_finite() and 0 <= found <= _MOST_USD:
            return found
    raise Invalid("request.invalid", f"{name!r} is a number of dollars, 0 at least.")


def _id(name: str, text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise Invalid("request.invalid", f"{name!r} is an id, not {text!r}.") from None
