"""From a connection of the kind `postgres` to its database: for steps, and to see whether it works."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

import asyncpg

from modules.sdk.closed import ClosedSql
from modules.sdk.context import Sql
from modules.sdk.json import JsonObject
from workspace.connections.opening import Opened
from workspace.egress.adapters.postgres import PostgresServer, SslMode, connect
from workspace.egress.guard import Guard
from workspace.postgres.failures import failure
from workspace.postgres.pools import PoolKey, Pools


def server_of(config: JsonObject, secret: JsonObject) -> PostgresServer:
    """Both fit the kind's schemas."""
    port = config.get("port", 5432)
    return PostgresServer(
        host=str(config["host"]),
        port=port if isinstance(port, int) else 5432,
        database=str(config["database"]),
        user=str(config["user"]),
        password=str(secret.get("password", "")),
        sslmode=cast("SslMode", config.get("sslmode", "verify-full")),
    )


def sql_over(pools: Pools) -> Callable[[Opened], Sql]:
    """What a step with an opened connection is given as `context.sql`."""

    def sql(opened: Opened) -> Sql:
        if opened.about.kind != "postgres":
            return ClosedSql(
                "connection.kind",
                f"the connection {opened.about.name!r} is of the kind {opened.about.kind!r}, not 'postgres'",
            )
        key = PoolKey((int(opened.workspace_id), str(opened.connection_id), opened.version))
        return pools.of(key, server_of(opened.about.config, opened.secret))

    return sql


def handshake(guard: Guard) -> Callable[[Opened, float], Awaitable[str]]:
    """Signs in and out again; gives what answers, as `PostgreSQL 18.1`. Raises what `connect` raises."""

    async def sign_in(opened: Opened, timeout: float) -> str:
        server = server_of(opened.about.config, opened.secret)
        try:
            connection = await connect(guard, server, timeout=timeout)
        except asyncpg.PostgresError as error:
            raise failure(error, str(server), read_only=True, timeout=timeout) from None
        version = connection.get_server_version()
        connection.terminate()
        return f"PostgreSQL {version.major}.{version.minor}"

    return sign_in
