"""The connect step of the HTTP client: what the pool is told to connect to goes through the guard first.

TLS (SNI, the certificate's name) and the `Host` header keep the name, because the layers above never see the address. A connection that is
kept and used again is still the one to the address that was checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

import httpcore

from modules.sdk.verdicts import ModuleError
from workspace.egress.guard import LONGEST_CONNECT, Guard
from workspace.egress.policy import Speaks


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for the pool above it. Raises ModuleError `http.blocked` before a byte is sent to a refused target."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        # httpcore declares a bare class in this place where anyio is missing, and so to the type checker
        self._network = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        limit = min(timeout or LONGEST_CONNECT, LONGEST_CONNECT)
        deadline = asyncio.get_running_loop().time() + limit
        try:
            async with asyncio.timeout(limit):
                addresses = await self._guard.addresses(host, port, Speaks.HTTP)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"its name could not be resolved within {limit:g} s") from None
        failure: Exception = httpcore.ConnectError("it has no address")
        for position, address in enumerate(addresses):
            share = (deadline - asyncio.get_running_loop().time()) / (len(addresses) - position)
            try:
                stream = await self._network.connect_tcp(address, port, max(share, 0.1), local_address, socket_options)
                # What comes next asks this of it; a stream whose peer has hung up already fails there, without a word of its own.
                stream.get_extra_info("ssl_object")
                return stream
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            except AttributeError:
                failure = httpcore.ConnectError("it hung up at once")
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise ModuleError("http.blocked", "the target is a socket of this machine", retryable=False)

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)
