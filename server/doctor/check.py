"""One thing that holds or doesn't."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "unsafe", "broken"]
"""`note`: works, and could be better. `unsafe`: works, and production refuses to start so. `broken`: something can't work."""


@dataclass(frozen=True, slots=True)
class Check:
    """`found` is a sentence without a full stop; `remedy` what to do, unless all is well."""

    layer: str
    state: State
    found: str
    remedy: str | None = None
