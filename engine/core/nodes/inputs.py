"""Reading resolved inputs: what an expression gave may be anything, so each construct says what it takes."""

from __future__ import annotations

from engine.core.errors import Failed, StepError
from engine.core.node import Inputs
from engine.expressions.durations import parse_duration
from engine.expressions.errors import NeedsData
from engine.expressions.values import Ref, Value, kind


def invalid(name: str, wanted: str, value: object) -> Failed:
    """The failure that says what an input should have been."""
    return Failed(
        StepError("input.invalid", f"{name!r} must be {wanted}, not a {kind(value)}", details={"field": name})
    )


def here(value: Value) -> Value:
    """The value, for looking inside; raises NeedsData where it is kept elsewhere."""
    if isinstance(value, Ref):
        raise NeedsData(value)
    return value


def text(inputs: Inputs, name: str, default: str | None = None) -> str:
    value = here(inputs.get(name, default))
    if not isinstance(value, str):
        raise invalid(name, "a text", value)
    return value


def whole_number(inputs: Inputs, name: str, default: int, least: int, most: int) -> int:
    value = here(inputs.get(name, default))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(name, "a whole number", value)
    if not least <= value <= most:
        raise Failed(
            StepError("input.invalid", f"{name!r} must be from {least} to {most}, not {value}", details={"field": name})
        )
    return value


def choice(inputs: Inputs, name: str, default: str, choices: tuple[str, ...]) -> str:
    value = text(inputs, name, default)
    if value not in choices:
        listed = ", ".join(repr(one) for one in choices)
        raise Failed(StepError("input.invalid", f"{name!r} must be one of {listed}", details={"field": name}))
    return value


def an_object(inputs: Inputs, name: str) -> dict[str, Value]:
    value = here(inputs.get(name, {}))
    if not isinstance(value, dict):
        raise invalid(name, "an object", value)
    return value


def seconds(inputs: Inputs, name: str) -> float | None:
    """A duration; None where none is given."""
    value = inputs.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise invalid(name, "a duration such as '10s'", value)
    try:
        return parse_duration(value)
    except ValueError as error:
        raise Failed(StepError("input.invalid", f"{name!r}: {error}", details={"field": name})) from None
