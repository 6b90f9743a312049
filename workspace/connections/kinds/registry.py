"""All kinds by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from db.connections import Kind as KindName
from workspace.connections.kinds import api_key, basic, bearer, header, imap, llm, oauth2, postgres, smtp
from workspace.connections.kinds.kind import Kind

KINDS: Final[Mapping[KindName, Kind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            api_key.KIND,
            basic.KIND,
            bearer.KIND,
            header.KIND,
            oauth2.KIND,
            postgres.KIND,
            smtp.KIND,
            imap.KIND,
            llm.KIND,
        )
    }
)


def kind_named(name: object) -> Kind | None:
    """None for what is the name of no kind."""
    return next((kind for kind in KINDS.values() if kind.name == name), None)
