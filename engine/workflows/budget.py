"""How much a run may do locally before it goes through Temporal's server.

Results of local activities enter history with the end of the workflow task that they ran in, all at once: past 4 MB the message is
refused and the run can never go on, and a crash loses what wasn't sent. So after 100 calls or 1 MB since the last round trip, the next call
is an ordinary activity, which ends the task.
"""

from __future__ import annotations

from dataclasses import dataclass

LOCAL_CALLS = 100
LOCAL_BYTES = 1_000_000


@dataclass(slots=True)
class LocalBudget:
    """Counted from answers only, so a replay counts the same."""

    calls: int = 0
    size: int = 0

    def allows(self) -> bool:
        return self.calls < LOCAL_CALLS and self.size < LOCAL_BYTES

    def spend(self, size: int) -> None:
        self.calls += 1
        self.size += size

    def round_trip(self) -> None:
        """Something came back from the server: all earlier results are in history."""
        self.calls = 0
        self.size = 0
