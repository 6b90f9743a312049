"""The document's own tests, by name."""

from __future__ import annotations

from copilot.edits.operation import Arguments, Draft, JsonObject, Operation, Refused, an_object, text
from engine.expressions.nearest import suggestion
from engine.expressions.values import Json


def _place(draft: Draft, name: str) -> int:
    rows = draft.rows("tests")
    for place, row in enumerate(rows):
        if isinstance(row, dict) and row.get("name") == name:
            return place
    raise Refused(f"There is no test {name!r}.{suggestion(name, _names(rows))}")


def _names(rows: list[Json]) -> list[str]:
    return [name for row in rows if isinstance(row, dict) and isinstance(name := row.get("name"), str)]


def _named(test: JsonObject) -> str:
    name = test.get("name")
    if not isinstance(name, str) or not name:
        raise Refused("A test needs a `name` inside of `test`.")
    return name


def _add(draft: Draft, given: Arguments) -> None:
    test = an_object(given, "test")
    name = _named(test)
    if name in _names(draft.rows("tests")):
        raise Refused(f"There is a test {name!r} already: `set_test` replaces it.")
    draft.rows("tests", make=True).append(test)


def _set(draft: Draft, given: Arguments) -> None:
    name, test = text(given, "name"), an_object(given, "test")
    place = _place(draft, name)
    renamed = _named({"name": name, **test})
    if renamed != name and renamed in _names(draft.rows("tests")):
        raise Refused(f"There is a test {renamed!r} already.")
    draft.rows("tests")[place] = {"name": name, **test}


def _remove(draft: Draft, given: Arguments) -> None:
    place = _place(draft, text(given, "name"))
    del draft.rows("tests")[place]


OPERATIONS = (
    Operation("add_test", "a new test", _add, ("test",)),
    Operation("set_test", "replaces a test", _set, ("name", "test")),
    Operation("remove_test", "removes a test", _remove, ("name",)),
)
