"""All pages of one of the API's lists."""

from __future__ import annotations

from typing import cast

import httpx

from engine.expressions.values import Json


async def everything(http: httpx.AsyncClient, path: str, **filters: str) -> list[dict[str, Json]]:
    """Every entry, in the list's own order."""
    found: list[dict[str, Json]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await http.get(path, params={**filters, "limit": 500, **cursor})).raise_for_status()
        told = cast("dict[str, Json]", page.json())
        found += cast("list[dict[str, Json]]", told["items"])
        if told["next_cursor"] is None:
            return found
        cursor = {"cursor": str(told["next_cursor"])}
