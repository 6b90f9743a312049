"""The names that a source finds without importing."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from RestrictedPython import Guards

from engine.sandbox.inside.answer import Speaker
from engine.sandbox.inside.python import guards
from engine.sandbox.inside.python.attributes import type_of
from engine.sandbox.inside.python.classes import Plain

_AS_THEY_ARE = (
    "None True False Ellipsis NotImplemented abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod "
    "enumerate filter float "
    "frozenset hash hex int isinstance issubclass iter len list map max min next object oct ord pow property range repr reversed round "
    "set slice sorted "
    "staticmethod str sum super tuple zip "
    "ArithmeticError AssertionError AttributeError Exception FloatingPointError ImportError IndexError KeyError LookupError "
    "ModuleNotFoundError "
    "NameError NotImplementedError OverflowError RecursionError RuntimeError StopIteration TypeError UnboundLocalError UnicodeDecodeError "
    "UnicodeEncodeError UnicodeError ValueError ZeroDivisionError MemoryError"
)
_SINGLE = object()


def builtins_of(speaker: Speaker, import_: Callable[..., Any]) -> dict[str, Any]:
    known: dict[str, Any] = {name: getattr(builtins, name) for name in _AS_THEY_ARE.split()}
    known.update(
        {
            "__import__": import_,
            "__build_class__": builtins.__build_class__,
            "getattr": guards.get_attribute,
            "hasattr": guards.has_attribute,
            "setattr": guards.set_attribute,
            "print": _printing(speaker),
            "format": _format,
            "type": _type,
        }
    )
    return known


def guards_of() -> dict[str, Any]:
    """The names that only the rewritten source can use."""
    unpacking: Any = Guards
    return {
        "_getattr_": guards.get_attribute,
        "_getitem_": guards.get_item,
        "_getiter_": iter_of,
        "_iter_unpack_sequence_": unpacking.guarded_iter_unpack_sequence,
        "_unpack_sequence_": unpacking.guarded_unpack_sequence,
        "_write_": guards.written,
        "_inplacevar_": guards.augmented,
        "_augment_item_": guards.augment_item,
        "_augment_attribute_": guards.augment_attribute,
        "_apply_": guards.applied,
        "__metaclass__": Plain,
    }


def iter_of(value: Any) -> Any:
    """Iterating reads no attribute by a name that the source chose, so any value may be iterated that can."""
    return value


def _printing(speaker: Speaker) -> Callable[..., None]:
    open_line: list[str] = []

    def print_(
        *values: Any, sep: str | None = " ", end: str | None = "\n", file: None = None, flush: bool = False
    ) -> None:
        said = (" " if sep is None else sep).join(str(value) for value in values) + ("\n" if end is None else end)
        if file is not None:
            file.write(said)
            return
        open_line.append(said)
        if "\n" in said:
            *lines, rest = "".join(open_line).split("\n")
            open_line.clear()
            if rest:
                open_line.append(rest)
            speaker.log("info", "\n".join(lines))
        elif sum(map(len, open_line)) > 8192:
            speaker.log("info", "".join(open_line))
            open_line.clear()

    return print_


def _format(value: Any, spec: str = "") -> str:
    return format(value, spec)


def _type(value: Any) -> type[Any]:
    """Of one value; classes are made by `class` alone."""
    return type_of(value)
