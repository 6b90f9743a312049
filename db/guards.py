"""What binds those who reach the database: their own rights, and the policies on tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from db.connection import Connection
from db.statements import rows, values


@dataclass(frozen=True, slots=True)
class Login:
    """`version` as `server_version_num` has it: 180001 is 18.1. `now` by the server's clock."""

    name: str
    superuser: bool
    bypasses_policies: bool
    version: int
    now: datetime


_LOGIN = rows("guards", "login", Login)
_STRONG_ROLES = values("guards", "strong_roles", str)
_OPEN_TABLES = values("guards", "open_tables", str)


async def login(connection: Connection) -> Login:
    """Who is connected, whatever role they act as."""
    return await connection.one(_LOGIN)


async def strong_roles(connection: Connection) -> list[str]:
    """Those of the four roles that no policy would bind, or that somebody could connect as: none in a sound installation."""
    return await connection.all(_STRONG_ROLES)


async def open_tables(connection: Connection) -> list[str]:
    """Tables whose rows a workspace could see of another one: none in a sound installation."""
    return await connection.all(_OPEN_TABLES)
