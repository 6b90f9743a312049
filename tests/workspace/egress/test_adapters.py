"""Each client library over the guard with TLS: connected to the address that was checked, under the name that was asked for."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx2
import openai
import pytest
from aiosmtpd.smtp import SMTP

from modules.sdk.verdicts import ModuleError
from tests.fixtures.http_server import Answer, Request, running
from tests.workspace.egress.certificates import certificate_for
from tests.workspace.postgres.server import server_of
from workspace.egress.adapters import imap, llm, postgres, smtp
from workspace.egress.adapters.postgres import SslMode
from workspace.egress.attached import Attached
from workspace.egress.guard import Guard
from workspace.egress.policy import make_policy

NAME = "mail.example"


@pytest.fixture
async def guard() -> AsyncIterator[Guard]:
    """Every name is loopback, which is admitted."""

    async def names(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    made = Guard(make_policy(["127.0.0.1"]), names)
    yield made
    made.close()


@asynccontextmanager
async def fronted(url: str, tls: ssl.SSLContext) -> AsyncIterator[int]:
    """A real PostgreSQL server behind one that speaks TLS, as poolers do. Gives its port."""
    server = server_of(url)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)  # the request for TLS
        writer.write(b"S")
        await writer.drain()
        try:
            await writer.start_tls(tls)
        except OSError:
            writer.close()
            return
        inner_reader, inner_writer = await asyncio.open_connection(server.host, server.port)
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))
        for each in (inner_writer, writer):
            with contextlib.suppress(OSError):
                await each.wait_closed()

    at_work: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at_work.add(asyncio.create_task(accept(reader, writer)))

    async with await asyncio.start_server(accepted, "127.0.0.1", 0) as front:
        yield front.sockets[0].getsockname()[1]
    await asyncio.gather(*at_work)


@pytest.mark.parametrize(
    ("host", "sslmode", "trusted", "works"),
    [
        (NAME, "verify-full", True, True),
        (NAME, "verify-full", False, False),
        ("other.example", "verify-full", True, False),
        ("other.example", "verify-ca", True, True),
        ("other.example", "verify-ca", False, False),
        ("other.example", "require", False, True),
        ("other.example", "prefer", False, True),
    ],
)
async def test_a_database_is_asked_by_its_name(
    guard: Guard, empty_database_url: str, host: str, sslmode: SslMode, trusted: bool, works: bool
) -> None:
    server_side, _, pem = certificate_for(NAME)
    async with fronted(empty_database_url, server_side) as port:
        server = replace(server_of(empty_database_url, host=host), port=port, sslmode=sslmode)
        server = replace(server, authority=pem if trusted else None)
        if works:
            connection = await postgres.connect(guard, server)
            assert await connection.execute("select 1") == "SELECT 1"
            connection.terminate()
        else:
            with pytest.raises(ModuleError) as caught:
                await postgres.connect(guard, server)
            assert (caught.value.code, caught.value.retryable) == ("postgres.connect", False)
            assert "certificate" in caught.value.message


async def test_a_database_without_tls_is_plain_only_where_that_is_meant(guard: Guard, empty_database_url: str) -> None:
    server = server_of(empty_database_url, host=NAME)
    (await postgres.connect(guard, replace(server, sslmode="prefer"))).terminate()
    (await postgres.connect(guard, replace(server, sslmode="disable"))).terminate()
    for sslmode in ("require", "verify-full"):
        with pytest.raises(ModuleError) as caught:
            await postgres.connect(guard, replace(server, sslmode=sslmode))
        assert "no TLS" in caught.value.message


@asynccontextmanager
async def mail_server(tls: ssl.SSLContext, *, implicit: bool) -> AsyncIterator[int]:
    class Handler:
        pass

    def made() -> SMTP:
        return SMTP(Handler(), hostname=NAME, tls_context=None if implicit else tls, loop=asyncio.get_running_loop())

    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0, ssl=tls if implicit else None)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("way", ["implicit", "starttls"])
async def test_mail_goes_out_under_its_name(guard: Guard, way: smtp.Tls) -> None:
    server_side, _, pem = certificate_for(NAME)
    async with mail_server(server_side, implicit=way == "implicit") as port:
        async with smtp.connected(guard, NAME, port, tls=way, authority=pem, timeout=20) as client:
            assert (await client.noop()).code == 250
            assert client.get_transport_info("ssl_object") is not None
        for host, authority in (("other.example", pem), (NAME, None)):
            with pytest.raises(ModuleError) as caught:
                async with smtp.connected(guard, host, port, tls=way, authority=authority, timeout=20):
                    pass
            assert caught.value.code == "smtp.connect"


async def test_mail_comes_in_under_its_name(guard: Guard) -> None:
    server_side, _, pem = certificate_for(NAME)

    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(b"* OK ready\r\n")
            while line := await reader.readline():
                tag = line.split()[0]
                writer.write(b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n")
        writer.close()

    async with await asyncio.start_server(greets, "127.0.0.1", 0, ssl=server_side) as server:
        port = server.sockets[0].getsockname()[1]
        async with imap.connected(guard, NAME, port, tls="implicit", authority=pem, timeout=20) as client:
            assert (await client.call(lambda each: each.noop()))[0] == "OK"
        for host, authority in (("other.example", pem), (NAME, None)):
            with pytest.raises(ModuleError) as caught:
                async with imap.connected(guard, host, port, tls="implicit", authority=authority, timeout=20):
                    pass
            assert (caught.value.code, "certificate" in caught.value.message) == ("imap.connect", True)


async def test_a_models_key_goes_to_its_host_and_nothing_else_of_the_package(guard: Guard) -> None:
    credential = Attached({"Authorization": "Bearer the-key"}, hosts=("model.example",))
    async with running() as server:
        server.answer("GET", "/v1/models", Answer.of_json({"object": "list", "data": []}))
        base = f"http://model.example:{server.port}/v1"
        async with llm.open_client(guard, base, credential, timeout=20) as client:
            await client.models.list()
        [request] = server.requests
        assert request.headers["authorization"] == "Bearer the-key"
        assert set(request.headers) <= {"host", "accept", "accept-encoding", "user-agent", "authorization"}
        async with llm.open_client(guard, f"http://other.example:{server.port}/v1", credential, timeout=20) as client:
            with pytest.raises((ModuleError, openai.APIConnectionError)) as caught:
                await client.models.list()
        refused = llm.refusal_in(caught.value)
        assert refused is not None
        assert refused.code == "connection.host"
        assert len(server.requests) == 1


async def test_a_models_answer_comes_in_pieces_and_ends_at_the_limit(guard: Guard) -> None:
    async def endless(request: Request) -> bytes:
        events = b"".join(
            b'data: {"id":"%d","object":"chat.completion.chunk","choices":[]}\n\n' % n for n in range(2000)
        )
        return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + events

    async with running() as server:
        server.handle("POST", "/chat/completions", endless)
        async with llm.open_client(
            guard, f"http://model.example:{server.port}/", None, timeout=20, limit=100_000
        ) as client:
            stream = await client.chat.completions.create(model="m", messages=[], stream=True)
            seen: list[object] = []

            async def read() -> None:
                async for piece in stream:
                    seen.append(piece)  # noqa: PERF401  # those that came before the failure count

            with pytest.raises((ModuleError, openai.OpenAIError, httpx2.HTTPError)):
                await read()
            assert 0 < len(seen) < 2000


async def test_a_model_server_that_redirects_is_not_followed(guard: Guard) -> None:
    async with running() as server, running() as other:
        server.answer("GET", "/models", Answer(307, {"location": other.url + "/models"}))
        async with llm.open_client(guard, f"http://model.example:{server.port}/", None, timeout=20) as client:
            with pytest.raises(openai.APIStatusError):
                await client.models.list()
        assert other.connections == 0
