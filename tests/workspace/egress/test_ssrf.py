"""Hundreds of targets that lead inside, by every way out, and not a packet at the canaries.

The canaries listen on loopback in both families and on the machine's own addresses; what they accepted is the judge, not what our
code says. Only
`CONTROL` is admitted: the servers there show that each way works, and they are what redirects and pages come from.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote

import openai
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from engine.isolated.pool import IsolatedPool
from modules.http.request import MODULE as HTTP_REQUEST
from modules.sdk.context import Sending
from modules.sdk.json import JsonObject
from modules.sdk.verdicts import ModuleError
from server.module_tools.host import example_context
from tests.fixtures.http_server import Answer, HttpServer, Request, running
from tests.workspace.egress import hostile
from tests.workspace.egress.dns_server import DnsServer, Resolving, answering
from workspace.egress.adapters import imap, llm, postgres, smtp
from workspace.egress.adapters.postgres import PostgresServer
from workspace.egress.client import Egress, trusted
from workspace.egress.policy import make_policy

CONTROL = "127.0.0.77"
Way = Callable[["Outside", str], Awaitable[object]]
TLS = trusted()


class Canaries:
    """One port on every address of the machine but `CONTROL`'s."""

    def __init__(self) -> None:
        first = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = first.getsockname()[1]
        self._sockets = [first]
        for address in {"127.0.0.2", "127.1.2.3", _outward()}:
            with contextlib.suppress(OSError):
                self._sockets.append(socket.create_server((address, self.port), backlog=100))
        with contextlib.suppress(OSError):
            self._sockets.append(socket.create_server(("::", self.port), family=socket.AF_INET6, backlog=100))
        for each in self._sockets:
            each.setblocking(False)

    def accepted(self) -> list[str]:
        found: list[str] = []
        for each in self._sockets:
            with contextlib.suppress(BlockingIOError):
                while True:
                    each.accept()[0].close()
                    found.append(str(each.getsockname()))
        return found

    def addresses(self) -> list[str]:
        return [str(each.getsockname()[0]) for each in self._sockets]

    def close(self) -> None:
        for each in self._sockets:
            each.close()


@dataclass(frozen=True)
class Outside:
    """All that may go out, and the servers that are admitted."""

    egress: Egress
    pool: IsolatedPool
    server: HttpServer
    dns: DnsServer
    canaries: Canaries

    async def module(self, inputs: JsonObject) -> object:
        context = replace(example_context(self.pool, 20), http=self.egress)
        assert HTTP_REQUEST.run is not None
        return (await HTTP_REQUEST.run(inputs, context)).output


@pytest.fixture(scope="module")
async def outside(isolated_pool: IsolatedPool) -> AsyncIterator[Outside]:
    canaries = Canaries()
    async with answering(_answer) as (dns, resolving), running(host=CONTROL) as server, _egress(resolving) as egress:
        server.answer("GET", "/", Answer.of_json({"data": [], "object": "list"}))
        server.answer("GET", "/models", Answer.of_json({"data": [], "object": "list"}))
        server.answer("POST", "/", Answer.of_json({"access_token": "t"}))
        server.handle("GET", "/redirect", lambda request: _redirect(request, 302))
        server.handle("POST", "/redirect", lambda request: _redirect(request, 307))
        server.handle("GET", "/chain", _chain)
        server.handle("GET", "/page", lambda request: Answer.of_json({"next": _said(request)}))
        yield Outside(egress, isolated_pool, server, dns, canaries)
    canaries.close()


@contextlib.asynccontextmanager
async def _egress(resolving: Resolving) -> AsyncIterator[Egress]:
    async with Egress(make_policy([CONTROL]), resolver=resolving, tls=TLS) as egress:
        yield egress


# Each way out: it takes a URL. Those that take no URL take its host and port.


async def plain(outside: Outside, url: str) -> object:
    return await outside.egress.request("GET", url, timeout=20)


async def token(outside: Outside, url: str) -> object:
    """As a token is asked for."""
    return await outside.egress.request("POST", url, content=b"grant_type=client_credentials", timeout=20)


async def module(outside: Outside, url: str) -> object:
    return await outside.module({"url": url})


async def redirect(outside: Outside, url: str) -> object:
    return await outside.egress.request("GET", f"{outside.server.url}/redirect?to={quote(url)}", timeout=20)


async def redirected_post(outside: Outside, url: str) -> object:
    there = f"{outside.server.url}/redirect?to={quote(url)}"
    return await outside.egress.request("POST", there, content=b"x", timeout=20)


