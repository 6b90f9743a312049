"""What a source is turned into: Python whose every attribute, write, import and class goes through a guard.

RestrictedPython does the rewriting; this widens what it allows where people need it, and the guards stay able to decide:

- annotations are dropped, so that they may be written
- `x[k] += 1` and `x.a += 1` become calls of a guard, with each part evaluated once
- `print` is a plain function; `global`, `nonlocal`, names like `_private`, and the special methods in `names.METHODS` are allowed
- `super().__init__(…)` and `x.__name__` may be read, and the guard says of what

Refused: `async`, `match` (its class patterns read attributes past the guards), `except*`, `import *`, metaclasses, template strings, type
parameters. A kind
of node that is in neither list refuses to load, so a new Python is looked at before it is used.
"""

from __future__ import annotations

import ast
from typing import Any, cast

from RestrictedPython.transformer import IOPERATOR_TO_STR, RestrictingNodeTransformer, copy_locations

from engine.sandbox.inside.answer import Fault
from engine.sandbox.inside.frames import LARGEST_SOURCE
from engine.sandbox.inside.python.libraries import contents
from engine.sandbox.inside.python.names import METHODS, READ, is_own

FILE = "<source>"
_OPERATORS: dict[Any, str] = dict(IOPERATOR_TO_STR)
MOST_NODES = 20_000
DEEPEST = 150
_SUGGEST = {
    "AsyncFunctionDef": "`async def` is not available: there is nothing to wait for; use `def`",
    "Await": "`await` is not available: there is nothing to wait for",
    "AsyncFor": "`async for` is not available",
    "AsyncWith": "`async with` is not available",
    "Match": "`match` is not available: use `if` and `elif`",
    "TryStar": "`except*` is not available: use `except`",
    "TemplateStr": "template strings are not available: use an f-string",
    "TypeAlias": "`type` statements are not available: leave them out",
}
ALLOWED = frozenset(
    [
        "Add",
        "And",
        "AnnAssign",
        "Assert",
        "Assign",
        "Attribute",
        "AugAssign",
        "BinOp",
        "BitAnd",
        "BitOr",
        "BitXor",
        "BoolOp",
        "Break",
        "Call",
        "ClassDef",
        "Compare",
        "Constant",
        "Continue",
        "Del",
        "Delete",
        "Dict",
        "DictComp",
        "Div",
        "Eq",
        "ExceptHandler",
        "Expr",
        "FloorDiv",
        "For",
        "FormattedValue",
        "FunctionDef",
        "GeneratorExp",
        "Global",
        "Gt",
        "GtE",
        "If",
        "IfExp",
        "Import",
        "ImportFrom",
        "In",
        "Invert",
        "Is",
        "IsNot",
        "JoinedStr",
        "LShift",
        "Lambda",
        "List",
        "ListComp",
        "Load",
        "Lt",
        "LtE",
        "MatMult",
        "Mod",
        "Module",
        "Mult",
        "Name",
        "NamedExpr",
        "Nonlocal",
        "Not",
        "NotEq",
        "NotIn",
        "Or",
        "Pass",
        "Pow",
        "RShift",
        "Raise",
        "Return",
        "Set",
        "SetComp",
        "Slice",
        "Starred",
        "Store",
        "Sub",
        "Subscript",
        "Try",
        "Tuple",
        "UAdd",
        "USub",
        "UnaryOp",
        "While",
        "With",
        "Yield",
        "YieldFrom",
        "alias",
        "arg",
        "arguments",
        "comprehension",
        "keyword",
        "withitem",
    ]
)
REFUSED = frozenset(
    [
        "AsyncFor",
        "AsyncFunctionDef",
        "AsyncWith",
        "Await",
        "Expression",
        "FunctionType",
        "Interactive",
        "Interpolation",
        "Match",
        "MatchAs",
        "MatchClass",
        "MatchMapping",
        "MatchOr",
        "MatchSequence",
        "MatchSingleton",
        "MatchStar",
        "MatchValue",
        "ParamSpec",
        "TemplateStr",
        "TryStar",
        "TypeAlias",
        "TypeIgnore",
        "TypeVar",
        "TypeVarTuple",
        "match_case",
        "AugLoad",
        "AugStore",
        "Bytes",
        "Ellipsis",
        "ExtSlice",
        "Index",
        "NameConstant",
        "Num",
        "Param",
        "Str",
        "Suite",
        "AST",
        "boolop",
        "cmpop",
        "excepthandler",
        "expr",
        "expr_context",
        "mod",
        "operator",
        "pattern",
        "slice",
        "stmt",
        "type_ignore",
        "type_param",
        "unaryop",
    ]
)
"""What no source has, or may not have; the last lines are what older Pythons had, and abstract kinds."""


