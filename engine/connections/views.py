"""Connections and providers as answers show them: never with a secret."""

from __future__ import annotations

from collections.abc import Sequence

from db.connection_providers import Provider
from db.connections import Connection
from engine.expressions.values import Json
from engine.views import moment

JsonObject = dict[str, Json]


def connection_view(row: Connection, used_by: Sequence[str]) -> JsonObject:
    rate: Json = None
    if row.rate_count is not None:
        rate = {"count": row.rate_count, "per": row.rate_per}
    return {
        **connection_name(row),
        "config": row.config,
        "allowed_hosts": [*row.allowed_hosts],
        "rate_limit": rate,
        "use": row.usable_by,
        "reason": row.reason,
        "expires_at": None if row.expires_at is None else moment(row.expires_at),
        "used_by": [*used_by],
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
    }


def connection_name(row: Connection) -> JsonObject:
    """What everybody in the workspace sees."""
    return {
        "connection_id": str(row.connection_id),
        "name": row.name,
        "app": row.app,
        "kind": row.kind,
        "state": row.state,
    }


def provider_view(row: Provider, used_by: Sequence[str]) -> JsonObject:
    return {
        "provider_id": str(row.provider_id),
        "name": row.name,
        "config": row.config,
        "used_by": [*used_by],
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
    }
