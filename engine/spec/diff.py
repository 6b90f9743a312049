"""What changed between two versions, by step, input and edge.

    {"steps": [{"id", "change": "added|removed|changed", "inputs": [CHANGE…]}],
     "edges": [{"change": "added|removed", "edge": {"from", "handle", "to"}}],
     "other": [CHANGE…]}                    CHANGE = {"path", "change": "added|removed|changed", "from", "to"}

Paths are JSON Pointers: in `steps` inside the step (`/inputs/url`, `/retry/max_attempts`), in `other` inside the document
(`/settings/timeout`, `/triggers/hook/inputs/mode`). A whole step that came or went is one change with the path "".
`from` and `to` are null where there is nothing; `change` tells that from a null that stands there.

Objects are compared key by key, lists as a whole: what an author sees as one value is one change. Edges are a set; their order and an
explicit `handle: out` mean nothing. Two documents with the same content hash and layout give an empty diff.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.expressions.values import Json
from engine.spec.document import JsonObject
from engine.spec.pointer import child
from engine.spec.schema_words import same

EdgeKey = tuple[str, str, str]


def diff(before: Json, after: Json) -> JsonObject:
    """The changes that lead from `before` to `after`. Any JSON may be given; nothing is raised."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return {"steps": [], "edges": [], "other": list(_changes(before, after, ""))}
    steps = _steps(before.get("steps"), after.get("steps"))
    edges = _edges(before.get("edges"), after.get("edges"))
    other: list[Json] = []
    for key in dict.fromkeys((*before, *after)):
        if (key == "steps" and steps is not None) or (key == "edges" and edges is not None):
            continue
        other.extend(_member(before, after, key, ""))
    return {"steps": steps or [], "edges": edges or [], "other": other}


def _steps(before: Json, after: Json) -> list[Json] | None:
    """None where they aren't objects of steps, and are compared like any value."""
    old, new = ({} if each is None else each for each in (before, after))
    if not isinstance(old, dict) or not isinstance(new, dict):
        return None
    found: list[Json] = []
    for id_ in dict.fromkeys((*old, *new)):
        changes = list(_member(old, new, id_, "", path=""))
        if changes:
            change = "added" if id_ not in old else "removed" if id_ not in new else "changed"
            found.append({"id": id_, "change": change, "inputs": changes})
    return found


def _edges(before: Json, after: Json) -> list[Json] | None:
    old, new = _keys(before), _keys(after)
    if old is None or new is None:
        return None
    removed: list[Json] = [{"change": "removed", "edge": _edge(key)} for key in sorted(old - new)]
    return [*removed, *({"change": "added", "edge": _edge(key)} for key in sorted(new - old))]


def _keys(edges: Json) -> set[EdgeKey] | None:
    if edges is None:
        return set()
    if not isinstance(edges, list):
        return None
    found: set[EdgeKey] = set()
    for edge in edges:
        if not isinstance(edge, dict) or not edge.keys() <= {"from", "handle", "to"}:
            return None
        source, handle, target = edge.get("from"), edge.get("handle", "out"), edge.get("to")
        if not isinstance(source, str) or not isinstance(handle, str) or not isinstance(target, str):
            return None
        found.add((source, handle, target))
    return found


def _edge(key: EdgeKey) -> JsonObject:
    return {"from": key[0], "handle": key[1], "to": key[2]}


def _member(before: JsonObject, after: JsonObject, key: str, at: str, *, path: str | None = None) -> Iterator[Json]:
    here = child(at, key) if path is None else path
    if key not in before:
        yield {"path": here, "change": "added", "from": None, "to": after[key]}
    elif key not in after:
        yield {"path": here, "change": "removed", "from": before[key], "to": None}
    else:
        yield from _changes(before[key], after[key], here)


def _changes(before: Json, after: Json, at: str) -> Iterator[Json]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from _member(before, after, key, at)
    elif not same(before, after):
        yield {"path": at, "change": "changed", "from": before, "to": after}
