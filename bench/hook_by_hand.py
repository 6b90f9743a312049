"""What a user would write instead of a synchronous webhook: a FastAPI route, and a workflow that it starts and asks for the answer in one call.

Run as `python -m bench.hook_by_hand TEMPORAL QUEUE`: serves on a free port of loopback, and prints it.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import uuid

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from bench.by_hand import Answering


class Call(BaseModel):
    amount: int
    steps: int


def app(temporal: Client, queue: str) -> FastAPI:
    """One route, `POST /hook`."""
    made = FastAPI()

    @made.post("/hook")
    async def hook(call: Call) -> int:  # pyright: ignore[reportUnusedFunction]: the app has it
        start = WithStartWorkflowOperation(
            Answering.run,
            args=[call.amount, call.steps],
            id=f"by-hand-{uuid.uuid4()}",
            task_queue=queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )
        # The library leaves a type of one of its overloads open.
        asked = temporal.execute_update_with_start_workflow  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        answer: int = await asked(Answering.answer, start_workflow_operation=start)
        return answer

    return made


async def main(address: str, queue: str) -> None:
    """Until it is told to end."""
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    # Connections stay open as long as those of the other side.
    config = uvicorn.Config(app(await Client.connect(address), queue), log_level="warning", timeout_keep_alive=75)
    await uvicorn.Server(config).serve([listening])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
