"""What a stack is: ``state.json`` in its home, written whole by the supervisor, read by every command.

The file alone proves nothing: a supervisor that was killed leaves it behind. So readers also look whether the process
in ``run/supervisor.json`` lives.
"""

import os
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from server.embedded.identity import ProcessIdentity, own_identity

Phase = Literal["starting", "running", "degraded", "stopping", "stopped"]
"""``degraded``: something of it died and is being started again."""


@dataclass(frozen=True, slots=True)
class Pids:
    supervisor: int | None = None
    api: list[int] = field(default_factory=list[int])
    worker: list[int] = field(default_factory=list[int])
    postgres: int | None = None
    temporal: int | None = None


@dataclass(frozen=True, slots=True)
class StackState:
    """``url``, ``database_url`` (with its password) and ``temporal_address`` are null until they are known."""

    state: Phase
    version: str
    url: str | None
    smtp_port: int | None
    database_url: str | None
    temporal_address: str | None
    api_key_file: str
    home: str
    pids: Pids

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def stopped_state(home: Path, version: str) -> StackState:
    """The state of a home in which nothing runs."""
    return StackState("stopped", version, None, None, None, None, str(home / "api-key"), str(home), Pids())


def write_state(home: Path, state: StackState) -> None:
    """Replace the home's state; readers see the old one or the new one."""
    _write(home / "state.json", _states().dump_json(state))


def read_state(home: Path, version: str) -> StackState:
    """What runs in ``home``. Without a living supervisor it is ``stopped``, whatever the file says."""
    if supervisor_of(home) is None:
        return stopped_state(home, version)
    try:
        return _states().validate_json((home / "state.json").read_bytes())
    except (OSError, ValidationError):
        return replace(stopped_state(home, version), state="starting")


def note_supervisor(home: Path) -> None:
    """Note that this process is the supervisor of ``home``."""
    note_process(home / "run" / "supervisor.json", own_identity())


def supervisor_of(home: Path) -> ProcessIdentity | None:
    """The living supervisor of ``home``."""
    found = noted_process(home / "run" / "supervisor.json")
    return found if found is not None and found.alive() else None


def note_process(file: Path, identity: ProcessIdentity) -> None:
    _write(file, _identities().dump_json(identity))


def noted_process(file: Path) -> ProcessIdentity | None:
    """The process that was noted in ``file``, alive or not."""
    try:
        return _identities().validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


@cache
def _states() -> TypeAdapter[StackState]:
    return TypeAdapter(StackState)


@cache
def _identities() -> TypeAdapter[ProcessIdentity]:
    return TypeAdapter(ProcessIdentity)


def _write(file: Path, content: bytes) -> None:
    draft = file.with_name(f"{file.name}.{os.getpid()}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(content + b"\n")
    draft.replace(file)
