"""Typed edits of a draft: a pure function from a document and operations to the document that results, or to what stands against it.

All operations are done in their order, or none. What isn't named isn't touched: an operation changes the parts that
it is about, and the order of keys and steps stays. The result may have findings (the validator's business); it is
only never half an edit. Any JSON may be given for both, and nothing is raised.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from copilot.edits import containers, edges, inputs, rename, steps, testing, triggers, whole
from copilot.edits.operation import Draft, Operation, Refused
from copilot.edits.parameters import PARAMETERS
from engine.expressions.nearest import suggestion
from engine.expressions.values import Json
from engine.input_check import check_now
from engine.spec.catalog import Catalog

JsonObject: TypeAlias = "dict[str, Json]"

MOST_OPERATIONS: Final = 200

OPERATIONS: Final[Mapping[str, Operation]] = {
    operation.name: operation
    for group in (steps, rename, inputs, edges, containers, triggers, whole, testing)
    for operation in group.OPERATIONS
}


@dataclass(frozen=True, slots=True)
class Misfit:
    """What is wrong with one operation. `index` counts from 0; -1 for what is wrong with all."""

    index: int
    op: str | None
    message: str

    def to_json(self) -> JsonObject:
        return {"operation": self.index, "op": self.op, "message": self.message}


def apply(document: Json, operations: Json, catalog: Catalog) -> JsonObject | list[Misfit]:
    """The document that results, a new value; or the problems, of which the first one ended the edit. Misfits of form are all told at once."""
    if not isinstance(document, dict):
        return [
            Misfit(-1, None, "The draft isn't an object, so nothing can be changed in it: save a whole document first.")
        ]
    if not isinstance(operations, list) or not operations:
        return [Misfit(-1, None, "Give `operations`, a list of at least one.")]
    if len(operations) > MOST_OPERATIONS:
        return [
            Misfit(-1, None, f"{len(operations):,} operations are too many: at most {MOST_OPERATIONS} in one call.")
        ]
    misfits = [problem for at, given in enumerate(operations) if (problem := _misfit(at, given)) is not None]
    if misfits:
        return misfits
    draft = Draft(copy.deepcopy(document), catalog)
    for at, given in enumerate(operations):
        assert isinstance(given, dict)
        name = str(given["op"])
        try:
            OPERATIONS[name].change(draft, copy.deepcopy(given))
        except Refused as refused:
            return [Misfit(at, name, refused.sentence)]
    return draft.document


def _misfit(at: int, given: Json) -> Misfit | None:
    if not isinstance(given, dict):
        return Misfit(at, None, "An operation is an object with `op`.")
    name = given.get("op")
    operation = OPERATIONS.get(name) if isinstance(name, str) else None
    if operation is None:
        shown = name[:60] if isinstance(name, str) else name
        return Misfit(
            at, None, f"There is no operation {shown!r}: {', '.join(OPERATIONS)}.{suggestion(str(name), OPERATIONS)}"
        )
    known = (*operation.needs, *operation.takes)
    for key in given:
        if key != "op" and key not in known:
            return Misfit(
                at, operation.name, f"It takes no `{key[:60]}`, only {', '.join(known)}.{suggestion(key, known)}"
            )
    missing = [key for key in operation.needs if key not in given]
    if missing:
        return Misfit(at, operation.name, f"It needs {', '.join(f'`{key}`' for key in missing)}.")
    for key, value in given.items():
        if key != "op":
            wrong = check_now(PARAMETERS[key], value)
            first = wrong[0] if wrong else None
            if isinstance(first, dict):
                return Misfit(at, operation.name, f"`{key}` doesn't fit: {first['message']}.")
    return None


def schema() -> JsonObject:
    """Of one operation, for the model: flat, with what each `op` needs and takes in its description."""
    lines = [f"{each.name}({_signature(each)}): {each.does}" for each in OPERATIONS.values()]
    names: list[Json] = [*OPERATIONS]
    op: JsonObject = {"type": "string", "enum": names, "description": "; ".join(lines)}
    return {
        "type": "object",
        "properties": {"op": op, **PARAMETERS},
        "required": ["op"],
        "additionalProperties": False,
    }


def _signature(operation: Operation) -> str:
    return ", ".join([*operation.needs, *(f"{name}?" for name in operation.takes)])
