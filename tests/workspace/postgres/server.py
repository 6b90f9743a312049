"""The test session's server as a workspace's connection names one."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from workspace.egress.adapters.postgres import PostgresServer


def server_of(url: str, **changes: str) -> PostgresServer:
    parts = urlsplit(url)
    return PostgresServer(
        host=changes.get("host", parts.hostname or ""),
        port=parts.port or 5432,
        database=parts.path.removeprefix("/"),
        user=changes.get("user", unquote(parts.username or "")),
        password=changes.get("password", unquote(parts.password or "")),
        sslmode="prefer",
    )
