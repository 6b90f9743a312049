"""Which names a source may use. Names with a leading underscore are its own, but for those that the guards have, and most with two."""

from __future__ import annotations

import re

_OWN = re.compile(r"_|_[^\W_](?:\w*[^\W_])?|[^\W_]\w*")
"""`_`, `_private`, `plain_`: no two underscores at the start, none at both ends."""
_TEMPORARY = re.compile(r"_tmp\d+")

METHODS = frozenset(
    f"__{name}__"
    for name in [
        "init",
        "repr",
        "str",
        "bool",
        "len",
        "iter",
        "next",
        "getitem",
        "setitem",
        "delitem",
        "contains",
        "call",
        "enter",
        "exit",
        "hash",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "neg",
        "pos",
        "abs",
        "radd",
        "rsub",
        "rmul",
        "rtruediv",
        "and",
        "or",
        "xor",
        "int",
        "float",
        "index",
    ]
)
"""The special methods that a class may define."""
READ = frozenset({"__name__"})
"""The special names that an expression may read, of functions and classes."""


def is_own(name: str) -> bool:
    """A name for variables, parameters, attributes, functions and classes."""
    return _OWN.fullmatch(name) is not None and _TEMPORARY.fullmatch(name) is None
