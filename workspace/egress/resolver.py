"""Names to addresses, by the system's resolver.

It has threads of its own. A name whose servers never answer holds a thread for half a minute, and names come from workflows: in the
loop's shared pool a handful of them would stop all other work of the process.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

_THREADS = 32


class Resolver(Protocol):
    """All addresses of a name, in the order to try. Raises OSError when there are none."""

    async def __call__(self, host: str, port: int) -> Sequence[str]: ...


class SystemResolver:
    """A second call asks again: nothing is kept here."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "resolver")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _addresses, host, port)

    def close(self) -> None:
        """Doesn't wait for lookups that are still under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str, port: int) -> Sequence[str]:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # what the IDNA codec says of a label that is too long
        raise OSError("it is no name") from None
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))
