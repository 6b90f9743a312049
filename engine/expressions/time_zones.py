"""Time zones by their IANA names, from the data that comes with the product and never from the machine's own."""

import pkgutil
import re
from datetime import UTC, tzinfo
from functools import lru_cache
from io import BytesIO
from typing import Final
from zoneinfo import ZoneInfo

from engine.expressions.errors import VALUE, ExpressionError
from engine.expressions.nearest import nearest

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-]+){0,2}", re.ASCII)
_SHOWN = 60


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    data = pkgutil.get_data("tzdata", "zones")
    assert data is not None
    return tuple(data.decode("ascii").split())


@lru_cache(maxsize=1024)
def time_zone(name: str) -> tzinfo:
    """The zone of an IANA name such as `Europe/Berlin`; raises `expression.value` with the nearest name."""
    if name in ("UTC", "Z"):
        return UTC
    if _NAME.fullmatch(name) and name in _names():
        data = pkgutil.get_data("tzdata", f"zoneinfo/{name}")
        if data is not None:
            return ZoneInfo.from_file(BytesIO(data), key=name)
    tail = name.rsplit("/", 1)[-1].casefold()
    by_city = [each for each in _names() if each.rsplit("/", 1)[-1].casefold() == tail]
    like = by_city[0] if by_city else _nearest_of_many(name)
    hint = f"; did you mean {like!r}?" if like else ""
    raise ExpressionError(VALUE, f"there is no time zone {name[:_SHOWN]!r}{hint}")


def _nearest_of_many(name: str) -> str | None:
    start = name[:1].casefold()
    return nearest(name, [each for each in _names() if each[:1].casefold() == start])
