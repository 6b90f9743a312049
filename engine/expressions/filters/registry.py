"""All filters by name."""

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import Final

from engine.expressions.filters import convert, crypto, lists, numbers, objects, ordering, regex, text, times
from engine.expressions.filters.spec import Filter

FILTERS: Final[Mapping[str, Filter]] = MappingProxyType(
    {
        each.name: each
        for each in chain(
            convert.FILTERS,
            crypto.FILTERS,
            lists.FILTERS,
            numbers.FILTERS,
            objects.FILTERS,
            ordering.FILTERS,
            regex.FILTERS,
            text.FILTERS,
            times.FILTERS,
        )
    }
)
"""Those that are plain functions of their value."""

PER_ITEM: Final = frozenset({"map", "select", "reject", "selectattr", "rejectattr"})
"""Those that apply a filter or a test to each item, which is named in the text and bound when it is compiled."""

DEFAULT: Final = "default"
"""The one that takes a missing value, and evaluates its argument only when it needs it."""

NAMES: Final = tuple(sorted({*FILTERS, *PER_ITEM, DEFAULT}))
