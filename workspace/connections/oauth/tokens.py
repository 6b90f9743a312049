"""Tokens as they are kept, and when they are renewed."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from db.connection_tokens import NewTokens
from db.connections import Connection
from modules.sdk.json import JsonObject
from workspace.connections.oauth.endpoint import Granted
from workspace.connections.sealed import Sealed

EARLY_S = 300.0
"""A token is renewed so long before it ends, and one of a short life at half of it."""
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Tokens:
    """`version` is that of the row, `issued_at` seconds since the epoch by the clock of whoever got them."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    issued_at: float
    version: int


async def tokens_of(of: Connection, sealed: Sealed) -> Tokens | None:
    """None where the provider gave none yet."""
    found = await sealed.tokens(of)
    if found is None:
        return None
    refresh, issued = found.get("refresh_token"), found.get("issued_at")
    return Tokens(
        access_token=str(found["access_token"]),
        refresh_token=None if refresh is None else str(refresh),
        issued_at=float(issued) if isinstance(issued, (int, float)) else 0.0,
        version=of.token_version,
    )


async def closed_tokens(
    of: Connection, got: Granted, sealed: Sealed, *, kept: str | None, by_client: bool
) -> NewTokens:
    """What a provider gave, to be written. `kept` is the refresh token that goes on where it gave no other (RFC 6749 section 6).

    `by_client`: the client gets new ones by itself, without a refresh token.
    """
    refresh = got.refresh_token or kept
    value: JsonObject = {"access_token": got.access_token, "refresh_token": refresh, "issued_at": time.time()}
    renewable = refresh is not None or by_client
    return NewTokens(
        tokens=await sealed.close_tokens(of.workspace_id, of.connection_id, value),
        expires_in=got.expires_in,
        refresh_in=_refresh_in(got.expires_in) if renewable and got.expires_in is not None else None,
    )


def _refresh_in(expires_in: float) -> float:
    """Spread, so that connections which were made together aren't renewed together."""
    early = min(EARLY_S, expires_in / 2)
    spread = random.random()  # noqa: S311  # spreads refreshes, guards nothing
    return max(expires_in - early * (1 + _JITTER * spread), 0.0)
