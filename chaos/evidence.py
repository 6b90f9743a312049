"""What is known when all is over: from the ledger, the database, Temporal, the processes' logs, and the machine."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client
from temporalio.service import RPCError

from chaos.ledger import Request
from chaos.load import Caller
from chaos.stand import Stand
from db import evidence
from db.evidence import AttemptFact, Left, RunFact
from db.pool import Database

_LEGAL_CAUSES = frozenset(
    {
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_GRPC_MESSAGE_TOO_LARGE,
    }
)
"""A task that meets a new event is tried again with it; the others would be faults of the interpreter."""
_OUTAGE = re.compile(r"^Failed (encoding|decoding) \w+: (the database|no connection to the database)")
"""What a history holds is sealed with the workspace's key, which is in the database: without it the task is tried again."""
FIRED = re.compile(r"^failpoint (\S+) fired: (\w+)$", re.MULTILINE)
_UNOWNED = re.compile(r"the execution (\S+ was still open though .+); it is ended")
_UNOWNED_S = 720.0
"""What the reconciler gives an execution of which there is no run, and the time until it looks again."""
_REFUSED = "a stale claim was refused"


@dataclass(frozen=True, slots=True)
class InTemporal:
    """`open` after a wait, and those by `lag_s` seconds after the last run's end; `failed_tasks`: workflow tasks that failed by our own fault,
    over `histories` that were read."""

    by_status: Counter[str]
    open: list[str]
    lag_s: float
    histories: int
    failed_tasks: list[str]


@dataclass(frozen=True, slots=True)
class Evidence:
    callers: Sequence[Caller]
    requests: Sequence[Request]
    runs: Sequence[RunFact]
    attempts: Sequence[AttemptFact]
    left: Left
    temporal: InTemporal
    fired: Counter[str]
    refused: int
    unowned: list[str] = field(default_factory=list[str])
    leftovers: list[str] = field(default_factory=list[str])


async def gather(stand: Stand, callers: Sequence[Caller], histories: int) -> Evidence:
    """Of a stack that runs and has settled. `leftovers` come later: see `leftovers_of`."""
    state = stand.state
    assert state.database_url is not None
    assert state.temporal_address is not None
    db = await Database.open(state.database_url, max_size=2, application="chaos")
    try:
        runs: list[RunFact] = []
        attempts: list[AttemptFact] = []
        async for page in evidence.runs(db):
            runs += page
            async with db.single() as connection:
                attempts += await evidence.attempts(connection, [run.run_id for run in page])
        async with db.single() as connection:
            left = await evidence.left(connection)
    finally:
        await db.close()
    temporal = await _temporal(await Client.connect(state.temporal_address), histories)
    logs = "\n".join(log.read_text("utf-8", "replace") for log in sorted((stand.home / "logs").glob("*.log")))
    return Evidence(
        callers,
        await stand.ledger.all(),
        runs,
        attempts,
        left,
        temporal,
        Counter(f"{place}:{action}" for place, action in FIRED.findall(logs)),
        logs.count(_REFUSED),
        _UNOWNED.findall(logs),
    )


async def unended(stand: Stand) -> int | None:
    """How many runs have not ended and items were not taken; None when nobody can tell just now."""
    try:
        state = stand.state
        if state.database_url is None:
            return None
        db = await Database.open(state.database_url, max_size=1, application="chaos")
        try:
            async with db.single() as connection:
                left = await evidence.left(connection)
                return left.unended + left.items + left.events
        finally:
            await db.close()
    except Exception:  # whatever it is, the next look tells
        return None


async def _temporal(client: Client, histories: int) -> InTemporal:
    """Closing is told to visibility a moment later, and an execution whose run ended without it is ended by the reconciler, so what is open is
    asked for until nothing is."""
    began = time.monotonic()
    while True:
        open_ = [f"{one.id}: {one.workflow_type}" async for one in client.list_workflows('ExecutionStatus="Running"')]
        lag_s = time.monotonic() - began
        if not open_ or lag_s > _UNOWNED_S:
            break
        await asyncio.sleep(0.5)
    by_status: Counter[str] = Counter()
    failed: list[str] = []
    read = 0
    async for execution in client.list_workflows():
        by_status[execution.status.name.lower() if execution.status is not None else "unknown"] += 1
        if read >= histories:
            continue
        read += 1
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        try:
            async for event in handle.fetch_history_events(rpc_timeout=timedelta(seconds=30)):
                if event.event_type != EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                    continue
                told = event.workflow_task_failed_event_attributes
                if told.cause not in _LEGAL_CAUSES and not _OUTAGE.search(told.failure.message):
                    cause = WorkflowTaskFailedCause.Name(told.cause)
                    failed.append(f"{execution.id}: {cause} {told.failure.message[:200]}")
        except RPCError as error:
            failed.append(f"{execution.id}: its history can't be read ({error.message})")
    return InTemporal(by_status, open_, lag_s, read, failed)


def leftovers_of(home: Path, ports: Sequence[int]) -> list[str]:
    """Processes that still have to do with a home whose stack was stopped, ports that are listened on, notes, drafts."""
    found = [f"process {pid} {what}" for pid, what in _processes(str(home))]
    listened = _listened()
    found += [f"port {port} is listened on" for port in ports if port in listened]
    found += [f"file {file.name}" for file in sorted((home / "run").glob("*.json"))]
    found += [f"file {file.relative_to(home)}" for file in sorted(home.rglob("*.new"))]
    found += [f"file {file.name}" for file in sorted((home / "run").glob("failpoint*"))]
    return found


def _processes(home: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
            environment = (entry / "environ").read_bytes().decode("utf-8", "replace")
            place = str((entry / "cwd").readlink())
        except OSError:
            continue
        if home in line or f"MILLSTREAM_HOME={home}\0" in environment or place.startswith(home):
            found.append((int(entry.name), line[:80]))
    return found


def _listened() -> set[int]:
    ports: set[int] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == "0A":
                ports.add(int(columns[1].rpartition(":")[2], 16))
    return ports
