"""What lies between two documents, as single changes that can be put into one of them.

A change is a tuple that names what differs, and says nothing of how:

    ("step", id)  ("trigger", id)  ("edge", from, handle, to)  ("test", name)  ("field", key)

`field` is a whole member of the document: `output`, `settings`, `requires` … Steps and triggers are taken as wholes, edges are a set, and tests
go by their names. Where a section of either document has another form than it should have, it is a field as well.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, TypeAlias

from engine.expressions.values import Json
from engine.spec.document import JsonObject
from engine.spec.schema_words import same

Change: TypeAlias = tuple[str, ...]

_SECTIONS: Final = {"steps": "step", "triggers": "trigger"}


def changes_of(live: JsonObject, draft: JsonObject) -> tuple[Change, ...]:
    """Those that lead from `live` to `draft`, in the order of the draft; empty where they differ in nothing but order."""
    found: list[Change] = []
    for key in dict.fromkeys((*draft, *live)):
        old, new = _named(key, live), _named(key, draft)
        if old is None or new is None:
            if key not in live or key not in draft or not same(live[key], draft[key]):
                found.append(("field", key))
            continue
        found += [name for name in dict.fromkeys((*new, *old)) if _differs(old, new, name)]
    return tuple(found)


def document_of(live: JsonObject, draft: JsonObject, chosen: Collection[Change]) -> JsonObject:
    """The live document with these of the draft's changes alone: with none it is `live`, with all of them `draft`."""
    every = changes_of(live, draft)
    wanted = {change for change in every if change in chosen}
    if len(wanted) == len(every):
        return draft
    if not wanted:
        return live
    made: JsonObject = {}
    for key in dict.fromkeys((*draft, *live)):
        old, new = _named(key, live), _named(key, draft)
        if old is None or new is None:
            side = draft if ("field", key) in wanted else live
            if key in side:
                made[key] = side[key]
            continue
        kept = _kept(old, new, wanted)
        if kept or (key in live and key in draft):
            made[key] = {change[1]: value for change, value in kept.items()} if key in _SECTIONS else [*kept.values()]
    return made


def _kept(old: dict[Change, Json], new: dict[Change, Json], wanted: Collection[Change]) -> dict[Change, Json]:
    """In the order of the draft; what only the live document has comes last."""
    kept: dict[Change, Json] = {}
    for name in dict.fromkeys((*new, *old)):
        side = new if name in wanted and _differs(old, new, name) else old
        if name in side:
            kept[name] = side[name]
    return kept


def _differs(old: dict[Change, Json], new: dict[Change, Json], name: Change) -> bool:
    if name not in old or name not in new:
        return True
    # An edge is its ends and its handle: whether the usual one is written out means nothing.
    return name[0] != "edge" and not same(old[name], new[name])


def _named(key: str, document: JsonObject) -> dict[Change, Json] | None:
    """The members of a section by the change that each would be; None for what is a field."""
    value = document.get(key)
    if key in _SECTIONS:
        given = {} if key not in document else value
        return {(_SECTIONS[key], id_): row for id_, row in given.items()} if isinstance(given, dict) else None
    if key not in ("edges", "tests"):
        return None
    rows = [] if key not in document else value
    if not isinstance(rows, list):
        return None
    found: dict[Change, Json] = {}
    for row in rows:
        name = _edge(row) if key == "edges" else _test(row)
        if name is None or name in found:
            return None
        found[name] = row
    return found


def _edge(row: Json) -> Change | None:
    if not isinstance(row, dict) or not row.keys() <= {"from", "handle", "to"}:
        return None
    source, handle, target = row.get("from"), row.get("handle", "out"), row.get("to")
    if isinstance(source, str) and isinstance(handle, str) and isinstance(target, str):
        return ("edge", source, handle, target)
    return None


def _test(row: Json) -> Change | None:
    name = row.get("name") if isinstance(row, dict) else None
    return ("test", name) if isinstance(name, str) else None
