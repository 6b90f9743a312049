"""The processes of a stack, by the names of its parts."""

from __future__ import annotations

import asyncio
from pathlib import Path

from server.embedded.identity import ProcessIdentity, identify
from server.embedded.state import StackState

PARTS = ("postgres", "temporal", "api", "worker")


def pid_of(state: StackState, name: str) -> int:
    """0: it doesn't run."""
    pids = state.pids
    several = {"api": pids.api, "worker": pids.worker}.get(name)
    single = {"postgres": pids.postgres, "temporal": pids.temporal}.get(name)
    return (several[0] if several else 0) if several is not None else (single or 0)


def family(pid: int) -> list[int]:
    """That process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(below for child in children for below in family(int(child)))]


def processes_of(state: StackState) -> list[ProcessIdentity]:
    """All processes of the stack, PostgreSQL's own children included."""
    roots = [state.pids.supervisor, *(pid_of(state, name) for name in PARTS)]
    return [found for pid in roots if pid for child in family(pid) if (found := identify(child))]


async def gone(processes: list[ProcessIdentity]) -> None:
    """Returns when none of them runs any more."""
    async with asyncio.timeout(60):
        while any(process.alive() for process in processes):
            await asyncio.sleep(0.02)
