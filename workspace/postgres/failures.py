"""What a database refuses, as an error of the step.

The code is `postgres.` and the class of the SQLSTATE (`postgres.23`: a constraint), whose two letters PostgreSQL promises to keep. The
server's sentence is told; its `detail`, which quotes rows, isn't.
"""

from __future__ import annotations

import asyncpg

from modules.sdk.json import JsonObject
from modules.sdk.verdicts import AuthExpired, ModuleError

# What another attempt can mend though nothing is changed: nothing was done.
_NOTHING_DONE = ("40", "53")
_NOTHING_DONE_STATES = ("55P03", "57P03")
# Here it isn't known whether a commit came through.
_BROKEN = ("08", "57")
_TOLD = ("schema", "table", "column", "constraint", "position", "hint")


def failure(error: asyncpg.PostgresError, server: str, *, read_only: bool, timeout: float) -> ModuleError:
    """`server` names the database for people."""
    state = str(getattr(error, "sqlstate", None) or "XX000")
    if state == "57014":
        return ModuleError("postgres.timeout", f"the statement took longer than {timeout:g} s and was cancelled")
    if state.startswith("28"):
        return AuthExpired(f"the server of {server} no longer takes the user or the password")
    said = str(getattr(error, "message", None) or type(error).__name__)[:1000]
    details: JsonObject = {"sqlstate": state}
    for name in _TOLD:
        value = getattr(error, name if name in ("position", "hint") else f"{name}_name", None)
        if value is not None:
            details[name] = str(value)[:500]
    retryable = state[:2] in _NOTHING_DONE or state in _NOTHING_DONE_STATES or (state[:2] in _BROKEN and read_only)
    return ModuleError(
        f"postgres.{state[:2].lower()}",
        f"the database {server} refuses the statement: {said}",
        details=details,
        retryable=retryable,
    )


def lost(server: str, *, read_only: bool) -> ModuleError:
    """The connection broke while the statement was under way."""
    return ModuleError(
        "postgres.08",
        f"the connection to {server} broke before the statement's end"
        + ("" if read_only else ": whether it took effect isn't known"),
        details={"sqlstate": "08006"},
        retryable=read_only,
    )
