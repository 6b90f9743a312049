"""Edges as a graph: cycles, order, and what lies upstream.

Sets of steps are integers with one bit a step, so that a thousand steps with many edges cost milliseconds. Cycles are found as
strongly connected components (Tarjan's algorithm, without recursion); components come out in reverse topological order, so what
lies upstream of each follows in one pass, in a graph with cycles too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Graph:
    """`upstream[id]`: the bits of all nodes from which a path leads to it; its own bit only in a cycle."""

    order: tuple[str, ...]
    """Sources before targets, wherever there is no cycle."""
    bits: Mapping[str, int]
    upstream: Mapping[str, int]
    cycles: tuple[tuple[str, ...], ...]
    """The nodes of each cycle (or knot of cycles), by id."""

    def names(self, mask: int) -> frozenset[str]:
        """The nodes of a set of bits."""
        return frozenset(name for name, bit in self.bits.items() if mask >> bit & 1)


def graph_of(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> Graph:
    """The graph of `nodes`; edges with an unknown end are left out."""
    successors: dict[str, list[str]] = {name: [] for name in nodes}
    predecessors: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in dict.fromkeys(edges):
        if source in successors and target in successors:
            successors[source].append(target)
            predecessors[target].append(source)
    components = _components(successors)
    bits = {name: bit for bit, name in enumerate(nodes)}
    upstream: dict[str, int] = {}
    cycles: list[tuple[str, ...]] = []
    for component in reversed(components):
        mask = 0
        cyclic = len(component) > 1 or component[0] in successors[component[0]]
        members = set(component)
        for name in component:
            for source in predecessors[name]:
                mask |= 1 << bits[source]
                if source not in members:
                    mask |= upstream[source]
        for name in component:
            upstream[name] = mask
        if cyclic:
            cycles.append(tuple(sorted(component)))
    order = tuple(name for component in reversed(components) for name in component)
    return Graph(order, bits, upstream, tuple(sorted(cycles)))


def _components(successors: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Strongly connected components, targets before sources."""
    found: list[list[str]] = []
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    on_stack: set[str] = set()
    stack: list[str] = []
    for root in successors:
        if root in index:
            continue
        work = [(root, 0)]
        while work:
            name, position = work.pop()
            if position == 0:
                index[name] = low[name] = len(index)
                stack.append(name)
                on_stack.add(name)
            descended = False
            targets = successors[name]
            for at in range(position, len(targets)):
                target = targets[at]
                if target not in index:
                    work += [(name, at + 1), (target, 0)]
                    descended = True
                    break
                if target in on_stack:
                    low[name] = min(low[name], index[target])
            if descended:
                continue
            if low[name] == index[name]:
                component: list[str] = []
                while not component or component[-1] != name:
                    component.append(stack.pop())
                    on_stack.discard(component[-1])
                found.append(component)
            if work:
                above = work[-1][0]
                low[above] = min(low[above], low[name])
    return found
