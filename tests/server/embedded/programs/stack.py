"""A stack in a process of its own, as `millstream up` has it, but with `child.py` for our own processes."""

import asyncio
import signal
import sys
from pathlib import Path

from server.embedded.errors import StackError
from server.embedded.stack import Stack
from server.embedded.state import StackState
from server.settings import load_settings

CHILD = Path(__file__).with_name("child.py")


async def main() -> None:
    stop = asyncio.Event()
    stack = Stack(load_settings(), report=print, command=lambda noun: (sys.executable, str(CHILD), noun))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, stack.hurry)

    def ready(state: StackState) -> None:
        print("ready", state.url, flush=True)

    await stack.run(stop, ready=ready)


try:
    asyncio.run(main())
except StackError as error:
    sys.exit(f"error: {error}")
