"""What every rule gets: the document, its outline, and what is known of modules and workspace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from engine.expressions.nearest import nearest
from engine.spec.catalog import Catalog, WorkspaceView
from engine.spec.document import JsonObject
from engine.spec.outline import Link, Outline, outline_of
from engine.spec.reach import Reach, reach_of
from engine.spec.schema_words import did_you_mean
from engine.spec.uses import Uses, uses_of

Purpose: TypeAlias = Literal["draft", "deploy"]
_MOST_SUGGESTIONS = 40


@dataclass
class Subject:
    """One document under judgement. Derived facts are computed once, when the first rule asks."""

    document: JsonObject
    catalog: Catalog
    workspace: WorkspaceView | None
    purpose: Purpose
    _suggestions: int = field(default=_MOST_SUGGESTIONS, repr=False)

    @cached_property
    def outline(self) -> Outline:
        return outline_of(self.document, self.catalog)

    @cached_property
    def reach(self) -> Reach:
        return reach_of(self.outline)

    @cached_property
    def uses(self) -> Uses:
        return uses_of(self.document, self.outline)

    @cached_property
    def targets(self) -> dict[str, frozenset[str]]:
        """The targets of the edges that leave each id."""
        found: dict[str, set[str]] = {}
        for link in self.outline.links:
            found.setdefault(link.source, set()).add(link.target)
        return {id_: frozenset(ids) for id_, ids in found.items()}

    @cached_property
    def links_from(self) -> dict[str, list[Link]]:
        """The edges that leave each id."""
        found: dict[str, list[Link]] = {}
        for link in self.outline.links:
            found.setdefault(link.source, []).append(link)
        return found

    def suggest(self, name: str, among: Iterable[str]) -> str | None:
        """`did you mean …?`, or None. Looking for it costs, so after 40 faults nobody is asked any more."""
        if self._suggestions <= 0:
            return None
        self._suggestions -= 1
        return did_you_mean(nearest(name, among))
