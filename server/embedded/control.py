"""A stack seen from another process: find it, start it in the background, stop it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from server.embedded.errors import StackError, last_lines
from server.embedded.home import open_home
from server.embedded.identity import identify
from server.embedded.state import StackState, read_state, supervisor_of
from server.embedded.supervisor import Report
from server.settings import Settings, child_environment

_WITHIN_S = 400.0


async def start_in_background(
    settings: Settings, version: str, *, report: Report, changes: Mapping[str, str] | None = None
) -> StackState:
    """Start a stack that outlives this process; return when it runs. One that runs already is made whole and returned.

    ``changes`` are made to the environment that the stack gets; an empty value removes a variable. Raises StackError with
    the stack's own sentence when it can't start.
    """
    running = await find_running(settings.home, version)
    if running is not None:
        return running
    open_home(settings.home)
    log = settings.home / "logs" / "supervisor.log"
    began = log.stat().st_size if log.exists() else 0
    environment = child_environment({**(changes or {}), "MILLSTREAM_HOME": str(settings.home)})
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: ASYNC220 - it is left to itself
            [sys.executable, "-m", "server.cli.main", "up", "--background"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    told = began
    try:
        while True:
            told = _hand_on(log, told, report)
            state = read_state(settings.home, version)
            if state.state in {"running", "degraded"} and state.pids.supervisor == child.pid:
                # It is meant to outlive us: its object's end shall not complain that the process still runs.
                child.returncode = 0
                return state
            if (code := child.poll()) is not None:
                # Another start may have been faster: then ours found that stack, and ended well.
                found = await find_running(settings.home, version) if code == 0 else None
                if found is None:
                    raise StackError(_reason(log, began))
                return found
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        child.terminate()
        child.wait()
        raise


async def find_running(home: Path, version: str) -> StackState | None:
    """The stack that runs in ``home``, after what is dead of it was started again; None if there is none.

    One that is stopping is waited for, so that another can be started then. Raises StackError if it stays broken.
    """
    loop = asyncio.get_running_loop()
    give_up = loop.time() + _WITHIN_S
    hurried = False
    while (supervisor := supervisor_of(home)) is not None:
        state = read_state(home, version)
        if state.state == "running" and _whole(state):
            return state
        if state.state == "degraded" and not hurried:
            with contextlib.suppress(ProcessLookupError):
                os.kill(supervisor.pid, signal.SIGUSR1)
            hurried = True
        if loop.time() > give_up:
            raise StackError(
                f"the stack in {str(home)!r} is still {state.state!r}: see its logs in {str(home / 'logs')!r}"
            )
        await asyncio.sleep(0.05)
    return None


async def stop_running(home: Path) -> bool:
    """Stop the stack in ``home`` and return when all of it is gone; False if none ran."""
    supervisor = supervisor_of(home)
    if supervisor is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(supervisor.pid, signal.SIGTERM)
    give_up = asyncio.get_running_loop().time() + _WITHIN_S
    while supervisor.alive():
        if asyncio.get_running_loop().time() > give_up:
            raise StackError(f"the supervisor, process {supervisor.pid}, doesn't end: see {str(home / 'logs')!r}")
        await asyncio.sleep(0.05)
    return True


def _whole(state: StackState) -> bool:
    """Whether each process of the state lives: the supervisor may not have noticed a death yet."""
    pids = state.pids
    noted = [*pids.api, *pids.worker, *(pid for pid in (pids.postgres, pids.temporal) if pid is not None)]
    return all(identify(pid) is not None for pid in noted)


def _hand_on(log: Path, begin: int, report: Report) -> int:
    """Report the whole lines that ``log`` got since byte ``begin``, errors apart; return where they end."""
    with log.open("rb") as file:
        file.seek(begin)
        fresh = file.read()
    lines, newline, _ = fresh.rpartition(b"\n")
    for line in lines.decode("utf-8", "replace").splitlines():
        if line.strip() and not line.startswith("error: "):
            report(line)
    return begin + len(lines) + len(newline)


def _reason(log: Path, begin: int) -> str:
    said = last_lines(log, since=begin, lines=12).split(" | ")
    own = next((line.removeprefix("error: ") for line in reversed(said) if line.startswith("error: ")), None)
    return own or f"the stack ended at once: {' | '.join(said[-3:])}; its log is {str(log)!r}"