class Refused(Exception):
    """The source can't be used; it has at least one problem."""

    def __init__(self, problems: list[Fault]) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


def unknown_nodes() -> list[str]:
    """Kinds of node of this Python that nobody has looked at."""
    kinds = [kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)]
    return sorted({kind.__name__ for kind in kinds} - ALLOWED - REFUSED)


def restricted(source: str) -> ast.Module:
    """The rewritten tree. Raises Refused, or MemoryError and RecursionError for a source that is beyond reading."""
    if len(source.encode("utf-8", "surrogatepass")) > LARGEST_SOURCE:
        raise Refused([Fault(None, None, f"the source is longer than {LARGEST_SOURCE:,} bytes")])
    try:
        tree = ast.parse(source, FILE)
    except SyntaxError as error:
        raise Refused([Fault(error.lineno, error.offset, error.msg)]) from None
    except ValueError as error:  # NUL, lone surrogates, integers too long to be read
        raise Refused([Fault(None, None, str(error))]) from None
    _measure(tree)
    policy = Policy()
    rewritten = policy.visit(tree)
    if policy.found:
        raise Refused(sorted(policy.found, key=lambda each: (each.line or 0, each.column or 0)))
    return cast("ast.Module", ast.fix_missing_locations(rewritten))


def _measure(tree: ast.AST) -> None:
    """Level by level, so that depth costs no stack."""
    count, level = 0, [tree]
    for _ in range(DEEPEST):
        count += len(level)
        if count > MOST_NODES:
            raise Refused([Fault(None, None, f"the source has more than {MOST_NODES:,} parts: split it up")])
        level = [below for each in level for below in ast.iter_child_nodes(each)]
        if not level:
            return
    line = getattr(level[0], "lineno", None)
    raise Refused([Fault(line, None, "the source is nested too deeply here")])


