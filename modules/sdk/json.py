"""The one shape of data that modules take and give: JSON values.

`JsonObject` has text keys in the author's order. Integers fit in 64 bits, floats are finite; the parser refuses
anything else before a module sees it.
"""

from __future__ import annotations

from typing import TypeAlias

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"
JsonObject: TypeAlias = "dict[str, Json]"

INT_MIN = -(2**63)
INT_MAX = 2**64 - 1
"""The integers that data may hold: those of 64 bits, signed or not."""
