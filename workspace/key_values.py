"""Key-values as modules see them, over the database.

Each write is one transaction under the key's lock and is kept under its operation, so that a step which is repeated after a crash changes
nothing more and gets its first answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID

from db import key_values as store
from db.ids import WorkflowId, WorkspaceId
from db.pool import Database
from modules.sdk.context import KeyValue, KeyValues
from modules.sdk.json import Json
from modules.sdk.verdicts import Rejected

Scope: TypeAlias = Literal["workflow", "workspace"]

_NOTHING = KeyValue(None, 0, found=False)


def key_values_over(database: Database) -> Callable[[int, str], KeyValues]:
    """Gives the keys of a workspace and of one of its workflows, by their ids."""
    return lambda workspace_id, workflow_id: StoredKeyValues(
        database, WorkspaceId(workspace_id), WorkflowId(UUID(workflow_id))
    )


@dataclass(frozen=True, slots=True)
class StoredKeyValues:
    """Implements `modules.sdk.context.KeyValues`. Raises DatabaseUnavailable too."""

    database: Database
    workspace_id: WorkspaceId
    workflow_id: WorkflowId

    async def get(self, scope: Scope, key: str) -> KeyValue:
        async with self.database.tenant(self.workspace_id) as connection:
            entry = await store.get(connection, self.workspace_id, self._owner(scope), key)
        return _NOTHING if entry is None else KeyValue(entry.value, entry.version, found=True)

    async def set(
        self,
        scope: Scope,
        key: str,
        value: Json,
        *,
        ttl: float | None,
        if_version: int | None,
        operation: str,
    ) -> KeyValue:
        def decide(locked: store.Locked) -> tuple[store.Put, Json]:
            _expect(locked, key, if_version)
            return store.Put(value, ttl), _answer(value, locked.version + 1, found=True)

        return await self._change(scope, key, operation, decide)

    async def delete(self, scope: Scope, key: str, *, if_version: int | None, operation: str) -> KeyValue:
        def decide(locked: store.Locked) -> tuple[store.Remove, Json]:
            _expect(locked, key, if_version)
            version = locked.version if locked.found else 0
            return store.Remove(), _answer(locked.value if locked.found else None, version, found=locked.found)

        return await self._change(scope, key, operation, decide)

    async def increment(
        self, scope: Scope, key: str, by: int | float, *, ttl: float | None, operation: str
    ) -> KeyValue:
        def decide(locked: store.Locked) -> tuple[store.Put, Json]:
            total = add(locked.value if locked.found else 0, by, key)
            return store.Put(total, ttl), _answer(total, locked.version + 1, found=True)

        return await self._change(scope, key, operation, decide)

    async def _change(
        self,
        scope: Scope,
        key: str,
        operation: str,
        decide: Callable[[store.Locked], tuple[store.Put | store.Remove | None, Json]],
    ) -> KeyValue:
        async with self.database.tenant(self.workspace_id) as connection:
            answer = await store.change(connection, self.workspace_id, self._owner(scope), key, operation, decide)
        if not isinstance(answer, dict):
            raise TypeError("what is kept under an operation is one of our answers")
        version = answer["version"]
        return KeyValue(answer["value"], version if isinstance(version, int) else 0, found=answer["found"] is True)

    def _owner(self, scope: Scope) -> WorkflowId | None:
        return self.workflow_id if scope == "workflow" else None


def add(number: Json, by: int | float, key: str) -> int | float:
    """The sum. Raises Rejected `kv.type` where either is no number or the sum is none that JSON has."""
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise Rejected("kv.type", f"the value of {key[:100]!r} is no number, so it can't be incremented")
    total = number + by
    fits = math.isfinite(total) if isinstance(total, float) else -(2**63) <= total < 2**64
    if not fits:
        raise Rejected("kv.type", f"the number of {key[:100]!r} would leave the range of numbers")
    return total


def _expect(locked: store.Locked, key: str, if_version: int | None) -> None:
    version = locked.version if locked.found else 0
    if if_version is not None and if_version != version:
        raise Rejected(
            "kv.conflict",
            f"{key[:100]!r} has version {version}, not {if_version}",
            details={"version": version, "if_version": if_version},
        )


def _answer(value: Json, version: int, *, found: bool) -> Json:
    return {"value": value, "version": version, "found": found}
