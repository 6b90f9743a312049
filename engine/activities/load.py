"""`evaluate` and `load_page`: looking inside values that are kept by reference."""

from __future__ import annotations

import asyncio
from typing import cast

from temporalio import activity

from engine import names
from engine.activities.exchange import JsonObject, answer, read, write_rows
from engine.activities.host import Notices
from engine.activities.log import RunLog
from engine.activities.stored import INLINE, LIMIT, kept, thinned, whole
from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError
from engine.expressions.template import compile_value
from engine.expressions.values import Json, Ref, Value, from_json, to_json
from engine.wire import obj
from modules.sdk.json_bytes import dumps

WHOLE_LIMIT = 2**20
"""Bytes that a value which is wanted inline may have."""
PAGE_ITEMS = 500
PAGE_BYTES = 256 * 1024
"""A page ends before the item that goes beyond; a single larger item stays in PostgreSQL and its reference stands for it."""
_TOO_LARGE = "payload.too_large"


class Load:
    def __init__(self, log: RunLog, notices: Notices) -> None:
        self._log = log
        self._notices = notices

    @activity.defn(name=names.EVALUATE)
    async def evaluate(self, given: object) -> object:
        request, argument = read(given)
        written = await write_rows(request, self._log, self._notices)
        payloads = self._log.payloads(request.head)
        scope = cast("dict[str, Value]", await whole(from_json(argument["scope"]), payloads))
        try:
            template = compile_value(argument["value"])
            result = cast("Json", await asyncio.to_thread(template.render, scope, Budget()))
        except ExpressionError as error:
            return answer(_error(error.code, error.message, error.details), written)
        data = dumps(result)
        if argument["whole"]:
            if len(data) > WHOLE_LIMIT:
                message = f"A value of {len(data):,} bytes is too large here; at most {WHOLE_LIMIT:,} are allowed."
                return answer(_error(_TOO_LARGE, message, {}), written)
            return answer({"value": result}, written)
        if len(data) > LIMIT:
            message = f"The result has {len(data):,} bytes; at most {LIMIT:,} are allowed."
            return answer(_error(_TOO_LARGE, message, {}), written)
        return answer({"value": to_json(await thinned(result, data, payloads, INLINE))}, written)

    @activity.defn(name=names.LOAD_PAGE)
    async def load_page(self, given: object) -> object:
        request, argument = read(given)
        written = await write_rows(request, self._log, self._notices)
        payloads = self._log.payloads(request.head)
        start = argument["start"]
        assert isinstance(start, int)
        data = await whole(from_json(obj(argument["ref"])), payloads)
        if isinstance(data, dict):
            items: list[Json] = [{"key": key, "value": value} for key, value in data.items()]
        elif isinstance(data, list):
            items = data
        else:
            raise TypeError(f"pages are of lists and objects, not of {type(data).__name__}")
        page: list[Json] = []
        size = 0
        for item in items[start : start + PAGE_ITEMS]:
            encoded = dumps(item)
            value = await kept(item, encoded, payloads, INLINE)
            size += 120 if isinstance(value, Ref) else len(encoded)
            if page and size > PAGE_BYTES:
                break
            page.append(to_json(value))
        return answer({"items": page, "total": len(items)}, written)


def _error(code: str, message: str, details: JsonObject) -> JsonObject:
    return {"error": {"code": code, "message": message, "details": details}}
