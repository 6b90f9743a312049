"""Which variables a compiled document reads, and where it does so at a place that may hold no secret.

The validator tells the same of a document that is being written (`secret.misplaced`). A variable may become a secret after a document was
deployed, though; so a run is looked at once more when it starts, over what it was compiled to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from engine.core.compiled import CompiledJson
from engine.expressions.errors import ExpressionError
from engine.expressions.template import compile_value
from engine.expressions.values import Json
from engine.spec.rules.references import SECRET_TRIGGER_FIELDS
from engine.spec.uses import texts_of

JsonObject = dict[str, Json]


@dataclass(frozen=True, slots=True)
class VariableUses:
    """`names`: all variables that are read. `barred`: those read where no secret may stand, each with one such place."""

    names: frozenset[str]
    barred: dict[str, str]


def variable_uses(compiled: CompiledJson) -> VariableUses:
    names: list[str] = []
    barred: dict[str, str] = {}
    for value, place, may in _places(compiled):
        for name in _variables(value):
            names.append(name)
            if not may:
                barred.setdefault(name, place)
    return VariableUses(frozenset(names), barred)


def _places(compiled: CompiledJson) -> Iterator[tuple[Json, str, bool]]:
    """Each value with expressions, where it stands, and whether secrets may."""
    document = cast("JsonObject", compiled["document"])
    modules = cast("dict[str, JsonObject]", compiled["modules"])
    split = cast("dict[str, JsonObject]", compiled["inputs"])
    for id_, step in _section(document, "steps"):
        may = _takes_secrets(modules[f"{step['module']}@{step['version']}"])
        place = f"/steps/{id_}/inputs"
        parts = split.get(id_)
        if parts is None:
            yield step.get("inputs"), place, may
        else:
            yield parts["now"], place, may
            for value in cast("JsonObject", parts["later"]).values():
                yield value, place, may
        throttle = step.get("throttle")
        if isinstance(throttle, dict):
            yield throttle.get("key"), f"/steps/{id_}/throttle/key", False
    for id_, trigger in _section(document, "triggers"):
        inputs = trigger.get("inputs")
        for field, value in inputs.items() if isinstance(inputs, dict) else ():
            yield value, f"/triggers/{id_}/inputs/{field}", (str(trigger["module"]), field) in SECRET_TRIGGER_FIELDS
    settings = document.get("settings")
    if isinstance(settings, dict):
        yield settings.get("concurrency_key"), "/settings/concurrency_key", False
    yield document.get("output"), "/output", False


def _section(document: JsonObject, name: str) -> list[tuple[str, JsonObject]]:
    rows = document.get(name)
    return list(cast("dict[str, JsonObject]", rows).items()) if isinstance(rows, dict) else []


def _takes_secrets(module: JsonObject) -> bool:
    if module.get("keeps") is True:
        return False
    effect = cast("JsonObject", module["effect"])
    cases = effect.get("cases")
    if not isinstance(cases, dict):
        return effect["effect"] != "none"
    outcomes = [cast("JsonObject", case) for case in (*cases.values(), effect["default"])]
    return any(case["effect"] != "none" for case in outcomes)


def _variables(value: Json) -> Iterator[str]:
    for text, _ in texts_of(value, ""):
        try:
            references = compile_value(text).references
        except ExpressionError:
            continue  # it fails where it is evaluated
        for reference in references:
            if len(reference.path) > 1 and reference.path[0] == "vars":
                yield str(reference.path[1])
