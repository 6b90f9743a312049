"""A worker in a process of its own, to be killed: `worker_process.py DATABASE_URL TEMPORAL_ADDRESS TASK_QUEUE`. Says `ready` when it works."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from db.pool import Database
from tests.fixtures.carrier import open_carrier


async def main(url: str, temporal_address: str, task_queue: str) -> None:
    db = await Database.open(url, application="worker under test")
    async with open_carrier(db, temporal_address, task_queue=task_queue):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
