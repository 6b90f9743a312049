"""The gate with real sockets: what is this machine's, and what is the engine's."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence

import pytest

from modules.sdk.verdicts import ModuleError
from workspace.egress.addresses import parse_address
from workspace.egress.guard import Guard, is_own
from workspace.egress.policy import Endpoint, Speaks, make_policy


@pytest.fixture
async def listening() -> AsyncIterator[socket.socket]:
    with socket.create_server(("0.0.0.0", 0)) as server:
        server.setblocking(False)
        yield server


async def code_of(guard: Guard, host: str, port: int, speaks: Speaks = Speaks.POSTGRES) -> str:
    with pytest.raises(ModuleError) as caught:
        (await guard.connect(host, port, speaks)).close()
    return caught.value.code


async def test_the_engines_database_is_refused_though_its_network_is_admitted(listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    guard = Guard(make_policy(["127.0.0.0/8", "::/0", "localhost"], [Endpoint("localhost", port)]))
    for host in ("127.0.0.1", "127.0.0.9", "localhost", "::ffff:127.0.0.1"):
        assert await code_of(guard, host, port) == "postgres.blocked"
    with pytest.raises(BlockingIOError):
        listening.accept()
    with socket.create_server(("127.0.0.1", 0)) as other:
        (await guard.connect("127.0.0.1", other.getsockname()[1], Speaks.POSTGRES)).close()
    guard.close()


async def test_a_pinned_connection_goes_to_the_checked_address(listening: socket.socket) -> None:
    asked: list[str] = []

    async def names(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    guard = Guard(make_policy(["127.0.0.1"]), names)
    made = await guard.connect("rebinding.example", listening.getsockname()[1], Speaks.SMTP)
    peer, _ = await asyncio.get_running_loop().sock_accept(listening)
    assert made.getpeername()[0] == "127.0.0.1"
    made.close()
    peer.close()
    assert await code_of(guard, "rebinding.example", 587, Speaks.SMTP) == "smtp.blocked"


async def test_what_cannot_be_reached_is_told() -> None:
    async def names(host: str, port: int) -> Sequence[str]:
        if host == "nowhere.example":
            raise OSError("no such name")
        return [] if host == "empty.example" else ["127.0.0.1"]

    guard = Guard(make_policy(["127.0.0.1"]), names)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    for host in ("nowhere.example", "empty.example", "refuses.example"):
        assert await code_of(guard, host, port, Speaks.IMAP) == "imap.connect"


def test_the_machines_own_addresses_are_known() -> None:
    assert all(
        is_own(parse_address(text)) for text in ("127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1")
    )
    assert not any(is_own(parse_address(text)) for text in ("8.8.8.8", "2606:4700::1111", "240.0.0.1"))
