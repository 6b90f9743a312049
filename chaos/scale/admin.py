"""A server's superuser, who makes what no product function makes: databases, and a past of a million rows in a few statements."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, cast

import asyncpg


class Admin(Protocol):
    async def execute(self, query: str, *args: object) -> str: ...
    async def fetch(self, query: str, *args: object) -> list[Sequence[object]]: ...
    async def fetchval(self, query: str, *args: object) -> object: ...
    def transaction(self) -> AbstractAsyncContextManager[object]: ...


@asynccontextmanager
async def administering(url: str) -> AsyncGenerator[Admin]:
    """A connection while the block runs."""
    connection = await asyncpg.connect(url)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # the driver has no types
    try:
        yield cast("Admin", connection)
    finally:
        await connection.close()  # pyright: ignore[reportUnknownMemberType]  # as above
