"""What belongs to the document as a whole: texts, output, settings, what it requires."""

from __future__ import annotations

from copilot.edits.operation import (
    DOCUMENT_ORDER,
    Arguments,
    Draft,
    JsonObject,
    Operation,
    Refused,
    an_object,
    put,
    texts,
)
from engine.expressions.values import Json

_TEXTS = ("title", "description", "input_schema")
_SETTINGS = ("timeout", "finally_timeout", "max_concurrent_runs", "concurrency_key", "log", "retention_days")
_REQUIRES = ["variables", "connections"]


def _set_document(draft: Draft, given: Arguments) -> None:
    cleared = texts(given, "clear")
    if not cleared and not any(key in given for key in _TEXTS):
        raise Refused(f"Say what to set: {', '.join(_TEXTS)}, or `clear`.")
    for key in cleared:
        if key not in _TEXTS:
            raise Refused(f"`clear` can't take {key!r} away: only {', '.join(_TEXTS)}.")
        draft.document.pop(key, None)
    for key in _TEXTS:
        if key in given:
            put(draft.document, key, given[key], DOCUMENT_ORDER)


def _set_output(draft: Draft, given: Arguments) -> None:
    if "value" not in given:
        raise Refused("`set_output` needs `value`; `remove_output` takes it away.")
    put(draft.document, "output", given["value"], DOCUMENT_ORDER)


def _remove_output(draft: Draft, given: Arguments) -> None:
    if "output" not in draft.document:
        raise Refused("The document has no output.")
    del draft.document["output"]


def _set_settings(draft: Draft, given: Arguments) -> None:
    cleared = texts(given, "clear")
    changes = an_object(given, "settings") if "settings" in given else {}
    if not cleared and not changes:
        raise Refused(f"Say what to set by `settings` ({', '.join(_SETTINGS)}), or take away by `clear`.")
    for key in (*changes, *cleared):
        if key not in _SETTINGS:
            raise Refused(f"There is no setting {key[:60]!r}: {', '.join(_SETTINGS)}.")
    settings = draft.section("settings", make=True)
    for key, value in changes.items():
        put(settings, key, value, [*_SETTINGS])
    for key in cleared:
        settings.pop(key, None)


def _require(draft: Draft, given: Arguments) -> None:
    names = texts(given, "variables")
    connections = an_object(given, "connections") if "connections" in given else {}
    if not names and not connections:
        raise Refused("Say what is required: `variables` (names), `connections` (name to app).")
    requires = draft.section("requires", make=True)
    if names:
        listed = requires.get("variables", [])
        if not isinstance(listed, list):
            raise Refused("`requires.variables` isn't a list; that must be mended first.")
        put(requires, "variables", [*listed, *(name for name in dict.fromkeys(names) if name not in listed)], _REQUIRES)
    if connections:
        known = requires.get("connections", {})
        if not isinstance(known, dict):
            raise Refused("`requires.connections` isn't an object; that must be mended first.")
        made: JsonObject = {**known}
        for name, app in connections.items():
            if not isinstance(app, str):
                raise Refused(f"`connections` gives the app of each, as {{{name!r}: 'slack'}}.")
            made[name] = {"app": app}
        put(requires, "connections", made, _REQUIRES)


def _unrequire(draft: Draft, given: Arguments) -> None:
    requires = draft.section("requires")
    names = texts(given, "clear")
    for name in names:
        listed, known = requires.get("variables"), requires.get("connections")
        if isinstance(listed, list) and name in listed:
            kept: list[Json] = [each for each in listed if each != name]
            requires["variables"] = kept
        elif isinstance(known, dict) and name in known:
            del known[name]
        else:
            raise Refused(f"The document requires no variable and no connection {name!r}.")
    for key in _REQUIRES:
        if requires.get(key) in ([], {}):
            del requires[key]
    if not requires and "requires" in draft.document:
        del draft.document["requires"]


OPERATIONS = (
    Operation("set_document", "title, description, input_schema", _set_document, (), (*_TEXTS, "clear")),
    Operation("set_output", "what a run gives", _set_output, (), ("value",)),
    Operation("remove_output", "takes the output away", _remove_output),
    Operation("set_settings", "merges settings", _set_settings, (), ("settings", "clear")),
    Operation("require", "lists variables and connections that it needs", _require, (), ("variables", "connections")),
    Operation("unrequire", "takes names off that list", _unrequire, ("clear",)),
)
