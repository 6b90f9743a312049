"""Classes that a source defines. Their metaclass marks them, and keeps them from inheriting what the guards decide by type."""

from __future__ import annotations

from typing import Any

from engine.sandbox.inside.python.names import METHODS, is_own

_GIVEN = frozenset(
    {"__module__", "__qualname__", "__doc__", "__classcell__", "__firstlineno__", "__static_attributes__"}
)


class Plain(type):
    """Bases are classes of the source, `object`, or an exception. Raises TypeError for another."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        for base in bases:
            if type(base) is not Plain and base is not object and not _is_exception(base):
                raise TypeError(f"a class can't inherit from {getattr(base, '__name__', base)!s} here")
        for key in namespace:
            if type(key) is not str or not (is_own(key) or key in METHODS or key in _GIVEN):
                raise TypeError(f"a class can't have the attribute {key!r} here")
        return super().__new__(cls, name, bases, namespace)


def _is_exception(base: object) -> bool:
    return type(base) is type and issubclass(base, Exception)
