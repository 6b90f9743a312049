"""JSONata in the isolated pool, without clock, chance and `$eval`: the same data gives the same result at any time.

The library's functions live in one table per process, and this process does nothing else; so they are taken out of it when it is first
used. Its parser of times fills what a picture leaves out from the clock: that is refused as well.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import MutableMapping
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Never, Protocol, cast

from modules.data.languages.results import as_json
from modules.sdk.isolated import isolated
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import Rejected

if TYPE_CHECKING:
    from jsonata.jsonata import Jsonata

_TAKEN_OUT = ("now", "millis", "random", "shuffle", "eval")
_CALL = re.compile(rf"\$({'|'.join(_TAKEN_OUT)})\b")
_NOT_A_FUNCTION = "T1006"


@isolated
def transform(argument: JsonObject) -> Json:
    """`{expression, data}` → the result; null where it is nothing. Raises Rejected `data.expression`."""
    from jsonata.jexception import JException

    engine, expression = _engine(), str(argument["expression"])
    try:
        return as_json(engine.jsonata(expression).evaluate(argument["data"]))
    except JException as error:
        where = f" (at character {error.location})" if error.location > 0 else ""
        if error.error == _NOT_A_FUNCTION and (missing := _CALL.search(expression)):
            where += f": there is no ${missing[1]} here, so that the same data gives the same result"
        raise Rejected(
            "data.expression",
            f"the JSONata expression doesn't work: {str(error)[:300]}{where}",
            details={"code": str(error.error)[:100]},
        ) from None
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError, RuntimeError) as error:
        # The library lets Python's own errors out where an operation meets data that it has no rule for
        if isinstance(error, RecursionError):
            raise
        raise Rejected("data.expression", "the JSONata expression doesn't fit the data") from None


class _Table(Protocol):
    bindings: MutableMapping[str, object]


class _Unknown:
    """The present moment: asking for any part of it fails."""

    def __getattr__(self, name: str) -> Never:
        raise Rejected("data.expression", "the picture of $toMillis leaves out what there is no clock to tell")


class _WithoutClock(datetime.datetime):
    @classmethod
    def utcnow(cls) -> _Unknown:  # pyright: ignore[reportIncompatibleMethodOverride] the point is that it is none
        return _Unknown()


@cache
def _engine() -> type[Jsonata]:
    from jsonata import datetimeutils
    from jsonata.jsonata import Jsonata

    table = cast("_Table", Jsonata.static_frame)
    for name in _TAKEN_OUT:
        del table.bindings[name]
    datetimeutils.__dict__["datetime"] = SimpleNamespace(**{**vars(datetime), "datetime": _WithoutClock})
    return Jsonata
