"""How much a run may have under way, and do locally before it goes through Temporal's server.

Results of local activities enter history with the end of the workflow task that they ran in, all at once: past 4 MB the message is
refused and the run can never go on, and a crash loses what wasn't sent. So after 100 calls or 1 MB since the last round trip, the next call
is an ordinary activity, which ends the task. Calls under way count with the most that each may bring.

Of ordinary activities Temporal takes 2,000 at once from one run; a loop in a loop may want far more. The others wait here, in order.
"""

from __future__ import annotations

from dataclasses import dataclass

LOCAL_CALLS = 100
LOCAL_BYTES = 1_000_000
LOCAL_BYTES_AT_MOST = 3_000_000
"""With what is under way; Temporal's limit is 4 MB."""
ONE_RESULT = 40_000
"""Bytes that one answer may have: data over 32 KiB goes by reference."""
ORDINARY_AT_ONCE = 1_000


@dataclass(slots=True)
class LocalBudget:
    """Counted from calls and answers only, so a replay counts the same."""

    calls: int = 0
    size: int = 0
    under_way: int = 0

    def allows(self) -> bool:
        expected = self.size + (self.under_way + 1) * ONE_RESULT
        return self.calls < LOCAL_CALLS and self.size < LOCAL_BYTES and expected < LOCAL_BYTES_AT_MOST

    def begin(self) -> None:
        self.calls += 1
        self.under_way += 1

    def end(self, size: int) -> None:
        """`size` is 0 where the call gave nothing."""
        self.under_way -= 1
        self.size += size

    def round_trip(self) -> None:
        """Something came back from the server: all earlier results are in history."""
        self.calls = 0
        self.size = 0
