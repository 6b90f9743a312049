"""`bearer`: a token that doesn't expire by itself (RFC 6750)."""

from __future__ import annotations

from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of
from workspace.connections.kinds.kind import LINE, Carried, Kind, http_config


def _carry(_: JsonObject, secret: JsonObject) -> Carried:
    return Carried(headers={"Authorization": f"Bearer {secret['token']}"})


KIND = Kind(
    name="bearer",
    title="Bearer token",
    config=http_config(),
    secret=object_of({"token": LINE}, ["token"]),
    carry=_carry,
)