async def streamed(outside: Outside, url: str) -> object:
    """As a file is sent, and an answer kept as one."""
    return await _streamed(outside, url)


async def redirected_stream(outside: Outside, url: str) -> object:
    return await _streamed(outside, f"{outside.server.url}/redirect?to={quote(url)}")


async def chain(outside: Outside, url: str) -> object:
    return await outside.module({"url": f"{outside.server.url}/chain?left=3&to={quote(url)}"})


async def pages(outside: Outside, url: str) -> object:
    first = f"{outside.server.url}/page?to={quote(url)}"
    return await outside.module(
        {"url": first, "pagination": {"next": "{{ body.next | default(none) }}", "items": "{{ status }}"}}
    )


async def model(outside: Outside, url: str) -> object:
    async with llm.open_client(outside.egress.guard, url, None, timeout=20, tls=TLS) as client:
        try:
            return await client.models.list()
        except openai.OpenAIError as error:
            refused = llm.refusal_in(error)
            if refused is not None:
                raise refused from None
            raise


async def database(outside: Outside, url: str) -> object:
    host, port = _host_and_port(url)
    made = await postgres.connect(
        outside.egress.guard, PostgresServer(host, "x", "x", "x", port, "disable"), timeout=20
    )
    await made.close()
    return made


async def mail_out(outside: Outside, url: str) -> object:
    host, port = _host_and_port(url)
    async with smtp.connected(outside.egress.guard, host, port, tls="none", timeout=20) as client:
        return await client.noop()


async def mail_in(outside: Outside, url: str) -> object:
    host, port = _host_and_port(url)
    async with imap.connected(outside.egress.guard, host, port, tls="none", timeout=20) as client:
        return await client.call(lambda each: each.noop())


HTTP: tuple[Way, ...] = (
    plain, token, module, redirect, redirected_post, streamed, redirected_stream, chain, pages, model,
)  # fmt: skip
BY_HOST: tuple[Way, ...] = (database, mail_out, mail_in)
SAID = {"blocked", "connect", "invalid", "redirect", "timeout", "404"}  # 404: read as a path, and asked of the control


LONG: tuple[Way, ...] = (redirect, redirected_post, redirected_stream, chain)
"""Several requests for each target: by default they are tried with every fifth one."""


@pytest.mark.parametrize(
    ("way", "every"),
    [
        *(pytest.param(way, 1, id=way.__name__) for way in (*HTTP, *BY_HOST) if way not in LONG),
        *(pytest.param(way, 5, id=f"{way.__name__}, some") for way in LONG),
        *(pytest.param(way, 1, id=f"{way.__name__}, all", marks=pytest.mark.slow) for way in LONG),
    ],
)
async def test_no_packet_reaches_the_inside(outside: Outside, way: Way, every: int) -> None:
    whole = list(_targets(outside.canaries.port, whole_urls=way in HTTP))
    assert len(whole) >= 300
    targets = whole[::every]
    free = asyncio.Semaphore(20)

    async def tried(url: str) -> str:
        async with free:
            try:
                answer = await way(outside, url)
            except ModuleError as error:
                return error.code.rpartition(".")[2]
            except (ValueError, openai.OpenAIError, UnicodeError):
                return "invalid"  # the client library itself can't read it
            # what isn't read as an absolute address is one of the control's own
            return "connect" if _at_control(answer, outside) else f"answered {answer!r}"

    said = await asyncio.gather(*map(tried, targets))
    assert outside.canaries.accepted() == []
    assert {url: what for url, what in zip(targets, said, strict=True) if what not in SAID} == {}


async def test_the_canaries_would_sing(outside: Outside) -> None:
    async with Egress(make_policy(["0.0.0.0/0", "::/0"]), tls=TLS) as open_to_all:
        for address in outside.canaries.addresses():
            host = "[::1]" if ":" in address else address
            task = asyncio.create_task(
                open_to_all.request("GET", f"http://{host}:{outside.canaries.port}/", timeout=20)
            )
            while not outside.canaries.accepted():
                await asyncio.sleep(0.005)
            with pytest.raises(ModuleError):
                await task


@pytest.mark.parametrize("way", HTTP, ids=lambda way: way.__name__)
@pytest.mark.parametrize("host", [CONTROL, "control.example", "Control.Example."])
async def test_what_is_admitted_is_reached(outside: Outside, way: Way, host: str) -> None:
    assert await way(outside, f"http://{host}:{outside.server.port}/")


