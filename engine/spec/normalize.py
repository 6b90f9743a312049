"""What saving a draft adds to it."""

from __future__ import annotations

from engine.expressions.values import Json
from engine.spec.catalog import Catalog
from engine.spec.upgrade import upgrade


def complete(document: Json, catalog: Catalog) -> Json:
    """The document in the present form, with the newest version of its module at each step and trigger that names none.

    Unknown modules and whatever has the wrong form stay as they are. The given value isn't changed.
    """
    document = upgrade(document)
    if not isinstance(document, dict):
        return document
    done = dict(document)
    for section in ("triggers", "steps"):
        rows = done.get(section)
        if isinstance(rows, dict):
            done[section] = {id_: _with_version(row, catalog) for id_, row in rows.items()}
    return done


def _with_version(row: Json, catalog: Catalog) -> Json:
    if not isinstance(row, dict) or row.get("version") is not None:
        return row
    name = row.get("module")
    newest = catalog.newest(name) if isinstance(name, str) else None
    if newest is None:
        return row
    completed: dict[str, Json] = {}
    for key, value in row.items():
        if key != "version":
            completed[key] = value
        if key == "module":  # beside the module, where an author would write it
            completed["version"] = newest
    return completed
