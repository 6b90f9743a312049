"""Closed values at rest, by the number of the key that closed them, and their other ciphertexts. Opening them is `workspace.keys`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from db.connection import Connection
from db.ids import MIN_UUID, ItemId, QueueId, WorkspaceId
from db.statements import command, rows, values

Field = Literal[
    "connections.secret",
    "connections.tokens",
    "connections_providers.client_secret",
    "interim_app_credentials.secret",
    "llm_bodies.body",
    "workflows_variables.closed",
    "workflows_variables.former",
]


@dataclass(frozen=True, slots=True)
class Value:
    """`row` is the row's key as text."""

    field: Field
    row: str
    closed: bytes


@dataclass(frozen=True, slots=True)
class Within:
    """Numbers of keys: from the first on, below the other, as the beginnings of what they closed."""

    lowest: bytes
    below: bytes


@dataclass(frozen=True, slots=True)
class ItemValue:
    """`closed` is None for an item that is closed under another number."""

    item_id: ItemId
    closed: bytes | None


@dataclass(frozen=True, slots=True)
class Fresh:
    """An item's other ciphertext."""

    item_id: ItemId
    former: bytes
    fresh: bytes


_WITHIN = rows("sealed_values", "within", Value)
_VARIABLE = command("sealed_values", "put_variable")
_FORMER_VARIABLE = command("sealed_values", "put_former_variable")
_CONNECTION = command("sealed_values", "put_connection")
_TOKENS = command("sealed_values", "put_tokens")
_PROVIDER = command("sealed_values", "put_provider")
_CONSENT = command("sealed_values", "put_consent")
_LLM_BODY = command("sealed_values", "put_llm_body")
_QUEUES = values("sealed_values", "queues", UUID)
_ITEMS_WITHIN = rows("sealed_values", "items_within", ItemValue)
_PUT_ITEMS = values("sealed_values", "put_items", int)

_PUT: Final = {
    "connections.secret": _CONNECTION,
    "connections.tokens": _TOKENS,
    "connections_providers.client_secret": _PROVIDER,
    "interim_app_credentials.secret": _CONSENT,
    "llm_bodies.body": _LLM_BODY,
    "workflows_variables.closed": _VARIABLE,
    "workflows_variables.former": _FORMER_VARIABLE,
}


async def within(
    connection: Connection, workspace_id: WorkspaceId, numbers: Within, after: Value | None, limit: int
) -> list[Value]:
    """Values of those numbers, without queue items, in an order of their places."""
    field, row = ("", "") if after is None else (after.field, after.row)
    return await connection.all(
        _WITHIN,
        workspace_id=workspace_id,
        lowest=numbers.lowest,
        below=numbers.below,
        after_field=field,
        after_row=row,
        most=limit,
    )


async def put(connection: Connection, workspace_id: WorkspaceId, value: Value, fresh: bytes) -> bool:
    """False, and nothing, where the value isn't that one any more."""
    done = await connection.count(
        _PUT[value.field], workspace_id=workspace_id, row=value.row, former=value.closed, fresh=fresh
    )
    return done > 0


async def queues(connection: Connection, workspace_id: WorkspaceId) -> list[QueueId]:
    return [QueueId(queue_id) for queue_id in await connection.all(_QUEUES, workspace_id=workspace_id)]


async def items_within(
    connection: Connection, queue_id: QueueId, numbers: Within, after: ItemId | None
) -> list[ItemValue]:
    """A bounded number of items and bytes, in order of ids; empty when there are no more."""
    return await connection.all(
        _ITEMS_WITHIN, queue_id=queue_id, after=after or MIN_UUID, lowest=numbers.lowest, below=numbers.below
    )


async def put_items(connection: Connection, queue_id: QueueId, items: Sequence[Fresh]) -> int:
    """How many changed: not those that are others by now, and not those that somebody else holds at the moment."""
    return await connection.one(
        _PUT_ITEMS,
        queue_id=queue_id,
        item_ids=[item.item_id for item in items],
        formers=[item.former for item in items],
        fresh=[item.fresh for item in items],
    )
