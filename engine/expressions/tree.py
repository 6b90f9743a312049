"""The closed tree of an expression: every kind of node that exists, and nothing that could name a Python attribute."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from engine.expressions.operators import Arithmetic, Comparison


@dataclass(frozen=True, slots=True)
class Const:
    """A literal scalar."""

    value: None | bool | int | float | str


@dataclass(frozen=True, slots=True)
class Name:
    """A name of the scope."""

    name: str


@dataclass(frozen=True, slots=True)
class Access:
    """`base.key`, `base[key]`."""

    base: "Node"
    key: "Node"


@dataclass(frozen=True, slots=True)
class Cut:
    """`base[start:stop:step]`."""

    base: "Node"
    start: "Node"
    stop: "Node"
    step: "Node"


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`, and `(a, b)`."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """`{key: value}`."""

    pairs: tuple[tuple["Node", "Node"], ...]


@dataclass(frozen=True, slots=True)
class Sign:
    """`-a`, `+a`."""

    op: Literal["-", "+"]
    operand: "Node"


@dataclass(frozen=True, slots=True)
class Calculation:
    """`left op right`."""

    op: Arithmetic
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Joined:
    """`a ~ b ~ c`."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """`a < b <= c`: each pair must hold."""

    first: "Node"
    rest: tuple[tuple[Comparison, "Node"], ...]


@dataclass(frozen=True, slots=True)
class Logic:
    """`left and right`, `left or right`; gives the operand that decided."""

    op: Literal["and", "or"]
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Inverted:
    """`not a`."""

    operand: "Node"


@dataclass(frozen=True, slots=True)
class Choice:
    """`then if test else other`; without an `else` a false test gives a missing value."""

    test: "Node"
    then: "Node"
    other: "Node | None"


@dataclass(frozen=True, slots=True)
class Filtered:
    """`base | name(args, key=…)`."""

    name: str
    base: "Node"
    args: tuple["Node", ...]
    named: tuple[tuple[str, "Node"], ...]


@dataclass(frozen=True, slots=True)
class Tested:
    """`base is name(args)`."""

    name: str
    base: "Node"
    args: tuple["Node", ...]
    named: tuple[tuple[str, "Node"], ...]


Node: TypeAlias = (
    Const
    | Name
    | Access
    | Cut
    | ListOf
    | ObjectOf
    | Sign
    | Calculation
    | Joined
    | Compared
    | Logic
    | Inverted
    | Choice
    | Filtered
    | Tested
)


def constant_key(node: Node) -> str | int | None:
    """The key that an access node's `key` spells out, or None when it is computed."""
    if isinstance(node, Const) and (type(node.value) is str or type(node.value) is int):
        return node.value
    if isinstance(node, Sign) and isinstance(node.operand, Const) and type(node.operand.value) is int:
        return -node.operand.value if node.op == "-" else node.operand.value
    return None


def written(node: Node) -> str:
    """How a path stands in the text (`steps.a.output[0]`), or "" for what isn't a plain path."""
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Access):
        base = written(node.base)
        key = constant_key(node.key)
        if not base or key is None:
            return ""
        return f"{base}.{key}" if type(key) is str and key.isidentifier() else f"{base}[{key!r}]"
    return ""
