"""Connections of asyncpg as we want them: JSON columns as values, no session state to clean, errors of our own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, cast

import asyncpg

from db import json
from db.connection import LOST, NOT_NOW, Driver, unavailable
from db.errors import WrongDatabase

CONNECT_TIMEOUT_S = 10.0

SESSION = {
    "jit": "off",
    # A plan for given values is nearly always cheaper to run by the planner's reckoning, since it names one week; but then it
    # is made anew for each call, which costs more than the call. One plan for any value prunes weeks when it runs.
    "plan_cache_mode": "force_generic_plan",
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": "60s",
    # A statement whose client is gone (killed, or cut off before its request to cancel had got through) ends, and lets go what it holds.
    "client_connection_check_interval": "2s",
}


class Session(Driver, Protocol):
    """A connection that is ours alone."""

    async def close(self, *, timeout: float | None = None) -> None: ...
    def terminate(self) -> None: ...
    async def set_type_codec(self, typename: str, *, schema: str, encoder: object, decoder: object) -> None: ...


class Listening(Protocol):
    """What a session can also do while it is open."""

    async def add_listener(self, channel: str, callback: Callable[[object, int, str, str], None]) -> None: ...
    def add_termination_listener(self, callback: Callable[[object], None]) -> None: ...


class _Connect(Protocol):
    def __call__(self, dsn: str, *, timeout: float, server_settings: dict[str, str]) -> Awaitable[Session]: ...


# The library has no types; what we use of it is said here.
_CONNECT = cast("_Connect", asyncpg.connect)  # pyright: ignore[reportUnknownMemberType]


async def prepare(connection: Session) -> None:
    """Columns of type json and jsonb are values; parameters of these types are JSON text."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=str, decoder=json.loads)


async def connect(url: str, *, application: str) -> Session:
    """A connection of its own. Raises DatabaseUnavailable, or WrongDatabase when it is refused for good."""
    try:
        connection = await _CONNECT(
            url, timeout=CONNECT_TIMEOUT_S, server_settings={**SESSION, "application_name": application}
        )
        await prepare(connection)
    except REFUSED as error:
        raise refused(error) from error
    except UNREACHED as error:
        raise unavailable(error) from error
    return connection


REFUSED = (
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidParameterValueError,
    asyncpg.ClientConfigurationError,
)


# Whatever else a server says instead of taking a connection passes: it starts, stops, is full, or takes none for this database just now.
UNREACHED = (*LOST, *NOT_NOW, asyncpg.ObjectNotInPrerequisiteStateError)


def refused(error: BaseException) -> WrongDatabase:
    """The server answered, and what it said won't change by itself. The URL isn't repeated: it holds a password."""
    return WrongDatabase(f"the database refuses the connection: {error}")
