"""The connect step, where the guard stands.

A name is resolved here, once per connection; each of its addresses is checked, and the connection goes to one of them
as a literal. The name isn't resolved again, so there is nothing between check and use that a second answer of the DNS could
change. TLS (SNI, the certificate's name) and the `Host` header keep the name, because the layers above never see the
address. A connection that is kept and used again is still the one to the address that was checked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from typing import Protocol, cast

import httpcore

from modules.sdk.verdicts import ModuleError
from workspace.egress.addresses import parse_address
from workspace.egress.policy import Policy

_LONGEST_CONNECT = 10.0


class Resolver(Protocol):
    """All addresses of a name, in the order to try. Raises OSError when there are none."""

    async def __call__(self, host: str, port: int) -> Sequence[str]: ...


async def resolve(host: str, port: int) -> Sequence[str]:
    """By the system's resolver."""
    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for the pool above it. Raises ModuleError `http.blocked` before a byte is sent to a refused target."""

    def __init__(self, policy: Policy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolver = resolver
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
        limit = min(timeout or _LONGEST_CONNECT, _LONGEST_CONNECT)
        deadline = asyncio.get_running_loop().time() + limit
        try:
            async with asyncio.timeout(limit):
                addresses = await self._checked(host, port)
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

    async def _checked(self, host: str, port: int) -> Sequence[str]:
        try:
            ipaddress.ip_address(host)
            texts: Sequence[str] = [host]
        except ValueError:
            try:
                texts = await self._resolver(host, port)
            except OSError:
                raise httpcore.ConnectError("its name can't be resolved") from None
        addresses = [parse_address(text) for text in texts]
        reason = self._policy.refusal(host, port, addresses)
        if reason is not None:
            raise ModuleError(
                "http.blocked",
                f"the target {host!r}, port {port}, {reason}: such targets are refused unless the operator admits them "
                "(MILLSTREAM_EGRESS_ALLOW)",
                retryable=False,
            )
        return texts
