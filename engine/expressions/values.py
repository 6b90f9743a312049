"""The values that expressions see: JSON, and whole values kept elsewhere.

Only exact built-in types count. Evaluation never copies what merely passes through, so results share structure with
the scope: whoever gets a result must not change it in place.
"""

from dataclasses import dataclass
from typing import TypeAlias, cast

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"


@dataclass(frozen=True, slots=True)
class Ref:
    """A whole value that is kept elsewhere.

    `ref` is its address in the store, `size` its bytes as JSON, `type` its JSON type (`object`, `array`, `string`).
    """

    ref: str
    size: int
    type: str


Value: TypeAlias = "None | bool | int | float | str | Ref | list[Value] | dict[str, Value]"


def as_value(data: Json) -> Value:
    """JSON seen as a value (which it always is; lists and dicts are invariant to the type checker)."""
    return cast("Value", data)


def refs_in(value: Value) -> list[Ref]:
    """Every reference in a value, however deep."""
    found: list[Ref] = []
    waiting: list[Value] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Ref):
            found.append(one)
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return found


def kind(value: object) -> str:
    """What a person calls the type of a value."""
    return _KINDS.get(type(value), "value of a foreign type")


_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "list",
    dict: "object",
    Ref: "reference",
}


def is_number(value: object) -> bool:
    """True for integers and floats; a boolean is none."""
    return type(value) is int or type(value) is float


def to_json(value: Value) -> Json:
    """The JSON form of a value: each reference in it as `{"$ref", "size", "type"}`."""
    if type(value) is list:
        return [to_json(item) for item in value]
    if type(value) is dict:
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, Ref):
        return {"$ref": value.ref, "size": value.size, "type": value.type}
    return cast("Json", value)


def from_json(data: Json) -> Value:
    """The inverse of `to_json`: an object of exactly the keys `$ref`, `size` and `type` is a reference."""
    if type(data) is list:
        return [from_json(item) for item in data]
    if type(data) is dict:
        if len(data) == 3 and "$ref" in data:
            ref, size, kind_ = data["$ref"], data.get("size"), data.get("type")
            if type(ref) is str and type(size) is int and type(kind_) is str:
                return Ref(ref, size, kind_)
        return {key: from_json(item) for key, item in data.items()}
    return cast("Value", data)
