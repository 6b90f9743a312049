"""What tools work with: the engine's services, built once by the process."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.manual.pages import Manual
from db.pool import Database
from db.workspaces import Role
from engine.connections.connections import Connections
from engine.core.simulation import CallIsolated
from engine.definitions import Definitions
from engine.queues.queues import Queues
from engine.runs.lookup import Lookup
from engine.runs.prepared import PreparedDocuments
from engine.runs.reading import RunReader
from engine.runs.replay import Replayer
from engine.runs.testing import Tester
from engine.sandbox.findings import CodeFindings
from engine.triggers.schedules import Schedules
from modules.registry import Registry


@dataclass(frozen=True, slots=True)
class Kit:
    """`rights` is the matrix of roles and actions; `call_isolated` runs code and heavy pure modules, as the tests of documents do."""

    db: Database
    registry: Registry
    rights: frozenset[tuple[Role, str]]
    definitions: Definitions
    lookup: Lookup
    prepared: PreparedDocuments
    tester: Tester
    call_isolated: CallIsolated
    code: CodeFindings
    reader: RunReader
    replayer: Replayer
    queues: Queues
    connections: Connections
    schedules: Schedules
    manual: Manual
