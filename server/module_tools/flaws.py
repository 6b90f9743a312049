"""What a check of modules finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flaw:
    """`where` is a file, relative to the source tree; `message` says what is wrong and what would be right."""

    where: str
    message: str
