"""The worker: what executes runs, in a process of its own (`millstream worker`) or inside the API's.

Both are the same `Worker`. Beside it stand the process's journal and calls, which live as long as the worker does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from temporalio.client import Client
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    PollerBehaviorAutoscaling,
    Worker,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import info

from engine import names
from engine.activities.host import Host
from engine.activities.journal import Journal
from engine.activities.load import Load
from engine.activities.log import RunLog
from engine.activities.record import Record
from engine.activities.run_module import RunModule
from engine.activities.secrets import NoSecrets, RunSecrets
from engine.activities.starts import Starts
from engine.activities.waits import Facts, Waits
from engine.activities.work import Calls
from engine.workflows.run import RunWorkflow

CACHED_RUNS = 200
"""Executions kept in memory, 70 KB each; others are rebuilt from their history when something happens."""
STICKY = timedelta(seconds=2)
"""How long a task waits for the worker that has the run cached, before any other may take it: what a dead worker costs."""
GRACE = timedelta(seconds=10)
"""For activities in flight when the worker is told to stop."""

PASSED_THROUGH: tuple[str, ...] = (
    "engine",  # pure, linted against clock, chance, sets and environment; importing it anew costs 400 KB and 15 ms a run
    "modules",  # declarations and pure functions; its other functions are never called inside a workflow
    "orjson",  # a compiled module, which can't be loaded twice; the payload converter's
    "re2",  # the same; a regular expression has one answer
    "jinja2",  # read by the expressions' grammar at import
    "markupsafe",  # jinja2's
    "rfc8785",  # canonical JSON: pure
    "zoneinfo",  # time zones come from the package tzdata in a fixed version
    "tzdata",  # the same
    "yaml",  # read when `engine.spec` is imported, never called
    "jsonschema",  # the same
    "referencing",  # jsonschema's
    "pydantic",  # temporalio's own imports
)
"""Modules that the sandbox takes as they are instead of importing them for each run, each with its reason."""


@dataclass(frozen=True, slots=True)
class Work:
    """A worker and what belongs to it. `stop` ends calls that no activity waits for any more."""

    worker: Worker
    journal: Journal
    calls: Calls

    async def run(self) -> None:
        """Until cancelled; then activities in flight get `GRACE`."""
        try:
            await self.worker.run()
        finally:
            await asyncio.shield(self.calls.stop())


def build_worker(
    client: Client,
    log: RunLog,
    facts: Facts,
    host: Host,
    *,
    secrets: RunSecrets | None = None,
    task_queue: str = names.TASK_QUEUE,
    interceptors: Sequence[Interceptor] = (),
) -> Work:
    """The worker over one client. It polls when `run` is awaited. Without `secrets` its runs read none."""
    journal = Journal(log)
    calls = Calls(log, host, secrets or NoSecrets())
    record = Record(log, journal, host.notices)
    module = RunModule(log, journal, calls, host.notices)
    load = Load(log, host.notices)
    waits = Waits(log, facts, host.children, host.notices)
    starts = Starts(log, facts, host.notices)
    worker = Worker(
        client,
        task_queue=task_queue,
        workflows=[RunWorkflow],
        activities=[
            module.run_module,
            record.record,
            load.evaluate,
            load.load_page,
            waits.read_resume,
            waits.respond,
            waits.start_child,
            waits.read_child,
            waits.cancel_child,
            starts.take_start,
        ],
        interceptors=[Announce(journal), *interceptors],
        workflow_runner=workflow_runner(),
        max_cached_workflows=CACHED_RUNS,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        sticky_queue_schedule_to_start_timeout=STICKY,
        max_heartbeat_throttle_interval=timedelta(milliseconds=800),
        graceful_shutdown_timeout=GRACE,
    )
    return Work(worker, journal, calls)


def workflow_runner(more: Sequence[str] = ()) -> SandboxedWorkflowRunner:
    """The sandbox; also for replays, which must see what the worker sees."""
    return SandboxedWorkflowRunner(SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH, *more))


class Announce(Interceptor):
    """Tells the journal whenever an execution is built in this process. It changes nothing of what the workflow sees."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002  # the name of the method that this is
    ) -> type[WorkflowInboundInterceptor] | None:
        journal = self._journal

        class Announced(WorkflowInboundInterceptor):
            async def execute_workflow(self, input: ExecuteWorkflowInput) -> object:  # noqa: A002  # as above
                journal.began(info().workflow_id)
                return cast("object", await super().execute_workflow(input))

        return Announced
