"""Names that are written into Temporal's histories. A name here is a vow: it is never changed or given a second meaning."""

from __future__ import annotations

from typing import Final
from uuid import UUID

TASK_QUEUE: Final = "millstream-copilot"
TURN: Final = "copilot_turn"
THINK: Final = "copilot_think"
USE_TOOL: Final = "copilot_use_tool"
FINISH: Final = "copilot_finish"


def workflow_id(turn_id: UUID) -> str:
    """By turn: the next one may begin before Temporal has closed the last."""
    return f"copilot-turn:{turn_id}"
