"""What the validator must know of the world: which modules exist, and what the workspace has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from modules.sdk.declaration import Module


class Catalog(Protocol):
    """All modules, by name and version."""

    def get(self, name: str, version: int) -> Module | None: ...

    def newest(self, name: str) -> int | None:
        """The highest version, or None for an unknown name."""
        ...

    def names(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class KnownQueue:
    """An app queue, and the living workflow that takes its items."""

    name: str
    queue_id: str
    consumer: str | None = None


@dataclass(frozen=True, slots=True)
class WorkspaceView:
    """Names only: no value is needed to judge a document. `variables` includes the `secrets`; `connections` gives the app of each."""

    variables: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    connections: Mapping[str, str] = field(default_factory=dict[str, str])
    queues: Sequence[KnownQueue] = ()
