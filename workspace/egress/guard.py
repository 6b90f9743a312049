"""Resolve, check, pin: the one gate before every connection that leaves the process for a workflow, whatever is spoken over it.

A name is resolved here, once for each connection; each of its addresses is checked, and the caller connects to one of those literals. The
name isn't resolved again, so there is nothing between check and use that a second answer of the DNS could change. Names for TLS and for
`Host` stay with the caller. The HTTP client asks at each connect (`backend.py`), other libraries by an adapter each (`adapters/`).

Own addresses are found by binding to them, which sends nothing and knows of each interface at the moment of asking. The addresses of the
engine's servers are looked up only for a target with the same port.

Rejected: a check by the URL before the client resolves it again (rebinding), a list of resolved names kept for a while (the same, slower),
a proxy process (a second path for each protocol, and the checks are the same).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

from modules.sdk.verdicts import ModuleError
from workspace.egress.addresses import Address, carried, parse_address
from workspace.egress.policy import Endpoint, Policy, Speaks, ascii_host
from workspace.egress.resolver import Resolver, SystemResolver

LONGEST_CONNECT = 10.0
_TEST_BLOCK = ("240.0.0.1", "2001:db8::1")  # addresses that no machine has


class Guard:
    """Shared by all clients of the process. `resolver` is the system's unless given."""

    def __init__(self, policy: Policy, resolver: Resolver | None = None) -> None:
        self._policy = policy
        self._system = SystemResolver() if resolver is None else None
        self._resolver: Resolver = resolver or self._system or SystemResolver()

    def close(self) -> None:
        if self._system is not None:
            self._system.close()

    async def addresses(self, host: str, port: int, speaks: Speaks) -> Sequence[str]:
        """The addresses that may be connected to, as literals, in the order to try. `host` is a name or an address without brackets.

        Raises ModuleError `<speaks>.blocked`, `<speaks>.connect` when the name has no address.
        """
        texts = await self._resolved(host, port, speaks)
        addresses = [parse_address(text) for text in texts]
        own = {address for address in addresses if is_own(address)}
        engine = await self._of_engine(addresses, own, port)
        try:
            name = host if _is_address(host) else ascii_host(host)
        except ValueError:
            name = ""
        reason = self._policy.refusal(name, port, addresses, speaks=speaks, own=own, engine=engine)
        if reason is not None:
            raise ModuleError(
                f"{speaks.value}.blocked",
                f"the target {host[:253]!r}, port {port}, {reason}: such targets are refused unless the operator admits them "
                "(MILLSTREAM_EGRESS_ALLOW)",
                retryable=False,
            )
        return texts

    async def connect(self, host: str, port: int, speaks: Speaks, *, timeout: float = LONGEST_CONNECT) -> socket.socket:
        """A connected socket that doesn't block, the caller's to close. Beside what `addresses` raises: `<speaks>.timeout`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        refused = False
        try:
            async with asyncio.timeout(timeout):
                texts = await self.addresses(host, port, speaks)
                for position, text in enumerate(texts):
                    share = (deadline - loop.time()) / (len(texts) - position)
                    try:
                        async with asyncio.timeout(max(share, 0.1)):
                            return await _connected(text, port)
                    except ConnectionRefusedError:
                        refused = True
                    except (OSError, TimeoutError):
                        continue
        except TimeoutError:
            pass
        if refused:
            raise ModuleError(f"{speaks.value}.connect", f"{host!r}, port {port}, refuses connections")
        if loop.time() >= deadline:
            raise ModuleError(
                f"{speaks.value}.timeout", f"{host!r}, port {port}, could not be reached within {timeout:g} s"
            )
        raise ModuleError(f"{speaks.value}.connect", f"{host!r}, port {port}, can't be reached")

    async def _resolved(self, host: str, port: int, speaks: Speaks) -> Sequence[str]:
        if _is_address(host):
            return [host]
        try:
            texts = await self._resolver(host, port)
        except OSError:
            texts = ()
        if not texts:
            raise ModuleError(f"{speaks.value}.connect", f"the name of {host[:253]!r} can't be resolved")
        return texts

    async def _of_engine(self, addresses: Sequence[Address], own: set[Address], port: int) -> set[Address]:
        """Those that lead to a server of the installation: by its address or, when that server is on this machine, by any of the machine's."""
        found: set[Address] = set()
        for endpoint in self._policy.engine:
            if endpoint.port == port:
                theirs = await self._of(endpoint)
                here = any(is_own(address) for address in theirs)
                found.update(each for each in addresses if _plain(each) in theirs or (here and each in own))
        return found

    async def _of(self, endpoint: Endpoint) -> set[Address]:
        if _is_address(endpoint.host):
            return {_plain(parse_address(endpoint.host))}
        try:
            return {_plain(parse_address(text)) for text in await self._resolver(endpoint.host, endpoint.port)}
        except OSError:
            return set()


def is_own(address: Address) -> bool:
    """Whether it is one of this machine's."""
    address = _plain(address)
    if address.is_loopback or address.is_unspecified:
        return True
    family, nobody = (socket.AF_INET, _TEST_BLOCK[0]) if address.version == 4 else (socket.AF_INET6, _TEST_BLOCK[1])
    # Where the kernel lets anyone bind to anything, binding tells nothing.
    return _binds(family, str(address)) and not _binds(family, nobody)


def _binds(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


async def _connected(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(made, (address, port))
    except BaseException:
        made.close()
        raise
    return made


def _plain(address: Address) -> Address:
    return (carried(address) or address) if isinstance(address, ipaddress.IPv6Address) else address


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
