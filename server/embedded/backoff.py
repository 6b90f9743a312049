"""How long to wait before a dead service is started again, and when to stop trying."""

from dataclasses import dataclass, field

_DELAYS_S = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0)
_FORGIVEN_AFTER_S = 60.0


@dataclass(slots=True)
class Backoff:
    """Counts deaths in a row. A service that lived for a minute begins anew."""

    deaths: int = field(default=0)

    def after_death(self, lived_s: float) -> float | None:
        """Seconds to wait now; None when it died too often in a row."""
        if lived_s >= _FORGIVEN_AFTER_S:
            self.deaths = 0
        self.deaths += 1
        return _DELAYS_S[self.deaths - 1] if self.deaths <= len(_DELAYS_S) else None
