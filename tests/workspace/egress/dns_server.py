"""A DNS server for the names of the tests, over UDP, and a resolver that asks it.

It answers for `.example`: it may point a name anywhere, in both families at once, and elsewhere at the next question.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

import dns.asyncquery
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset

from workspace.egress.resolver import SystemResolver

Answer = Callable[[str, int], Sequence[str]]
"""From a name in lower case without its final dot, and how often it was asked for before in this family, to addresses; or to a
name, for `CNAME`."""


class DnsServer(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self.asked: dict[tuple[str, str], int] = {}
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        [question] = query.question
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        times = self.asked.get((name, kind), 0)
        self.asked[name, kind] = times + 1
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        owner, texts = question.name, self._answer(name, times)
        if texts and not _is_address(texts[0]):
            reply.answer.append(dns.rrset.from_text(question.name, 0, "IN", "CNAME", f"{texts[0]}."))
            owner = dns.name.from_text(f"{texts[0]}.")
            texts = self._answer(texts[0], 0)
        found = [text for text in texts if (ipaddress.ip_address(text).version == 4) == (kind == "A")]
        if found:
            reply.answer.append(dns.rrset.from_text(owner, 0, "IN", kind, *found))
        assert self._transport is not None
        self._transport.sendto(reply.to_wire(), addr)


class Resolving:
    """Implements `Resolver`: names of the tests by the server, all others by the system."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._system = SystemResolver()

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        name = host.rstrip(".").lower()
        if not name.endswith(".example"):
            return await self._system(host, port)
        found: list[str] = []
        for kind in ("A", "AAAA"):
            query = dns.message.make_query(name.encode("idna").decode(), kind)
            reply = await dns.asyncquery.udp(query, "127.0.0.1", timeout=10, port=self._port)
            found += [str(each) for rrset in reply.answer if rrset.rdtype == query.question[0].rdtype for each in rrset]
        if not found:
            raise OSError("no such name")
        return found

    def close(self) -> None:
        self._system.close()


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[tuple[DnsServer, Resolving]]:
    server = DnsServer(answer)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, ("127.0.0.1", 0))
    resolving = Resolving(transport.get_extra_info("sockname")[1])
    try:
        yield server, resolving
    finally:
        resolving.close()
        transport.close()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
