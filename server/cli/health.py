"""``health``: whether this machine's API or worker does its work; for the health checks of containers."""

from typing import Annotated

import typer

from server.cli.loop import run
from server.cli.output import CliError, Out
from server.settings import Settings, load_settings


def register(app: typer.Typer) -> None:
    @app.command(hidden=True)
    def health(part: Annotated[str, typer.Argument(help="api or worker")]) -> None:
        """Exit with 0 when the API (or the worker) of this machine works, else with 1 and the reason."""
        checks = {"api": _api, "worker": _worker}
        if part not in checks:
            raise CliError(f"there is no part {part!r}", "parts: api, worker", exit_code=2)
        run(checks[part](load_settings()))
        Out().text(f"{part} works")


async def _api(settings: Settings) -> None:
    from server.embedded.program import status_of

    status = await status_of(f"{settings.local_url}/readyz")
    if status != 200:
        raise CliError(f"{settings.local_url}/readyz answers {status or 'nothing'}")


async def _worker(settings: Settings) -> None:
    """Temporal has heard of a worker on this host in the last two minutes: a poll lasts up to one."""
    import socket
    from datetime import UTC, datetime, timedelta

    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

    from engine.names import TASK_QUEUE
    from server.temporal import connect

    client = await connect(settings)
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=settings.temporal_namespace,
            task_queue=TaskQueue(name=TASK_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
    )
    since = datetime.now(UTC) - timedelta(minutes=2)
    host = socket.gethostname()
    heard = [
        poller.identity
        for poller in answer.pollers
        if poller.last_access_time.ToDatetime(tzinfo=UTC) > since and poller.identity.rpartition("@")[2] == host
    ]
    if not heard:
        raise CliError(f"no worker on host {host!r} has asked Temporal for work in the last two minutes")
