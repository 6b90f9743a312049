"""Filters of objects."""

from typing import Final

from engine.expressions.access import find_path, path_of
from engine.expressions.budget import MAX_DEPTH, Budget
from engine.expressions.errors import TYPE, VALUE, ExpressionError, NeedsData
from engine.expressions.filters.spec import Args, Filter, as_mapping, define
from engine.expressions.undefined import Undefined
from engine.expressions.values import Ref, Value, kind


def _get(value: Value, args: Args, _: Budget) -> Value:
    found = find_path(value, path_of(args.value(0)))
    return args.value(1) if isinstance(found, Undefined) else found


def _items(value: Value, _: Args, budget: Budget) -> Value:
    mapping = as_mapping(value, "items")
    budget.items(len(mapping))
    return [[key, item] for key, item in mapping.items()]


def _keys(value: Value, _: Args, budget: Budget) -> Value:
    mapping = as_mapping(value, "keys")
    budget.items(len(mapping))
    return list(mapping)


def _values(value: Value, _: Args, budget: Budget) -> Value:
    mapping = as_mapping(value, "values")
    budget.items(len(mapping))
    return list(mapping.values())


def _merge(value: Value, args: Args, budget: Budget) -> Value:
    merged = _merged(as_mapping(value, "merge"), args.mapping(0), args.flag(1), budget, 0)
    budget.hold((merged,))
    return merged


def _merged(
    left: dict[str, Value], right: dict[str, Value], deep: bool, budget: Budget, depth: int
) -> dict[str, Value]:
    if depth >= MAX_DEPTH:
        raise ExpressionError(VALUE, f"the data is nested deeper than {MAX_DEPTH} levels")
    budget.items(len(left) + len(right))
    result = dict(left)
    for key, item in right.items():
        if deep and key in result:
            below = result[key]
            for side in (below, item):
                if isinstance(side, Ref):
                    raise NeedsData(side)
            if type(below) is dict and type(item) is dict:
                result[key] = _merged(below, item, deep, budget, depth + 1)
                continue
        result[key] = item
    return result


def _names(args: Args, owner: str, budget: Budget) -> list[str]:
    names: list[str] = []
    for arg in args.rest(0):
        for name in arg if type(arg) is list else [arg]:
            if isinstance(name, Ref):
                raise NeedsData(name)
            if type(name) is not str:
                raise ExpressionError(TYPE, f"{owner!r} takes names, or a list of names, not {kind(name)}")
            names.append(name)
    budget.items(len(names))
    return names


def _pick(value: Value, args: Args, budget: Budget) -> Value:
    mapping = as_mapping(value, "pick")
    return {name: mapping[name] for name in _names(args, "pick", budget) if name in mapping}


def _omit(value: Value, args: Args, budget: Budget) -> Value:
    mapping = as_mapping(value, "omit")
    budget.items(len(mapping))
    dropped = frozenset(_names(args, "omit", budget))
    return {name: item for name, item in mapping.items() if name not in dropped}


FILTERS: Final[tuple[Filter, ...]] = (
    define("get", _get, "path", default=None),
    define("items", _items),
    define("keys", _keys),
    define("merge", _merge, "other", deep=False),
    define("omit", _omit, "names", variadic=True),
    define("pick", _pick, "names", variadic=True),
    define("values", _values),
)
