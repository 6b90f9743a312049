"""From older forms of the document to the present one.

Each step is a pure function from the JSON of one `schema_version` to that of the next. A version that is deployed stays as it is
for ever, so these functions stay as well. There is one form so far; the table is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from engine.expressions.values import Json
from engine.spec.document import SCHEMA_VERSION, JsonObject

Upgrade: TypeAlias = Callable[[JsonObject], JsonObject]

UPGRADES: Mapping[int, Upgrade] = MappingProxyType({})
"""By the version that it starts from."""


def upgrade(document: Json, upgrades: Mapping[int, Upgrade] = UPGRADES, to: int = SCHEMA_VERSION) -> Json:
    """The document in the form of version `to`. What isn't an older document comes back as it is: the validator judges it."""
    while isinstance(document, dict):
        version = document.get("schema_version")
        if isinstance(version, bool) or not isinstance(version, int) or version >= to or version not in upgrades:
            break
        document = {**upgrades[version](document), "schema_version": version + 1}
    return document
