"""Filters that take lists apart and put them together."""

from typing import Final

from engine.expressions.access import find_path, path_of
from engine.expressions.budget import Budget
from engine.expressions.errors import TYPE, ExpressionError, NeedsData
from engine.expressions.filters.spec import Args, Filter, as_items, define, plain
from engine.expressions.operators import checked_number
from engine.expressions.undefined import Maybe, Undefined, used
from engine.expressions.values import Ref, Value, kind


def _batch(value: Value, args: Args, budget: Budget) -> Value:
    items = as_items(value, "batch", budget)
    count, fill = args.count(0, 1), args.value(1)
    rows: list[Value] = [items[start : start + count] for start in range(0, len(items), count)]
    if rows and fill is not None:
        last = items[(len(rows) - 1) * count :]
        missing = count - len(last)
        budget.items(missing)
        if missing:
            budget.text(missing * budget.measure(fill))
            rows[-1] = last + [fill] * missing
    return rows


def _chunk(value: Value, args: Args, budget: Budget) -> Value:
    items = as_items(value, "chunk", budget)
    count = args.count(0, 1)
    return [items[start : start + count] for start in range(0, len(items), count)]


def _first(value: Value, _: Args, budget: Budget) -> Maybe:
    return _end(value, "first", 0, budget)


def _last(value: Value, _: Args, budget: Budget) -> Maybe:
    return _end(value, "last", -1, budget)


def _end(value: Value, owner: str, index: int, budget: Budget) -> Maybe:
    value = plain(value)
    if type(value) is dict:
        value = as_items(value, owner, budget)
    if type(value) is not list and type(value) is not str:
        raise ExpressionError(TYPE, f"{owner!r} needs a list, not {kind(value)}")
    if not value:
        return Undefined(f"there is no {owner} item: the {'list' if type(value) is list else 'string'} is empty")
    return value[index]


def _flatten(value: Value, args: Args, budget: Budget) -> Value:
    items = as_items(value, "flatten", budget)
    for _ in range(args.count(0)):
        flat: list[Value] = []
        nested = False
        for item in items:
            if isinstance(item, Ref):
                raise NeedsData(item)
            if type(item) is list:
                nested = True
                budget.items(len(item))
                flat.extend(item)
            else:
                flat.append(item)
        if not nested:
            break
        budget.items(len(flat))
        items = flat
    return list(items)


def _length(value: Value, _: Args, __: Budget) -> Value:
    value = plain(value)
    if type(value) is str or type(value) is list or type(value) is dict:
        return len(value)
    raise ExpressionError(TYPE, f"{kind(value)} has no length")


def _list(value: Value, _: Args, budget: Budget) -> Value:
    return list(as_items(value, "list", budget))


def _reverse(value: Value, _: Args, budget: Budget) -> Value:
    if type(value) is str:
        budget.text(len(value))
        return value[::-1]
    return as_items(value, "reverse", budget)[::-1]


def _slice(value: Value, args: Args, budget: Budget) -> Value:
    items = as_items(value, "slice", budget)
    slices, fill = args.count(0, 1), args.value(1)
    budget.step(slices)
    if fill is not None:
        budget.text(slices * budget.measure(fill))
    size, longer = divmod(len(items), slices)
    columns: list[Value] = []
    start = 0
    for number in range(slices):
        end = start + size + (1 if number < longer else 0)
        column = items[start:end]
        if fill is not None and number >= longer:
            column.append(fill)
        columns.append(column)
        start = end
    return columns


def _sum(value: Value, args: Args, budget: Budget) -> Value:
    items = as_items(value, "sum", budget)
    path = None if args.value(0) is None else path_of(args.value(0))
    total = args.number(1)
    for item in items:
        number = item if path is None else used(find_path(item, path))
        if type(number) is not int and type(number) is not float:
            if isinstance(number, Ref):
                raise NeedsData(number)
            raise ExpressionError(TYPE, f"'sum' needs numbers, and one item is {kind(number)}")
        total = checked_number(total + number)
    return total


def _zip(value: Value, args: Args, budget: Budget) -> Value:
    columns = [as_items(value, "zip", budget)]
    columns += [as_items(other, "zip", budget) for other in args.rest(0)]
    budget.items(min(map(len, columns)) * len(columns))
    rows: list[Value] = [list(row) for row in zip(*columns, strict=False)]
    budget.hold(rows)
    return rows


FILTERS: Final[tuple[Filter, ...]] = (
    define("batch", _batch, "linecount", fill_with=None),
    define("chunk", _chunk, "n"),
    define("first", _first),
    define("flatten", _flatten, depth=1),
    define("last", _last),
    define("length", _length),
    define("list", _list),
    define("reverse", _reverse),
    define("slice", _slice, "slices", fill_with=None),
    define("sum", _sum, attribute=None, start=0),
    define("zip", _zip, "other", variadic=True),
)
