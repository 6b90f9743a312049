"""What a workspace may use in a day (in UTC), in tokens and in dollars: asked before each request.

The day's calls are summed as they stand in the log, so what other processes use counts too. Calls that are under way count when they
end: as many as are at work at once may go over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from db import copilot_llm_calls, llm_settings
from db.ids import WorkspaceId
from db.pool import Database
from workspace.llm.asking import ModelProblem


@dataclass(frozen=True, slots=True)
class Limits:
    """Of each workspace that says nothing of its own. None: none."""

    daily_tokens: int | None = None
    daily_usd: Decimal | None = None


async def check_budget(db: Database, workspace_id: WorkspaceId, limits: Limits) -> None:
    """Raises ModelProblem `llm.budget`."""
    async with db.engine(workspace_id) as connection:
        own = await llm_settings.budget(connection, workspace_id)
        tokens = limits.daily_tokens if own.daily_tokens is None else own.daily_tokens
        usd = limits.daily_usd if own.daily_usd is None else own.daily_usd
        if tokens is None and usd is None:
            return
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        spent = await copilot_llm_calls.spent(connection, workspace_id, today)
    again = "it begins anew at midnight (UTC); an owner can change it"
    if tokens is not None and spent.tokens >= tokens:
        raise ModelProblem(
            "llm.budget", f"The workspace's budget of {tokens:,} tokens a day is used up ({spent.tokens:,}): {again}."
        )
    if usd is not None and spent.usd >= usd:
        raise ModelProblem(
            "llm.budget", f"The workspace's budget of ${usd:,} a day is used up (${spent.usd:,.4f}): {again}."
        )
