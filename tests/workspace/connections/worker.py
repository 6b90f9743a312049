"""A process of several workers that all need one connection's token at once: python worker.py DATABASE WORKERS. It prints what each got."""

from __future__ import annotations

import asyncio
import json
import sys

from db.pool import Database
from tests.workspace.connections.stand import opened


async def main(url: str, workers: int) -> None:
    db = await Database.open(url, max_size=6)
    try:
        async with opened(db) as stand:
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            got = await asyncio.gather(*(stand.open() for _ in range(workers)))
            versions = [one.tokens.version for one in got if one.tokens is not None]
            print(json.dumps([versions, sorted({one.tokens.access_token for one in got if one.tokens})]), flush=True)
    finally:
        await db.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
