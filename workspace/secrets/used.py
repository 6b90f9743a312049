"""The secret values that a run's attempts have resolved, as far as this process knows."""

from __future__ import annotations

from collections import OrderedDict

from modules.sdk.json import Json
from workspace.secrets.redactor import Redactor
from workspace.secrets.secret import texts_of
from workspace.secrets.spellings import LEAST

_MOST_RUNS = 2_000
_MOST_VALUES = 1_000
"""Of one run; the oldest are forgotten first. A run that resolves more has a different secret for each item of a list."""
_NOTHING = Redactor(())


class Used:
    """Of one run. Who resolves a secret adds it before anything is done with it. `within`: what is known of all runs together."""

    __slots__ = ("_redactor", "_values", "_within")

    def __init__(self, within: Used | None = None) -> None:
        self._within = within
        self._values: OrderedDict[str, None] = OrderedDict()
        self._redactor = _NOTHING

    def add(self, value: Json) -> None:
        """A secret, each leaf of it; also what was made of one, such as the header that it stands in."""
        for text in texts_of(value):
            if text not in self._values and len(text.strip()) >= LEAST:
                self._values[text] = None
                self._redactor = _NOTHING
        while len(self._values) > _MOST_VALUES:
            self._values.popitem(last=False)
        if self._within is not None:
            self._within.add(value)

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(self._values)

    def redactor(self) -> Redactor:
        """For what is known now; later additions need another one."""
        if self._redactor.idle and self._values:
            self._redactor = Redactor(self._values)
        return self._redactor


class UsedByRuns:
    """One per process, bounded: of each run what its attempts used here."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Used] = OrderedDict()
        self._all = Used()

    def of(self, run_id: str) -> Used:
        """The run's; made where there is none."""
        used = self._runs.get(run_id)
        if used is None:
            used = self._runs[run_id] = Used(self._all)
            while len(self._runs) > _MOST_RUNS:
                self._runs.popitem(last=False)
        else:
            self._runs.move_to_end(run_id)
        return used

    def knows(self, run_id: str) -> bool:
        """Whether anything was used here."""
        used = self._runs.get(run_id)
        return used is not None and bool(used.values)

    def redactor(self, run_id: str) -> Redactor:
        """For rows of the run; knows nothing where the run used nothing here."""
        used = self._runs.get(run_id)
        return _NOTHING if used is None else used.redactor()

    def text(self, text: str) -> str:
        """For what belongs to no run, such as the process's own log: hides what any run used here."""
        return self._all.redactor().text(text)
