"""Which steps an expression may read: the reach of `steps.<id>`.

A step reads what has surely been decided when it starts: the steps upstream of it by edges in its own slot, and, for each
container around it, the steps upstream of that container. It reads into a `core.try` that is upstream (into all its slots),
and from `catch` and `finally` into the `body` of its own try. It never reads into a loop or a race from outside: their
inner steps exist many times, or may have been abandoned.

Rejected: letting a step read any step that happens to have ended. Which ones have depends on timing, and a document must mean
the same in every run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.spec.graph import Graph, graph_of
from engine.spec.outline import Outline

TRY = "core.try"


@dataclass(slots=True)
class Reach:
    """Answers are computed when asked for and kept."""

    outline: Outline
    graph: Graph
    tries: tuple[str, ...]
    _of_step: dict[str, int] = field(default_factory=dict[str, int])
    _inside: dict[str, int] = field(default_factory=dict[str, int])

    def readable(self, id_: str) -> frozenset[str]:
        """The steps that the inputs of step `id_` may read."""
        return self.graph.names(self._mask(id_))

    def can_read(self, reader: str, step: str) -> bool:
        """Whether the inputs of `reader` may read `step`."""
        return self._has(self._mask(reader), step)

    def collect_can_read(self, loop: str, step: str) -> bool:
        """Whether `collect` of a loop may read `step`: besides what the loop itself reads, all steps of its slot."""
        return self._has(self._mask(loop) | self._slot(loop, "body"), step)

    def output_can_read(self, step: str) -> bool:
        """Whether the document's output may read `step`."""
        return self._has(self._with_insides(self.outline.children.get((None, "body"), ())), step)

    def resumable_from(self, reader: str | None, step: str) -> bool:
        """Whether `reader` may read the resume address of `step`, which is fixed when its slot starts: needs no edge."""
        if reader is None:
            return self.outline.steps[step].scope == (None, "body")
        scopes = {self.outline.steps[reader].scope}
        scopes.update(self.outline.steps[container].scope for container, _ in self.outline.ancestors(reader))
        return self.outline.steps[step].scope in scopes

    def _has(self, mask: int, step: str) -> bool:
        return bool(mask >> self.graph.bits[step] & 1)

    def _mask(self, id_: str) -> int:
        known = self._of_step.get(id_)
        if known is not None:
            return known
        chain: list[str] = [id_]
        entered: list[str] = []
        for container, slot in self.outline.ancestors(id_):
            if container in chain:
                break
            chain.append(container)
            entered.append(slot)
        mask = 0
        for position in range(len(chain) - 1, -1, -1):  # from the outside to the step
            here = chain[position]
            kept = self._of_step.get(here)
            if kept is None:
                if position < len(chain) - 1:
                    container, slot = chain[position + 1], entered[position]
                    if slot in ("catch", "finally") and self._is_try(container):
                        mask |= self._slot(container, "body")
                kept = mask | self._upstream(here)
                self._of_step[here] = kept
            mask = kept
        return mask

    def _upstream(self, id_: str) -> int:
        mask = self.graph.upstream[id_] & ~(1 << self.graph.bits[id_])
        found = mask
        for name in self.tries:
            if mask >> self.graph.bits[name] & 1:
                found |= self._insides(name)
        return found

    def _is_try(self, id_: str) -> bool:
        return self.outline.steps[id_].name == TRY

    def _slot(self, container: str, slot: str) -> int:
        return self._with_insides(self.outline.children.get((container, slot), ()))

    def _with_insides(self, ids: Iterable[str]) -> int:
        mask = 0
        for name in ids:
            mask |= 1 << self.graph.bits[name]
            if self._is_try(name):
                mask |= self._insides(name)
        return mask

    def _insides(self, try_id: str) -> int:
        """All steps inside a try, tries in it included."""
        known = self._inside.get(try_id)
        if known is not None:
            return known
        mask = 0
        waiting = [try_id]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for slot in ("body", "catch", "finally"):
                for inner in self.outline.children.get((name, slot), ()):
                    mask |= 1 << self.graph.bits[inner]
                    if self._is_try(inner):
                        waiting.append(inner)
        self._inside[try_id] = mask
        return mask


def reach_of(outline: Outline) -> Reach:
    """The reach over the edges between siblings; other edges are faults of their own and carry nothing."""
    steps = outline.steps
    edges = (
        (link.source, link.target)
        for link in outline.links
        if link.source in steps and link.target in steps and steps[link.source].scope == steps[link.target].scope
    )
    return Reach(outline, graph_of(tuple(steps), edges), tuple(id_ for id_ in steps if steps[id_].name == TRY))
