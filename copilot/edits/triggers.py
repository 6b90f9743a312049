"""Triggers: what starts runs."""

from __future__ import annotations

from copilot.edits.edges import add_edge, drop_edges
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

_KEYS = ("inputs", "title", "notes", "connection", "disabled")


def _set(draft: Draft, given: Arguments) -> None:
    id_ = text(given, "id")
    module = maybe_text(given, "module")
    if module is not None:
        draft.must_be_module(module)
    found = draft.section("triggers").get(id_)
    if found is None:
        if module is None:
            raise Refused(f"There is no trigger {id_!r}: give its `module` to add one.")
        new_id(draft, id_)
        fresh: JsonObject = {"module": module, "inputs": {}}
        draft.section("triggers", make=True)[id_] = fresh
        found = fresh
    if not isinstance(found, dict):
        raise Refused(f"The trigger {id_!r} isn't an object: remove it and set it anew.")
    if module is not None:
        if found.get("module") != module:
            found.pop("version", None)
        put(found, "module", module, STEP_ORDER)
    if "version" in given:
        put(found, "version", given["version"], STEP_ORDER)
    for key in _KEYS:
        if key in given:
            put(found, key, given[key], STEP_ORDER)
    for key in texts(given, "clear"):
        if key not in _KEYS:
            raise Refused(f"`clear` can't take {key!r} away from a trigger: only {', '.join(_KEYS)}.")
        found.pop(key, None)
    for target in texts(given, "before"):
        draft.step(target)
        add_edge(draft, id_, "out", target)


def _remove(draft: Draft, given: Arguments) -> None:
    id_ = text(given, "id")
    triggers = draft.section("triggers")
    if id_ not in triggers:
        known = ", ".join(map(repr, triggers)) or "none"
        raise Refused(f"There is no trigger {id_!r}: there are {known}.")
    del triggers[id_]
    drop_edges(draft, lambda ends: ends[0] == id_)
    layout = draft.document.get("layout")
    if isinstance(layout, dict):
        layout.pop(id_, None)


OPERATIONS = (
    Operation(
        "set_trigger", "adds a trigger, or changes one", _set, ("id",), ("module", "version", *_KEYS, "before", "clear")
    ),
    Operation("remove_trigger", "removes a trigger and its edges", _remove, ("id",)),
)
