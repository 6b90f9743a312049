"""Containers: put steps into a new one, and take them out again.

`wrap_in` keeps the edges among the steps; edges from and to the rest are the container's afterwards, so what came
before comes before the whole. An edge that leaves the group by another handle than `out` can't become the
container's, since a container has handles of its own: that is refused.
"""

from __future__ import annotations

from copilot.edits.edges import add_edge, drop_edges, edges
from copilot.edits.operation import (
    STEP_ORDER,
    Arguments,
    Draft,
    JsonObject,
    Operation,
    Refused,
    maybe_text,
    put,
    text,
    texts,
)
from copilot.edits.steps import new_id


def _wrap(draft: Draft, given: Arguments) -> None:
    ids, container, module = list(dict.fromkeys(texts(given, "ids"))), text(given, "container"), text(given, "module")
    draft.must_be_module(module)
    scopes = {draft.scope_of(id_) for id_ in ids if draft.step(id_)}
    if len(scopes) != 1:
        raise Refused("The steps must stand in one slot of one container (or all at the root).")
    new_id(draft, container)
    newest = draft.catalog.newest(module)
    declared = None if newest is None else draft.catalog.get(module, newest)
    slots = () if declared is None else declared.slots
    slot = maybe_text(given, "slot") or "body"
    if slot not in slots:
        told = f"it has {', '.join(slots)}" if slots else "it is no container"
        raise Refused(f"{module!r} has no slot {slot!r}: {told}.")
    group = set(ids)
    for source, handle, target in edges(draft):
        if source in group and target not in group and handle != "out":
            raise Refused(
                f"The edge {source!r} ({handle}) → {target!r} leaves the group by a handle: put {target!r} into it too, or disconnect it first."
            )
    ((parent, own_slot),) = scopes
    made: JsonObject = {"module": module, "inputs": given.get("inputs", {})}
    if parent is not None:
        made["parent"] = parent
        if own_slot != "body":
            made["slot"] = own_slot
    _insert(draft, container, made, before=ids)
    for id_ in ids:
        step = draft.step(id_)
        step.pop("slot", None)
        put(step, "parent", container, STEP_ORDER)
        if slot != "body":
            put(step, "slot", slot, STEP_ORDER)
    for source, handle, target in drop_edges(draft, lambda ends: (ends[0] in group) != (ends[2] in group)):
        if target in group:
            add_edge(draft, source, handle, container)
        else:
            add_edge(draft, container, "out", target)


def _unwrap(draft: Draft, given: Arguments) -> None:
    id_ = text(given, "id")
    draft.step(id_)
    steps = draft.section("steps")
    below = [
        name for name, step in steps.items() if isinstance(step, dict) and step.get("parent") == id_ and name != id_
    ]
    if not below:
        raise Refused(f"{id_!r} holds no steps: `remove_step` removes it.")
    if len({draft.scope_of(name) for name in below}) != 1:
        raise Refused(f"{id_!r} has steps in several slots: move or remove all but those of one first.")
    among = [ends for ends in edges(draft) if ends[0] in below and ends[2] in below]
    starts = [name for name in below if name not in {target for _, _, target in among}]
    ends_ = [name for name in below if name not in {source for source, _, _ in among}]
    around = drop_edges(draft, lambda ends: id_ in (ends[0], ends[2]))
    parent, slot = draft.scope_of(id_)
    del steps[id_]
    layout = draft.document.get("layout")
    if isinstance(layout, dict):
        layout.pop(id_, None)
    for name in below:
        step = draft.step(name)
        step.pop("parent", None)
        step.pop("slot", None)
        if parent is not None:
            put(step, "parent", parent, STEP_ORDER)
            if slot != "body":
                put(step, "slot", slot, STEP_ORDER)
    for source, handle, target in around:
        if target == id_ and source != id_:
            for name in starts:
                add_edge(draft, source, handle, name)
        elif handle == "out" and target != id_:
            for name in ends_:
                add_edge(draft, name, "out", target)


def _insert(draft: Draft, id_: str, step: JsonObject, before: list[str]) -> None:
    """A container stands before what it holds."""
    steps = draft.section("steps", make=True)
    names = list(steps)
    place = min((names.index(name) for name in before if name in steps), default=len(names))
    behind = {name: steps.pop(name) for name in names[place:]}
    steps[id_] = step
    steps.update(behind)


OPERATIONS = (
    Operation("wrap_in", "puts steps into a new container", _wrap, ("ids", "container", "module"), ("inputs", "slot")),
    Operation("unwrap", "takes the steps out of a container and removes it", _unwrap, ("id",)),
)
