"""Whether arguments fit a tool's schema, told to the model in one sentence."""

from __future__ import annotations

from collections.abc import Mapping

from engine.expressions.nearest import suggestion
from engine.expressions.values import Json
from engine.input_check import check_now


def misfit(schema: Mapping[str, Json], arguments: Json) -> str | None:
    """None where they fit."""
    if not isinstance(arguments, dict):
        return "they must be one JSON object."
    properties = schema.get("properties")
    known = list(properties) if isinstance(properties, dict) else []
    for name in arguments:
        if name not in known:
            return f"there is no argument {name[:60]!r}, only {', '.join(f'`{each}`' for each in known)}.{suggestion(name, known)}"
    # Null stands for what isn't given: strict endpoints make models write every property.
    given: dict[str, Json] = {name: value for name, value in arguments.items() if value is not None}
    wrong = check_now(dict(schema), given)
    first = wrong[0] if wrong else None
    if not isinstance(first, dict):
        return None
    place = first["path"]
    return f"{place}: {first['message']}." if place else f"{first['message']}."
