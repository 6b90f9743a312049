"""Filters that order, group and find what is least, greatest or the same.

Jinja's own (`sort`, `min`, `max`, `unique`, `dictsort`) fold the case of strings unless told otherwise, and a missing
attribute is an error. Ours (`sort_by`, `group_by`) take strings as they are; a missing attribute, or a null, comes
last, and a missing one is the group null.
"""

from collections.abc import Callable
from functools import cmp_to_key
from typing import Final, TypeAlias, cast

from engine.expressions.access import find_path, path_of
from engine.expressions.budget import MAX_DEPTH, Budget
from engine.expressions.errors import VALUE, ExpressionError, NeedsData
from engine.expressions.filters.spec import Args, Filter, as_items, as_mapping, define
from engine.expressions.operators import order
from engine.expressions.undefined import Maybe, Undefined, used
from engine.expressions.values import Ref, Value, is_number

Identity: TypeAlias = tuple[object, ...]


def _folded(value: Value, budget: Budget) -> Value:
    if type(value) is str:
        budget.step(len(value) >> 10)
        return value.lower()
    return value


def sorted_by(items: list[Value], keys: list[list[Value]], reverse: bool, budget: Budget) -> list[Value]:
    """The items in the stable order of their keys (one list of keys an item)."""
    rounds = len(items).bit_length()
    positions = list(range(len(items)))
    if _native(keys):
        texts = sum(len(key) for each in keys for key in each if type(key) is str)
        budget.step((len(items) * rounds >> 5) + (texts * rounds >> 10))
        # Each column is all strings or all numbers, so that lists of them have an order, and it is ours.
        by = cast("list[list[str]]", keys)
        positions.sort(key=lambda position: by[position], reverse=reverse)
        return [items[position] for position in positions]

    def compare(one: int, other: int) -> int:
        for left, right in zip(keys[one], keys[other], strict=True):
            result = order(left, right, budget)
            if result:
                return result
        return 0

    budget.step(len(items) * rounds)
    positions.sort(key=cmp_to_key(compare), reverse=reverse)
    return [items[position] for position in positions]


def _native(keys: list[list[Value]]) -> bool:
    for column in zip(*keys, strict=True):
        if not all(type(key) is str for key in column) and not all(is_number(key) for key in column):
            return False
    return True


def _paths(attribute: Value) -> list[tuple[str | int, ...]]:
    if type(attribute) is str:
        return [path_of(part.strip()) for part in attribute.split(",")]
    return [path_of(attribute)]


def _sort(value: Value, args: Args, budget: Budget) -> Value:
    items = as_items(value, "sort", budget)
    reverse, exact = args.flag(0), args.flag(1)
    paths = [()] if args.value(2) is None else _paths(args.value(2))
    keys = [[used(find_path(item, path)) for path in paths] for item in items]
    if not exact:
        keys = [[_folded(key, budget) for key in each] for each in keys]
    return sorted_by(items, keys, reverse, budget)


def _sort_by(value: Value, args: Args, budget: Budget) -> Value:
    items = as_items(value, "sort_by", budget)
    path = path_of(args.value(0))
    there: list[Value] = []
    keys: list[list[Value]] = []
    last: list[Value] = []
    for item in items:
        key = find_path(item, path)
        if isinstance(key, Undefined) or key is None:
            last.append(item)
        else:
            there.append(item)
            keys.append([key])
    return sorted_by(there, keys, args.flag(1), budget) + last


def _dictsort(value: Value, args: Args, budget: Budget) -> Value:
    mapping = as_mapping(value, "dictsort")
    budget.items(len(mapping))
    exact, by, reverse = args.flag(0), args.text(1), args.flag(2)
    if by not in ("key", "value"):
        raise ExpressionError(VALUE, "'by' of 'dictsort' must be 'key' or 'value'")
    pairs: list[Value] = [[key, item] for key, item in mapping.items()]
    keys: list[list[Value]] = [[key if by == "key" else item] for key, item in mapping.items()]
    if not exact:
        keys = [[_folded(key, budget) for key in each] for each in keys]
    return sorted_by(pairs, keys, reverse, budget)


def _extreme(owner: str, better: Callable[[int], bool]) -> Callable[[Value, Args, Budget], Maybe]:
    def run(value: Value, args: Args, budget: Budget) -> Maybe:
        items = as_items(value, owner, budget)
        exact = args.flag(0)
        path = () if args.value(1) is None else path_of(args.value(1))
        if not items:
            return Undefined(f"there is no {owner}: the list is empty")
        best, best_key = items[0], used(find_path(items[0], path))
        if not exact:
            best_key = _folded(best_key, budget)
        order(best_key, best_key, budget)  # one item alone must have an order too
        for item in items[1:]:
            key = used(find_path(item, path))
            if not exact:
                key = _folded(key, budget)
            if better(order(key, best_key, budget)):
                best, best_key = item, key
        return best

    return run


def identity(value: Value, budget: Budget, depth: int = 0) -> Identity:
    """A hashable thing that is equal for equal JSON values, and only for them."""
    if isinstance(value, Ref):
        raise NeedsData(value)
    if depth >= MAX_DEPTH:
        raise ExpressionError(VALUE, f"the data is nested deeper than {MAX_DEPTH} levels")
    if type(value) is list:
        budget.items(len(value))
        return ("list", *(identity(item, budget, depth + 1) for item in value))
    if type(value) is dict:
        budget.items(len(value))
        return ("object", frozenset((key, identity(item, budget, depth + 1)) for key, item in value.items()))
    if type(value) is str:
        budget.step(len(value) >> 10)
        return ("string", value)
    if type(value) is bool or value is None:
        return ("word", value)
    return ("number", value)


def _unique(value: Value, args: Args, budget: Budget) -> Value:
    items = as_items(value, "unique", budget)
    exact = args.flag(0)
    path = () if args.value(1) is None else path_of(args.value(1))
    seen: set[Identity] = set()
    kept: list[Value] = []
    for item in items:
        key = used(find_path(item, path))
        mark = identity(key if exact else _folded(key, budget), budget)
        if mark not in seen:
            seen.add(mark)
            kept.append(item)
    return kept


def _group_by(value: Value, args: Args, budget: Budget) -> Value:
    items = as_items(value, "group_by", budget)
    path = path_of(args.value(0))
    groups: dict[Identity, tuple[Value, list[Value]]] = {}
    for item in items:
        found = find_path(item, path)
        key = None if isinstance(found, Undefined) else found
        groups.setdefault(identity(key, budget), (key, []))[1].append(item)
    budget.items(len(groups))
    return [{"key": key, "items": members} for key, members in groups.values()]


FILTERS: Final[tuple[Filter, ...]] = (
    define("dictsort", _dictsort, case_sensitive=False, by="key", reverse=False),
    define("group_by", _group_by, "attr"),
    define("max", _extreme("max", lambda result: result > 0), case_sensitive=False, attribute=None),
    define("min", _extreme("min", lambda result: result < 0), case_sensitive=False, attribute=None),
    define("sort", _sort, reverse=False, case_sensitive=False, attribute=None),
    define("sort_by", _sort_by, "attr", reverse=False),
    define("unique", _unique, case_sensitive=False, attribute=None),
)