class Policy(RestrictingNodeTransformer):
    """`found` are the reasons to refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Fault] = []

    def error(self, node: ast.AST, info: str) -> None:
        column = getattr(node, "col_offset", None)
        self.found.append(Fault(getattr(node, "lineno", None), None if column is None else column + 1, info))

    def not_allowed(self, node: ast.AST) -> None:
        kind = type(node).__name__
        self.error(node, _SUGGEST.get(kind, f"{kind!r} is not available"))

    def visit(self, node: ast.AST) -> Any:
        if type(node).__name__ not in ALLOWED:
            self.not_allowed(node)
            return node
        return super().visit(node)

    def check_name(self, node: Any, name: str | None, allow_magic_methods: bool = False) -> None:
        if name is None or is_own(name):
            return
        if allow_magic_methods and name in METHODS and node.col_offset != 0:
            return
        self.error(node, f"the name {name!r} is not available: names begin with a letter or one underscore")

    def inject_print_collector(self, node: Any, position: int = 0) -> None:
        """`print` needs none here."""

    def visit_Name(self, node: ast.Name) -> Any:  # noqa: N802  # named by the node
        if not (node.id in READ and isinstance(node.ctx, ast.Load)):
            self.check_name(node, node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> Any:  # noqa: N802  # the same
        loads = isinstance(node.ctx, ast.Load)
        if not is_own(node.attr) and not (loads and (node.attr in READ or node.attr == "__init__")):
            self.error(node, f"the attribute {node.attr!r} is not available")
        below = self.node_contents_visit(node)
        if loads:
            return _at(node, _call("_getattr_", below.value, ast.Constant(below.attr)))
        below.value = _at(node, _call("_write_", below.value))
        return below

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:  # noqa: N802  # the same
        target = node.target
        if isinstance(target, ast.Name):
            return super().visit_AugAssign(node)
        operator = ast.Constant(_OPERATORS[type(node.op)])
        value = self.visit(node.value)
        if isinstance(target, ast.Subscript):
            done = _call(
                "_augment_item_", operator, self.visit(target.value), self.visit(_as_value(target.slice)), value
            )
        else:
            if not is_own(target.attr):
                self.error(node, f"the attribute {target.attr!r} is not available")
            done = _call("_augment_attribute_", operator, self.visit(target.value), ast.Constant(target.attr), value)
        return _at(node, ast.Expr(done))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:  # noqa: N802  # the same
        if node.value is None:
            return _at(node, ast.Pass())
        return self.visit(_at(node, ast.Assign([node.target], node.value)))

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:  # noqa: N802  # the same
        node.returns = None
        self._no_type_parameters(node)
        return super().visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:  # noqa: N802  # the same
        self._no_type_parameters(node)
        if node.keywords:
            self.error(node, "a class has no keyword arguments here")
            return node
        self.check_name(node, node.name)
        below = self.node_contents_visit(node)
        below.keywords = [ast.keyword("metaclass", ast.Name("__metaclass__", ast.Load()))]
        return below

    def visit_Import(self, node: ast.Import) -> Any:  # noqa: N802  # the same
        for each in node.names:
            self._known(node, each.name)
            self.check_name(node, each.asname or each.name.partition(".")[0])
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:  # noqa: N802  # the same
        if node.module == "__future__" and not node.level:
            return _at(node, ast.Pass())
        name = "." * node.level + (node.module or "")
        names = self._known(node, name)
        for each in node.names:
            if each.name == "*":
                self.error(node, f"name what you import: `from {name} import …`")
                continue
            if names is not None and each.name not in names:
                self.error(node, f"{name!r} has no {each.name!r} here; it has: {', '.join(sorted(names))}")
            self.check_name(node, each.asname or each.name)
        return node

    def _known(self, node: ast.AST, library: str) -> frozenset[str] | None:
        names = contents().get(library)
        if names is None:
            self.error(node, f"there is no library {library!r} here; there are: {', '.join(sorted(contents()))}")
        return names

    def visit_Nonlocal(self, node: ast.Nonlocal) -> Any:  # noqa: N802  # the same
        for name in node.names:
            self.check_name(node, name)
        return node

    def visit_Global(self, node: ast.Global) -> Any:  # noqa: N802  # the same
        for name in node.names:
            self.check_name(node, name)
        return node

    def _no_type_parameters(self, node: ast.AST) -> None:
        if getattr(node, "type_params", None):
            self.error(node, "type parameters are not available: leave them out")


def _call(guard: str, *given: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(guard, ast.Load()), list(given), [])


def _at(place: ast.AST, node: Any) -> Any:
    copy_locations(node, cast("Any", place))
    return node


def _as_value(index: ast.expr) -> ast.expr:
    """A slice as a call, since it can't stand by itself."""
    if isinstance(index, ast.Slice):
        parts = [part or ast.Constant(None) for part in (index.lower, index.upper, index.step)]
        return _at(index, ast.Call(_at(index, ast.Name("slice", ast.Load())), parts, []))
    if isinstance(index, ast.Tuple):
        return _at(index, ast.Tuple([_as_value(each) for each in index.elts], ast.Load()))
    return index
