"""What of a document is well formed enough to reason about.

A draft may be wrong anywhere. The shape rules say so; all other rules read this outline, which holds the parts that have the
right form and leaves out the rest, so that no rule meets a surprise and no fault is told twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from engine.expressions.values import Json
from engine.spec.catalog import Catalog
from engine.spec.document import JsonObject
from engine.spec.pointer import child, pointer_of
from modules.sdk.declaration import EffectByInput, HandlesFromInput, Module


@dataclass(frozen=True)
class Node:
    """A step or a trigger. `module` is None where the catalog has no such module; a missing version means the newest."""

    id: str
    path: str
    source: JsonObject
    name: str | None
    module: Module | None
    is_trigger: bool

    @cached_property
    def inputs(self) -> JsonObject:
        inputs = self.source.get("inputs")
        return inputs if isinstance(inputs, dict) else {}

    @property
    def parent(self) -> str | None:
        return self.text("parent")

    @property
    def slot(self) -> str:
        return self.text("slot") or "body"

    @property
    def scope(self) -> tuple[str | None, str]:
        """The container slot that it lives in; `(None, "body")` is the root."""
        return (None, "body") if self.parent is None else (self.parent, self.slot)

    @property
    def slots(self) -> tuple[str, ...]:
        return self.module.slots if self.module is not None else ()

    def text(self, key: str) -> str | None:
        value = self.source.get(key)
        return value if isinstance(value, str) else None

    @cached_property
    def handles(self) -> tuple[str, ...] | None:
        """All ways out, `error` included where it has one; None where they can't be known."""
        if self.module is None:
            return None
        own = self.module.handles
        if isinstance(own, HandlesFromInput):
            listed = self.inputs.get(own.field)
            if not isinstance(listed, list):
                return None
            rows = (item.get(own.key) for item in listed if isinstance(item, dict))
            own = (*(name for name in rows if isinstance(name, str)), *own.always)
        if self.source.get("disabled") is True:
            own = ("out", *(name for name in own if name != "out"))
        return (*own, "error") if self.source.get("on_error") == "branch" else own

    @property
    def takes_secrets(self) -> bool:
        """Whether its inputs may hold secrets: what they are sent to is outside of Millstream."""
        if self.module is None:
            return True
        if self.module.keeps:
            return False
        effect = self.module.effect
        if isinstance(effect, EffectByInput):
            return any(case.effect != "none" for case in (*effect.cases.values(), effect.default))
        return effect != "none"


@dataclass(frozen=True, slots=True)
class Link:
    """An edge. `source` and `target` are ids as written, whether or not they exist."""

    path: str
    source: str
    target: str
    handle: str
    given_handle: bool


@dataclass(frozen=True, slots=True)
class Outline:
    steps: Mapping[str, Node]
    triggers: Mapping[str, Node]
    links: tuple[Link, ...]
    children: Mapping[tuple[str | None, str], tuple[str, ...]] = field(repr=False)
    """Step ids by container slot, in the order of the text."""

    def node(self, id_: str) -> Node | None:
        return self.steps.get(id_) or self.triggers.get(id_)

    def ancestors(self, id_: str) -> list[tuple[str, str]]:
        """The containers around a step from the inside, each with the slot by which it is entered; ends at a cycle."""
        found: list[tuple[str, str]] = []
        seen = {id_}
        node = self.steps.get(id_)
        while node is not None and node.parent is not None and node.parent in self.steps:
            found.append((node.parent, node.slot))
            if node.parent in seen:
                break
            seen.add(node.parent)
            node = self.steps[node.parent]
        return found


def outline_of(document: JsonObject, catalog: Catalog) -> Outline:
    """The outline of any object."""
    triggers = _nodes(document, "triggers", catalog)
    steps = {id_: node for id_, node in _nodes(document, "steps", catalog).items() if id_ not in triggers}
    children: dict[tuple[str | None, str], list[str]] = {}
    for node in steps.values():
        children.setdefault(node.scope, []).append(node.id)
    return Outline(steps, triggers, _links(document), {scope: tuple(ids) for scope, ids in children.items()})


def _nodes(document: JsonObject, section: str, catalog: Catalog) -> dict[str, Node]:
    rows = document.get(section)
    nodes: dict[str, Node] = {}
    for id_, source in rows.items() if isinstance(rows, dict) else ():
        if isinstance(source, dict):
            name = source.get("module")
            known = name if isinstance(name, str) else None
            module = None if known is None else _module(known, source.get("version"), catalog)
            path = pointer_of(section, id_)
            nodes[id_] = Node(id_, path, source, known, module, is_trigger=section == "triggers")
    return nodes


def _module(name: str, version: Json, catalog: Catalog) -> Module | None:
    number = version_number(version)
    if number is None and version is not None:
        return None
    number = number if number is not None else catalog.newest(name)
    return None if number is None else catalog.get(name, number)


def version_number(version: Json) -> int | None:
    """A version as JSON has it (`1.0` is 1), or None."""
    if isinstance(version, float) and version.is_integer():
        return int(version)
    return version if isinstance(version, int) and not isinstance(version, bool) else None


def _links(document: JsonObject) -> tuple[Link, ...]:
    rows = document.get("edges")
    found: list[Link] = []
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        if isinstance(row, dict):
            source, target, handle = row.get("from"), row.get("to"), row.get("handle", "out")
            if isinstance(source, str) and isinstance(target, str) and isinstance(handle, str):
                path = child("/edges", index)
                found.append(Link(path, source, target, handle, "handle" in row))
    return tuple(found)