async def test_a_name_that_turns_round_is_asked_again_at_each_connection(outside: Outside) -> None:
    """The first answer is admitted and the second leads inside: nothing is sent there, by reconnecting, redirecting or paging."""
    for number, way in itertools.product(range(3), (plain, token, module, redirect, streamed, chain, model)):
        name = f"turns-{number}-{way.__name__.replace('_', '-')}.example"
        url = f"http://{name}:{outside.server.port}/"
        assert await way(outside, url)
        outside.server.hang_up()
        await asyncio.sleep(0)
        for _ in range(2):
            with pytest.raises((ModuleError, openai.OpenAIError)):
                await way(outside, url)
    assert outside.canaries.accepted() == []


async def test_mail_and_databases_turn_round_in_vain(outside: Outside) -> None:
    for way in BY_HOST:
        url = f"http://turns-{way.__name__.replace('_', '-')}.example:{outside.canaries.port}/"
        for _ in range(3):
            with pytest.raises(ModuleError):
                await way(outside, url)
    assert outside.canaries.accepted() == []


async def test_mail_goes_out_to_what_is_admitted(outside: Outside) -> None:
    with socket.create_server((CONTROL, 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Sink(), hostname=CONTROL, port=port)
    controller.start()
    try:
        for host in (CONTROL, "control.example"):
            assert await mail_out(outside, f"http://{host}:{port}/")
    finally:
        controller.stop()


async def test_mail_comes_in_from_what_is_admitted(outside: Outside, tmp_path: Path) -> None:
    with socket.create_server((CONTROL, 0)) as free:
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("pymap")
    arguments = ["--host", CONTROL, "--port", str(port), "--no-tls", "--no-service", "sieve", "dict", "--demo-data"]
    process = await asyncio.create_subprocess_exec(
        program, *arguments, cwd=tmp_path, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        while True:
            assert process.returncode is None
            with contextlib.suppress(ModuleError):
                async with imap.connected(
                    outside.egress.guard, "control.example", port, tls="none", timeout=20
                ) as client:
                    await client.call(lambda each: each.login("demouser", "demopass"))
                    said, _ = await client.call(lambda each: each.select("INBOX"))
                    assert said == "OK"
                    break
            await asyncio.sleep(0.1)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _streamed(outside: Outside, url: str) -> object:
    async def content() -> AsyncIterator[bytes]:
        yield b"x"

    async with outside.egress.stream("POST", url, sending=Sending(1, content), timeout=20, limit=2**20) as answer:
        return {"status": answer.status, "url": answer.url, "body": b"".join([piece async for piece in answer.body])}


def _targets(port: int, *, whole_urls: bool) -> Iterator[str]:
    for host in itertools.chain(hostile.hosts(), (name for name in hostile.names())):
        yield f"http://{host}:{port}/"
    if whole_urls:
        yield from (url.replace("PORT", str(port)) for url in hostile.urls())


def _host_and_port(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").removesuffix("/").rpartition(":")
    return host.strip("[]").replace("%25", "%"), int(port)


def _answer(name: str, times: int) -> Sequence[str]:
    label, _, rest = name.partition(".")
    kind, _, number = label.partition("-")
    if name == "control.example":
        return [CONTROL]
    if kind == "turns":
        return [CONTROL] if times == 0 else ["127.0.0.1", "::1"]
    if name == "cname.evil.example":
        return ["only-0.evil.example"]
    if kind not in ("only", "after", "before") or rest != "evil.example":
        return ["::ffff:127.0.0.1", "::1"] if name.endswith("evil.example") else []
    inside = (*hostile.PRIVATE[:16], *hostile.PRIVATE_V6[:10])[int(number)]
    return {"only": [inside], "after": [CONTROL, inside], "before": [inside, CONTROL]}[kind]


def _said(request: Request) -> str | None:
    return unquote(request.path.partition("to=")[2]) or None


def _redirect(request: Request, status: int) -> Answer:
    # a header can't hold what isn't latin-1, nor a line break: a server would send such bytes as they are, and there they end it
    location = (_said(request) or "").encode().decode("latin-1").replace("\r", "").replace("\n", "")
    return Answer(status, {"location": location})


def _chain(request: Request) -> Answer:
    left, _, to = request.path.partition("left=")[2].partition("&to=")
    if left == "0":
        return _redirect(replace(request, path=f"to={to}"), 302)
    return Answer(302, {"location": f"/chain?left={int(left) - 1}&to={to}"})


def _at_control(answer: object, outside: Outside) -> bool:
    """Whether the answer came from the control, as 404s do for what is read as a path of its own."""
    text = json.dumps(answer, default=str)
    return CONTROL in text or "404" in text


def _outward() -> str:
    """The machine's own address on the network, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            return "127.0.0.3"
        return str(probe.getsockname()[0])
