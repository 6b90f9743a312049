"""`str.format` without its way past the guards: a field may take items, and attributes only by the guard."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

GetAttribute = Callable[[Any, str], Any]


class Formatter(string.Formatter):
    def __init__(self, get_attribute: GetAttribute) -> None:
        self._get_attribute = get_attribute

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        first, rest = string._string.formatter_field_name_split(field_name)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]  # as its base does
        found = self.get_value(first, args, kwargs)  # pyright: ignore[reportUnknownArgumentType]  # the same
        for is_attribute, key in rest:  # pyright: ignore[reportUnknownVariableType]  # the same
            found = self._get_attribute(found, str(key)) if is_attribute else found[key]  # pyright: ignore[reportUnknownArgumentType]  # the same
        return found, first  # pyright: ignore[reportUnknownVariableType]  # the same
