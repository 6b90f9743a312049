"""A secret value in memory: it shows itself to nobody who doesn't ask for it by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NoReturn, final

from modules.sdk.json import Json
from workspace.secrets.redactor import MASK


@final
class Secret:
    """Holds JSON. Its text is `***` in every form (`str`, `repr`, f-strings, `%s`), and it is neither pickled nor copied."""

    __slots__ = ("_value",)

    def __init__(self, value: Json) -> None:
        self._value: Final = value

    def reveal(self) -> Json:
        """The value, for the call that it is meant for."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret isn't serialised")


def texts_of(value: Json) -> Iterator[str]:
    """Each leaf of a secret as the text that it is looked for by. Keys are no secrets."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
