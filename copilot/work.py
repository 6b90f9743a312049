"""The worker that has turns done: in each process, beside the one of runs, on a queue of its own, so that neither waits for the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Interceptor, PollerBehaviorAutoscaling, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from copilot import names
from copilot.activities.finish import Finisher
from copilot.activities.think import Thinker
from copilot.activities.use_tool import ToolUser
from copilot.workflows.turn import TurnWorkflow
from engine.payloads import data_converter

AT_ONCE = 200
"""Model and tool calls under way in one process: they wait for others nearly all of the time."""
CACHED_TURNS = 200
GRACE = timedelta(seconds=5)
_PASSED_THROUGH = ("copilot", "engine", "modules", "orjson", "pydantic")


def plain_client(client: Client) -> Client:
    """The same connection; what turns send over it are ids and counts, which need no closing."""
    return Client(client.service_client, namespace=client.namespace, data_converter=data_converter(None))


def build_copilot_worker(
    client: Client, thinker: Thinker, user: ToolUser, finisher: Finisher, interceptors: Sequence[Interceptor] = ()
) -> Worker:
    """Over a client of `plain_client`. It polls when it is run."""
    return Worker(
        client,
        task_queue=names.TASK_QUEUE,
        workflows=[TurnWorkflow],
        activities=[thinker.think, user.use_tool, finisher.finish],
        interceptors=interceptors,
        workflow_runner=SandboxedWorkflowRunner(SandboxRestrictions.default.with_passthrough_modules(*_PASSED_THROUGH)),
        max_cached_workflows=CACHED_TURNS,
        max_concurrent_activities=AT_ONCE,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        max_heartbeat_throttle_interval=timedelta(seconds=1),
        graceful_shutdown_timeout=GRACE,
    )
