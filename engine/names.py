"""Names that are written into histories, schedules and signals. A name here is a vow: it is never changed or given a second meaning.

What must behave differently for new runs gets a new name, or a patch of its own in `PATCHES`; a test spells each of them as a literal.
"""

from __future__ import annotations

from typing import Final

TASK_QUEUE: Final = "millstream"

# workflows
RUN: Final = "run"

# activities; each may be called as a local and as an ordinary one
RUN_MODULE: Final = "run_module"
RECORD: Final = "record"
EVALUATE: Final = "evaluate"
LOAD_PAGE: Final = "load_page"
READ_RESUME: Final = "read_resume"
START_CHILD: Final = "start_child"
READ_CHILD: Final = "read_child"
CANCEL_CHILD: Final = "cancel_child"
RESPOND: Final = "respond"
TAKE_START: Final = "take_start"

# signals to a run: wake-ups, the facts are rows
SIGNAL_CANCEL: Final = "cancel"
SIGNAL_RESUME: Final = "resume"
SIGNAL_CHILD: Final = "child"

PATCHES: Final[tuple[str, ...]] = ()
"""Ids of changes that are live in open histories; an id stays here until no history of before it can be open."""
