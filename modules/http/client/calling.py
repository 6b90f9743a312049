"""`http.request` at work."""

from __future__ import annotations

from modules.sdk.context import Context
from modules.sdk.declaration import Result
from modules.sdk.json import JsonObject


async def run(inputs: JsonObject, context: Context) -> Result:
    raise NotImplementedError
