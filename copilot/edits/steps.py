"""Steps: add, change, move, remove."""

from __future__ import annotations

import re

from copilot.edits.edges import add_edge, drop_edges, end_given
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

_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
_KEYS = ("title", "notes", "join", "on_error", "retry", "timeout", "throttle", "connection", "disabled")
"""What `set_step` sets besides the module."""
_CLEARED = (*_KEYS, "inputs")


def new_id(draft: Draft, id_: str) -> str:
    """Raises `Refused` for one that is taken or no id."""
    if not _ID.fullmatch(id_):
        raise Refused(f"{id_[:80]!r} is no id: lower-case letters, digits and `_`, the first a letter, at most 63.")
    draft.must_be_free(id_)
    return id_


def _add(draft: Draft, given: Arguments) -> None:
    id_, module = new_id(draft, text(given, "id")), text(given, "module")
    draft.must_be_module(module)
    step: JsonObject = {"module": module}
    for key in STEP_ORDER[1:]:
        if key in given:
            step[key] = given[key]
    step.setdefault("inputs", {})
    ordered = {key: step[key] for key in STEP_ORDER if key in step}
    parent = step.get("parent")
    if parent is not None:
        draft.step(str(parent))
    sources = [end_given(each) for each in texts(given, "after")]
    targets = texts(given, "before")
    for source, _ in sources:
        draft.node(source)
    for target in targets:
        draft.step(target)
    draft.section("steps", make=True)[id_] = ordered
    if targets:
        drop_edges(draft, lambda ends: (ends[0], ends[1]) in sources and ends[2] in targets)
    for source, handle in sources:
        add_edge(draft, source, handle, id_)
    for target in targets:
        add_edge(draft, id_, "out", target)


def _set(draft: Draft, given: Arguments) -> None:
    id_ = text(given, "id")
    step = draft.step(id_)
    cleared = texts(given, "clear")
    for key in cleared:
        if key not in _CLEARED:
            raise Refused(f"`clear` can't take {key!r} away from a step: only {', '.join(_CLEARED)}.")
    if not cleared and not any(key in given for key in (*_KEYS, "module", "version")):
        raise Refused(f"Say what to set of {id_!r}: {', '.join(_KEYS)}, module, version, or `clear`.")
    module = maybe_text(given, "module")
    if module is not None:
        draft.must_be_module(module)
        if step.get("module") != module:
            step.pop("version", None)
        put(step, "module", module, STEP_ORDER)
    if "version" in given:
        put(step, "version", given["version"], STEP_ORDER)
    for key in _KEYS:
        if key in given:
            put(step, key, given[key], STEP_ORDER)
    for key in cleared:
        step.pop(key, None)


def _remove(draft: Draft, given: Arguments) -> None:
    id_ = text(given, "id")
    steps = draft.section("steps")
    if id_ not in steps:
        draft.step(id_)
    below = draft.inside(id_)
    if below and given.get("inside") is not True:
        raise Refused(
            f"{id_!r} holds {', '.join(map(repr, below[:8]))}: give `inside: true` to remove these too, or `unwrap` it."
        )
    gone = {id_, *below}
    dropped = drop_edges(draft, lambda ends: ends[0] in gone or ends[2] in gone)
    for each in gone:
        steps.pop(each, None)
        layout = draft.document.get("layout")
        if isinstance(layout, dict):
            layout.pop(each, None)
    if given.get("bridge") is not False:
        arriving = [(source, handle) for source, handle, target in dropped if target == id_ and source not in gone]
        leaving = [
            target for source, handle, target in dropped if source == id_ and handle == "out" and target not in gone
        ]
        for source, handle in arriving:
            for target in leaving:
                add_edge(draft, source, handle, target)


def _move(draft: Draft, given: Arguments) -> None:
    id_, parent = text(given, "id"), text(given, "parent")
    step = draft.step(id_)
    slot = maybe_text(given, "slot") or "body"
    if parent:
        draft.step(parent)
        if parent == id_ or parent in draft.inside(id_):
            raise Refused(f"{id_!r} can't be put into itself.")
    before = draft.scope_of(id_)
    step.pop("parent", None)
    step.pop("slot", None)
    if parent:
        put(step, "parent", parent, STEP_ORDER)
        if slot != "body":
            put(step, "slot", slot, STEP_ORDER)
    if draft.scope_of(id_) != before:
        drop_edges(draft, lambda ends: id_ in (ends[0], ends[2]))


OPERATIONS = (
    Operation(
        "add_step",
        "a new step with its edges",
        _add,
        ("id", "module"),
        ("version", "inputs", "after", "before", "parent", "slot", *_KEYS),
    ),
    Operation("set_step", "sets keys of a step", _set, ("id",), ("module", "version", *_KEYS, "clear")),
    Operation("remove_step", "removes a step and its edges", _remove, ("id",), ("inside", "bridge")),
    Operation("move_step", "puts a step into another container; its edges go", _move, ("id", "parent"), ("slot",)),
)
