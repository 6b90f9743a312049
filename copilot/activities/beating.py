"""Signs of life of an activity that takes long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from temporalio import activity

BEAT_S = 3.0


@asynccontextmanager
async def beating() -> AsyncGenerator[None]:
    """Temporal hears from it while the block runs; the answers to that bring a cancellation."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BEAT_S)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
