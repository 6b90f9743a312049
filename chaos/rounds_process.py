"""Maintenance, cut short at each of its borders: `python -m chaos.rounds_process URL TIMES`, by processes of its own.

A stack does a round every ten minutes, so its borders are tried here, on the database of one: at each place so many rounds are killed, and
so many are cut off from the server; at last a whole round must succeed. Writes `{PLACE: [killed, cut off]}` in JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable

from chaos.scale.admin import administering
from chaos.scale.backlog import past_weeks
from db.errors import DatabaseError
from db.failing import FailingDatabase
from db.failpoints import Failpoints, read_points
from db.pool import Database
from engine.maintenance import Maintenance
from server.failpoints import places

NOUNS = ("maintenance.", "weeks.", "rates.expired", "flushes.delete_old_", "workflows.drop_views")
"""What the names of the statements of a round begin with."""
_CUT_OFF, _WHOLE = 3, 0


async def _leads(name: str) -> bool:
    del name
    return True


async def _round(url: str, points: Failpoints) -> int:
    async with administering(url) as admin:
        # There is always an old week to drop.
        await past_weeks(admin, 6)
    db = await Database.open(url, max_size=2, application="rounds")
    try:
        await Maintenance(FailingDatabase(db, points) if points else db, _leads).round()
    except DatabaseError:
        return _CUT_OFF
    finally:
        await db.close()
    return _WHOLE


def _in_a_child(work: Callable[[], int]) -> int:
    """What it gives; -9 when it was killed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = work()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def main() -> int:
    url, times = sys.argv[1], int(sys.argv[2])
    counted: dict[str, list[int]] = {}
    for place in places():
        if not place.partition(":")[2].startswith(NOUNS):
            continue
        killed = cut = 0
        for action in ("kill", "error"):
            points = f"{place}:{action}"
            for number in range(times):
                code = _in_a_child(lambda points=points: asyncio.run(_round(url, read_points(points, places()))))
                killed += code == -9
                cut += code == _CUT_OFF
                if number == 0 and code == _WHOLE:
                    break  # a round doesn't pass it
        counted[place] = [killed, cut]
    print(json.dumps(counted))
    return _in_a_child(lambda: asyncio.run(_round(url, Failpoints())))


if __name__ == "__main__":
    sys.exit(main())
