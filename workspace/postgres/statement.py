"""One statement on a connection, in a transaction of its own.

Three trips: begin with its limits, the statement (prepared, its parameters apart from it), the end. The limits are the
transaction's, since a pooler
between may hand the next transaction to another session. The protocol takes one command per statement, so a text can't bring a second one, and
a read-only transaction can't be made writable once its first statement has run, which `begin` sees to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from modules.sdk.context import SqlMode, SqlResult
from modules.sdk.json import Json, JsonObject
from modules.sdk.json_bytes import dumps
from modules.sdk.verdicts import Rejected
from workspace.egress.adapters.postgres import Column, Connection, Statement
from workspace.postgres.values import to_json, to_parameter

_PIECE = 100
"""Rows that are fetched at once."""
_MOST_BYTES = 20 * 2**20


async def begin(connection: Connection, *, read_only: bool, timeout: float) -> None:
    """`timeout` is seconds for the statement, kept by the server."""
    limit = max(1, math.ceil(timeout * 1000))
    await connection.execute(
        f"begin {'read only' if read_only else 'read write'}; set local statement_timeout = {limit}; "
        f"set local idle_in_transaction_session_timeout = {limit + 10_000}; set local intervalstyle = iso_8601; "
        "select 1"
    )


async def run(connection: Connection, sql: str, params: Sequence[Json], mode: SqlMode, max_rows: int) -> SqlResult:
    """Inside the transaction that `begin` began. Raises Rejected `input.invalid`, `postgres.rows`, `postgres.value`, `payload.too_large`."""
    statement = await connection.prepare(sql)
    given = _parameters(statement, params)
    columns = statement.get_attributes()
    if not columns:
        await statement.fetch(*given)
        return SqlResult([], _affected(statement.get_statusmsg()))
    _check_names(columns)
    rows = await _rows(statement, given, columns, 1 if mode == "one" else max_rows, refuse=mode != "one")
    return SqlResult(rows, len(rows))


def _parameters(statement: Statement, params: Sequence[Json]) -> list[object]:
    types = statement.get_parameters()
    if len(types) != len(params):
        wants = f"has {len(types)} parameters, $1 to ${len(types)}," if types else "has no parameters ($1, $2 …)"
        raise Rejected("input.invalid", f"the statement {wants} and `params` gives {len(params)}")
    found: list[object] = []
    for place, (value, type_) in enumerate(zip(params, types, strict=True), 1):
        try:
            found.append(to_parameter(value, type_.name))
        except ValueError as error:
            raise Rejected("input.invalid", f"the parameter ${place} {error}") from None
    return found


def _check_names(columns: Sequence[Column]) -> None:
    names = [column.name for column in columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Rejected("input.invalid", f"two columns are called {twice!r}: give one another name with `as`")


async def _rows(
    statement: Statement, given: list[object], columns: Sequence[Column], most: int, *, refuse: bool
) -> list[JsonObject]:
    cursor = await statement.cursor(*given)
    rows: list[JsonObject] = []
    size = 0
    while True:
        asked = min(_PIECE, most + 1 - len(rows)) if refuse else most
        piece = await cursor.fetch(asked)
        for record in piece:
            row = _row(record, columns)
            size += len(dumps(row))
            if size > _MOST_BYTES:
                raise Rejected("payload.too_large", f"the rows are larger than {_MOST_BYTES >> 20} MiB: ask for fewer")
            rows.append(row)
        if len(rows) > most:
            raise Rejected(
                "postgres.rows",
                f"there are more than {most:,} rows: add a `limit`, or raise `max_rows` (at most 10,000)",
            )
        if not refuse or len(piece) < asked:
            return rows


def _row(record: Sequence[object], columns: Sequence[Column]) -> JsonObject:
    row: JsonObject = {}
    for value, column in zip(record, columns, strict=True):
        try:
            row[column.name] = to_json(value, column.type.name)
        except (ValueError, OverflowError):
            raise Rejected(
                "postgres.value", f"the column {column.name!r} has a {column.type.name} that can't be said in JSON"
            ) from None
    return row


def _affected(status: str | None) -> int:
    """From `UPDATE 3`, `INSERT 0 3`, `CREATE TABLE`."""
    last = (status or "").rpartition(" ")[2]
    return int(last) if last.isdecimal() else 0
