"""Secrets on the side of runs: who reads them, and what is hidden from then on.

A run names the secrets of its document in its head, and no history holds more than these names: where a secret is read, the scope that comes
from the workflow has its shape, a mask for each leaf. An attempt that may see secrets reads all that the head names, afresh, and puts those into
its scope that its inputs read; whatever it gives (output, error, lines of its log) passes the redactor before it leaves the activity. So
nothing downstream, in this process or another, meets a value that came back from outside.

The log writer asks for a redactor too, for data that never went through an attempt, such as a body that a caller sent: it knows
what the run's attempts used in this process, and reads what the head names where none did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from db.ids import WorkspaceId
from engine.activities.host import Head
from engine.expressions.values import Json
from workspace.keys import KeyProblem
from workspace.secrets.redactor import Redactor
from workspace.secrets.used import Used, UsedByRuns
from workspace.secrets.variables import SecretVariables


@dataclass(frozen=True, slots=True)
class Given:
    """What one attempt may read, by name, and where it tells which secrets it used."""

    values: Mapping[str, Json] = field(default_factory=dict[str, "Json"], repr=False)
    used: Used = field(default_factory=Used)
    readable: bool = False
    problem: str | None = None
    """Why secrets couldn't be opened; what needs one fails then."""


class RunSecrets(Protocol):
    """Raises `DatabaseUnavailable`."""

    async def give(self, head: Head, *, readable: bool) -> Given:
        """For an attempt. `readable` false: its module may see no secret, only what is hidden matters."""
        ...

    async def redactor(self, head: Head) -> Redactor:
        """For rows of the run."""
        ...


class NoSecrets:
    """`RunSecrets` of runs that have none, as those of tests."""

    async def give(self, head: Head, *, readable: bool) -> Given:
        return Given()

    async def redactor(self, head: Head) -> Redactor:
        return _NOTHING


_NOTHING = Redactor(())


class StoredSecrets:
    """`RunSecrets` over the workspace's secret variables. One per process."""

    def __init__(self, variables: SecretVariables, used: UsedByRuns) -> None:
        self._variables = variables
        self._used = used

    async def give(self, head: Head, *, readable: bool) -> Given:
        used = self._used.of(head.run_id)
        if not readable or not head.secrets:
            return Given(used=used)
        try:
            return Given(await self._read(head, used), used, readable=True)
        except KeyProblem as problem:
            return Given(used=used, readable=True, problem=str(problem))

    async def redactor(self, head: Head) -> Redactor:
        if head.secrets and not self._used.knows(head.run_id):
            try:
                await self._read(head, self._used.of(head.run_id))
            except KeyProblem:
                return _NOTHING  # what can't be opened was read by no attempt
        return self._used.redactor(head.run_id)

    async def _read(self, head: Head, used: Used) -> dict[str, Json]:
        values: dict[str, Json] = {}
        for name, secret in (await self._variables.open(WorkspaceId(head.workspace_id), head.secrets)).items():
            values[name] = secret.now.reveal()
            used.add(values[name])
            if secret.former is not None:
                used.add(secret.former.reveal())
        return values
