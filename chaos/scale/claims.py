"""How long claiming, accepting and ending take beside a backlog of queued runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

from chaos.scale.admin import administering
from chaos.scale.backlog import Backlog, fill
from chaos.scale.figures import Row, Work, in_turn
from chaos.scale.tenant import Tenant, accept, new_run, succeeded, tenant, workflow
from db import queue, runs
from db.ids import RunId, WorkspaceId
from db.pool import Database
from db.record import record

_STEPS = 3


async def claims(url: str, queued: int, logs: int) -> list[Row]:
    """Claim, accept and end of single runs, alone and beside a backlog of another workspace, of other workflows, under a cap and of a key."""
    found: list[Row] = []
    for name, backlog in {
        "2,000 workflows": Backlog(queued=queued, workflows=2_000),
        "one workflow under a full cap": Backlog(queued=queued, cap=1),
        "one key": Backlog(queued=queued, keys=1),
    }.items():
        async with database(url) as empty_url, database(url) as full_url:
            empty, full = await Database.open(empty_url), await Database.open(full_url)
            try:
                alone, busy = await tenant(empty, "mine"), await tenant(full, "busy")
                await fill(full_url, busy.workspace_id, backlog)
                if logs:
                    past = Backlog(ended=logs // _STEPS, steps=_STEPS, workflows=50, weeks=4)
                    await fill(full_url, busy.workspace_id, past)
                if backlog.cap is not None:
                    await _capped(full_url)
                beside = await tenant(full, "mine")
                one, other = await _work(empty, alone), await _work(full, beside)
                found += [await in_turn(f"{what}, {queued:,} queued: {name}", one[what], other[what]) for what in one]
            finally:
                await empty.close()
                await full.close()
    return found


@asynccontextmanager
async def database(url: str) -> AsyncGenerator[str]:
    """A database of its own, copied from the one at `url`."""
    place = urlsplit(url)
    name = f"scale_{uuid4().hex}"
    # One that somebody is connected to can't be copied.
    async with administering(urlunsplit(place._replace(path="/template1"))) as admin:
        await admin.execute(f"create database {name} template {place.path.removeprefix('/')}")
        await admin.execute(f"grant create on database {name} to ms_owner")
        yield urlunsplit(place._replace(path=f"/{name}"))
        await admin.execute(f"drop database {name} with (force)")


async def _capped(url: str) -> None:
    """The backlog's first run is started, all others wait for its end."""
    async with administering(url) as admin:
        await admin.execute(
            "update workflow_execution_queue q set state = case when q.seq = (select min(o.seq) from workflow_execution_queue o) "
            "then 'started' else 'capped' end"
        )
        await admin.execute("vacuum analyze workflow_execution_queue")


async def _work(db: Database, owner: Tenant) -> dict[str, Work]:
    """Pieces of work on single runs of a workspace, to be done in this order, each as often as the one before."""
    waiting: list[RunId] = []
    keyed = Tenant(owner.workspace_id, await workflow(db, owner.workspace_id, "keyed"))

    async def add() -> None:
        run = new_run(owner)
        await accept(db, run)
        waiting.append(run.run_id)

    async def claim() -> None:
        # Of two workspaces this one's turn comes when the other one had its own.
        async with db.single() as connection:
            (one,) = await queue.claim(connection, "scale", 1, 3_600, WorkspaceId(owner.workspace_id - 1))
        assert one.workspace_id == owner.workspace_id

    async def end() -> None:
        async with db.single() as connection:
            await record(connection, owner.workspace_id, waiting.pop(), [], end=succeeded())

    async def cancel() -> None:
        run = new_run(keyed, concurrency_key="k")
        await accept(db, run)
        async with db.single() as connection:
            await runs.request_cancel(connection, owner.workspace_id, run.run_id)

    return {"accept": add, "claim": claim, "end": end, "accept and cancel": cancel}
