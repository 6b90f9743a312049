"""Parameters that several routes take, and what handlers are given."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Depends, Query

from engine.expressions.values import Json
from server.api.access import Caller, current
from server.api.body import any_body
from server.api.services import engine_of
from server.compose import Engine

Limit: TypeAlias = Annotated[int | None, Query(ge=1, le=500, description="How many at most; 50 unless given.")]
Cursor: TypeAlias = Annotated[str | None, Query(description="`next_cursor` of the page before.")]
Given: TypeAlias = Annotated[Json, Depends(any_body)]
"""The body, any JSON."""
Who: TypeAlias = Annotated[Caller, Depends(current)]
With: TypeAlias = Annotated[Engine, Depends(engine_of)]
