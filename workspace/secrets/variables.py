"""Secret variables: closed when they come in, opened for an attempt that may read them, and nowhere else.

A secret is a text of at least six characters, or an object, a list or a number that holds one: what is shorter couldn't be told from other
text, and so couldn't be kept out of logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db import variables
from db.ids import VariableId, WorkspaceId
from db.pool import Database
from modules.sdk.json import Json
from modules.sdk.json_bytes import dumps, loads
from workspace.keys import Place, Vault
from workspace.secrets.redactor import MASK
from workspace.secrets.secret import Secret, texts_of
from workspace.secrets.spellings import LEAST

LARGEST = 8 * 1024
"""Bytes of JSON that a secret may have."""


class BadSecret(Exception):
    """What was given can't be kept as a secret; the text says why, and not what it was."""


@dataclass(frozen=True, slots=True)
class ClosedSecret:
    """A secret as its row holds it."""

    variable_id: VariableId
    shape: Json
    closed: bytes


@dataclass(frozen=True, slots=True)
class OpenSecret:
    """A secret, and what it was before its last change."""

    now: Secret
    former: Secret | None


class SecretVariables:
    """One per process."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def close(
        self, workspace_id: WorkspaceId, value: Json, variable_id: VariableId | None = None
    ) -> ClosedSecret:
        """For the row of `variable_id`, or a new one. Raises `BadSecret`, `DatabaseUnavailable`."""
        data = dumps(value)
        if len(data) > LARGEST:
            raise BadSecret(f"A secret has at most {LARGEST:,} bytes; this one has {len(data):,}.")
        if not any(len(text.strip()) >= LEAST for text in texts_of(value)):
            raise BadSecret(f"A secret has at least {LEAST} characters: a shorter one couldn't be kept out of logs.")
        row = variable_id or variables.new_variable_id()
        return ClosedSecret(row, shape_of(value), await self._vault.encrypt(_place(workspace_id, row), data))

    async def open(self, workspace_id: WorkspaceId, names: Sequence[str]) -> dict[str, OpenSecret]:
        """Those of the names that are secrets now, read afresh. Raises `DatabaseUnavailable`, `KeyProblem`."""
        async with self._db.engine(workspace_id) as connection:
            found = await variables.closed(connection, workspace_id, names)
        return {row.name: await self._opened(workspace_id, row) for row in found}

    async def _opened(self, workspace_id: WorkspaceId, row: variables.Closed) -> OpenSecret:
        place = _place(workspace_id, row.variable_id)
        now = loads(await self._vault.decrypt(place, row.closed))
        former = None if row.former is None else loads(await self._vault.decrypt(place, row.former))
        return OpenSecret(Secret(now), None if row.former is None else Secret(former))


def shape_of(value: Json) -> Json:
    """The value with a mask in the place of each leaf."""
    if isinstance(value, dict):
        return {key: shape_of(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape_of(item) for item in value]
    return MASK


def _place(workspace_id: WorkspaceId, variable_id: VariableId) -> Place:
    return Place("workflows_variables", "closed", workspace_id, str(variable_id))
