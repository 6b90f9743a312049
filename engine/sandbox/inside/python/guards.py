"""What the rewritten source calls in place of reading, writing and importing. Each decides by the exact type of what it is given."""

from __future__ import annotations

import decimal
import operator
from collections.abc import Callable
from typing import Any

from engine.sandbox.inside.python.attributes import CLASSES, TYPES, WRITABLE, name_of, type_of
from engine.sandbox.inside.python.classes import Plain
from engine.sandbox.inside.python.formatting import Formatter
from engine.sandbox.inside.python.names import is_own

_operators: Any = operator
_AUGMENT: dict[str, Callable[[Any, Any], Any]] = {
    "+=": _operators.iadd,
    "-=": _operators.isub,
    "*=": _operators.imul,
    "/=": _operators.itruediv,
    "%=": _operators.imod,
    "**=": _operators.ipow,
    "<<=": _operators.ilshift,
    ">>=": _operators.irshift,
    "|=": _operators.ior,
    "^=": _operators.ixor,
    "&=": _operators.iand,
    "//=": _operators.ifloordiv,
    "@=": _operators.imatmul,
}
_CONTEXT = frozenset({"prec", "rounding"})
_OF_EXCEPTIONS = frozenset({"args"})
_NOT_OF_EXCEPTIONS = frozenset({"with_traceback", "add_note"})
_PLAIN_DATA = (str, int, float, bool, bytes, type(None))
_MISSING = object()


class Library:
    """A flat face of a library: names and what they stand for. Nothing else of the library can be reached by it."""

    __slots__ = ("_name", "_names")

    def __init__(self, name: str, names: dict[str, Any]) -> None:
        self._name = name
        self._names = names

    def __getattr__(self, name: str) -> Any:
        """Called by `from … import …`; sources read through the guard."""
        try:
            return self._names[name]
        except KeyError:
            raise AttributeError(f"{self._name!r} has no {name!r} here") from None

    def __repr__(self) -> str:
        return f"<library {self._name!r}>"


def get_attribute(value: Any, name: str, default: Any = _MISSING) -> Any:
    """`value.name`, if the value's type has it for sources. Raises AttributeError."""
    if type(name) is not str:
        raise TypeError("an attribute's name is text")
    try:
        return _get(value, name)
    except AttributeError:
        if default is _MISSING:
            raise
        return default


def _get(value: Any, name: str) -> Any:
    kind = type_of(value)
    if kind is Library:
        if not is_own(name):
            raise AttributeError(f"there is no {name!r} here")
        return Library.__getattr__(value, name)
    if name == "__name__":
        return name_of(value)
    listed = TYPES.get(kind)
    if listed is not None:
        if name in listed:
            return _formatting(value, name) if kind is str and name.startswith("format") else getattr(value, name)
    elif type(kind) is Plain:
        if _readable(kind, name):
            return getattr(value, name)
    elif kind is Plain:
        if _readable(value, name):
            return getattr(value, name)
    elif kind is super:
        if is_own(name) or name == "__init__":
            return getattr(value, name)
    elif kind is type:
        if name in CLASSES.get(value, ()):
            return getattr(value, name)
    elif issubclass(kind, BaseException):
        if name in _OF_EXCEPTIONS:
            return tuple(each if type(each) in _PLAIN_DATA else str(each) for each in value.args)
        if kind is StopIteration and name == "value":
            return value.value
    of = f"type object {name_of(value)!r}" if isinstance(value, type) else f"{name_of(kind)!r} object"
    raise AttributeError(f"{of} has no attribute {name!r} here")


def _readable(kind: Any, name: str) -> bool:
    return is_own(name) and not (name in _NOT_OF_EXCEPTIONS and issubclass(kind, BaseException))


def _formatting(text: str, name: str) -> Callable[..., str]:
    formatter = Formatter(get_attribute)
    if name == "format":
        return lambda *args, **kwargs: formatter.vformat(text, args, kwargs)

    def format_map(mapping: Any) -> str:
        return formatter.vformat(text, (), mapping)

    return format_map


def has_attribute(value: Any, name: str) -> bool:
    return get_attribute(value, name, _MISSING) is not _MISSING


def set_attribute(value: Any, name: str, to: Any) -> None:
    if type(name) is not str or not is_own(name):
        raise AttributeError(f"the attribute {name!r} can't be set here")
    setattr(_attributes_of(value, name), name, to)


def written(value: Any) -> Any:
    """The value itself, if its attributes or items may be set. Raises TypeError."""
    kind = type_of(value)
    if kind in WRITABLE or kind is Plain or type(kind) is Plain or kind is decimal.Context:
        return value
    raise TypeError(f"{name_of(kind)!r} object can't be changed here")


def _attributes_of(value: Any, name: str) -> Any:
    if type(value) is decimal.Context and name not in _CONTEXT:
        raise AttributeError(f"the attribute {name!r} can't be set here")
    return written(value)


def get_item(value: Any, key: Any) -> Any:
    return value[key]


def augmented(operation: str, value: Any, by: Any) -> Any:
    return _AUGMENT[operation](value, by)


def augment_item(operation: str, value: Any, key: Any, by: Any) -> None:
    written(value)[key] = _AUGMENT[operation](value[key], by)


def augment_attribute(operation: str, value: Any, name: str, by: Any) -> None:
    set_attribute(value, name, _AUGMENT[operation](get_attribute(value, name), by))


def applied(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)
