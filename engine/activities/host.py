"""What activities work with: built once per process and passed down; no activity reaches for anything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from engine.core.effects import ChildStart
from engine.expressions.values import Json
from engine.hub import Kind
from modules.sdk.closed import (
    ClosedCode,
    ClosedEvents,
    ClosedFiles,
    ClosedLlm,
    ClosedMail,
    ClosedQueues,
    ClosedSql,
    no_address,
)
from modules.sdk.context import Code, Events, Http, Isolated, KeyValues, Queues, Sql
from modules.sdk.declaration import Module
from modules.sdk.files import Files
from modules.sdk.llm import Llm
from modules.sdk.mail import Mail
from modules.sdk.verdicts import Rejected
from workspace.connections.in_use import InUse
from workspace.connections.opening import Learned, Opened
from workspace.llm.steps import AskingStep


@dataclass(frozen=True, slots=True)
class Head:
    """Names the run in each activity's argument. `child`: a parent may wait for its end. `secrets`: the names of those that it reads."""

    run_id: str
    workspace_id: int
    workflow_id: str
    started_at: float
    child: bool = False
    secrets: tuple[str, ...] = ()

    @staticmethod
    def load(data: dict[str, Json]) -> Head:
        workspace_id, started_at = data["workspace_id"], data["started_at"]
        assert isinstance(workspace_id, int)
        assert isinstance(started_at, int | float)
        secrets = data.get("secrets")
        return Head(
            str(data["run_id"]),
            workspace_id,
            str(data["workflow_id"]),
            float(started_at),
            data.get("child") is True,
            tuple(map(str, secrets)) if isinstance(secrets, list) else (),
        )

    def dump(self) -> dict[str, Json]:
        data: dict[str, Json] = {
            "run_id": self.run_id,
            "workspace_id": self.workspace_id,
            "workflow_id": self.workflow_id,
            "started_at": self.started_at,
            "child": self.child,
        }
        return {**data, "secrets": list(self.secrets)} if self.secrets else data


class Modules(Protocol):
    """The registry, as far as running a call needs it."""

    def get(self, name: str, version: int) -> Module | None: ...


class Notices(Protocol):
    """Tells whoever waits that rows of a run have changed; see `engine/hub.py`."""

    def publish(self, workspace: int, run_id: str, kind: Kind = Kind.CHANGED) -> None: ...


class Children(Protocol):
    """Starts child runs; above the carrier, since starting a run is accepting one."""

    async def start_child(self, parent: Head, child: ChildStart) -> str:
        """The child's run id, the same for the same key. Raises `Failed` (`subworkflow.unknown`, `subworkflow.depth`, `input.invalid`)."""
        ...

    async def cancel_child(self, parent: Head, run_id: str) -> None:
        """Ask for its cancellation. A child that has ended, or was asked already, stays as it is."""
        ...


class Connections(Protocol):
    """The workspace's connections, as steps use them."""

    async def use(self, workspace_id: int, name: str, learned: Learned) -> InUse:
        """For one attempt. Raises `ModuleError` with a code `connection.*`. `learned` is told of each secret text."""
        ...


class NoConnections:
    """`Connections` of a workspace that has none."""

    async def use(self, workspace_id: int, name: str, learned: Learned) -> InUse:
        raise Rejected("connection.missing", f"the workspace has no connection {name!r}")


def _no_queues(workspace_id: int) -> Queues:
    return ClosedQueues("queue.unknown", "There are no queues here.")


def _no_events(workspace_id: int, run_id: str) -> Events:
    return ClosedEvents("mock.missing", "There is nobody to tell events to here.")


def _no_address(run_id: str, path: str, who: str) -> str:
    return no_address(who)


def _no_files(workspace_id: int) -> Files:
    return ClosedFiles("file.unknown", "There are no files here.")


_NO_CODE = ClosedCode("code.unavailable", "There is no sandbox for code here.")


def _no_database(opened: Opened) -> Sql:
    return ClosedSql("connection.missing", "There are no databases here.")


def _no_server(opened: Opened) -> Mail:
    return ClosedMail("connection.missing", "There are no mail servers here.")


def _no_models(step: AskingStep, opened: Opened | None) -> Llm:
    return ClosedLlm("llm.unset", "There is no language model here.")


@dataclass(frozen=True, slots=True)
class Host:
    """Everything outside that a module may be given. `key_values` gives the keys of a workspace and of one of its workflows, `queues` and
    `files` those of a workspace, `sql` the database of a connection, `mail` its mail server, `events` a run's way to tell events, `llm` the
    language model that a step asks, of its connection or the installation."""

    modules: Modules
    http: Http
    isolated: Isolated
    key_values: Callable[[int, str], KeyValues]
    children: Children
    notices: Notices
    queues: Callable[[int], Queues] = _no_queues
    files: Callable[[int], Files] = _no_files
    connections: Connections = field(default_factory=NoConnections)
    code: Code = _NO_CODE
    sql: Callable[[Opened], Sql] = _no_database
    mail: Callable[[Opened], Mail] = _no_server
    events: Callable[[int, str], Events] = _no_events
    addresses: Callable[[str, str, str], str] = _no_address
    """Where somebody answers a step of a run, by the run's id and the step's path."""
    llm: Callable[[AskingStep, Opened | None], Llm] = _no_models
