"""Parameters that several routes take."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Query

Limit: TypeAlias = Annotated[int | None, Query(ge=1, le=500, description="How many at most; 50 unless given.")]
Cursor: TypeAlias = Annotated[str | None, Query(description="`next_cursor` of the page before.")]
