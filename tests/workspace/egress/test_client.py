"""The client against real servers."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import struct
import threading
import zlib
from collections.abc import Awaitable, Sequence

import pytest

from modules.sdk.context import HttpResponse
from modules.sdk.verdicts import ModuleError
from server.cli.loop import run
from tests.fixtures.http_server import Answer, HttpServer, Request, running
from tests.workspace.egress.certificates import certificate_for
from workspace.egress.client import Egress
from workspace.egress.policy import make_policy


async def failure(call: Awaitable[HttpResponse]) -> ModuleError:
    with pytest.raises(ModuleError) as caught:
        await call
    return caught.value


class Names:
    """A resolver with answers in turn: what an attacker's DNS server does."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def test_a_request_and_its_answer(egress: Egress, http_server: HttpServer) -> None:
    http_server.answer("POST", "/x", Answer(201, {"X-Thing": "a", "Content-Type": "text/plain"}, b"yes"))
    answer = await egress.request(
        "post", http_server.url + "/x?a=b", headers={"X-Mine": "ü"}, content=b"data", timeout=5
    )
    assert (answer.status, answer.headers["x-thing"], answer.body) == (201, "a", b"yes")
    [request] = http_server.requests
    assert (request.method, request.path, request.body) == ("POST", "/x?a=b", b"data")
    assert request.headers["x-mine"] == "ü"
    assert request.headers["host"] == f"127.0.0.1:{http_server.port}"


async def test_a_private_target_is_refused_before_a_byte_is_sent(http_server: HttpServer) -> None:
    async with Egress(make_policy()) as guarded:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            error = await failure(guarded.request("GET", f"http://{host}:{http_server.port}/", timeout=5))
            assert (error.code, error.retryable) == ("http.blocked", False)
    assert http_server.connections == 0


async def test_a_name_that_also_points_inside_is_refused(http_server: HttpServer) -> None:
    async with Egress(make_policy(), resolver=Names(["93.184.215.14", "127.0.0.1"])) as guarded:
        error = await failure(guarded.request("GET", f"http://evil.example:{http_server.port}/", timeout=5))
    assert error.code == "http.blocked"
    assert http_server.connections == 0


async def test_the_address_that_was_checked_is_the_one_that_is_used(http_server: HttpServer) -> None:
    """Rebinding: a name is asked for once per connection, so a second answer never counts."""
    http_server.answer("GET", "/", Answer())
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with Egress(make_policy(["127.0.0.1"]), resolver=names) as guarded:
        url = f"http://rebinding.example:{http_server.port}/"
        assert (await guarded.request("GET", url, timeout=5)).status == 200
        assert (
            await guarded.request("GET", url, timeout=5)
        ).status == 200  # the kept connection, to the checked address
        http_server.hang_up()
        await asyncio.sleep(0)
        error = await failure(guarded.request("GET", url, timeout=5))
    assert error.code in ("http.blocked", "http.connect")
    assert http_server.requests[0].headers["host"] == f"rebinding.example:{http_server.port}"
    assert http_server.connections == 1
    assert names.asked[0] == "rebinding.example"


async def test_the_next_address_is_tried(http_server: HttpServer) -> None:
    http_server.answer("GET", "/", Answer())
    async with Egress(make_policy(["127.0.0.0/8"]), resolver=Names(["127.0.0.2", "127.0.0.1"])) as guarded:
        assert (await guarded.request("GET", f"http://two.example:{http_server.port}/", timeout=5)).status == 200


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [(301, "POST", "GET"), (302, "PUT", "PUT"), (303, "PUT", "GET"), (307, "POST", "POST"), (308, "POST", "POST")],
)
async def test_redirects_keep_or_change_the_method(
    egress: Egress, http_server: HttpServer, status: int, method: str, then: str
) -> None:
    http_server.answer(method, "/a", Answer(status, {"location": "/b?c"}))
    http_server.answer(then, "/b", Answer(200, {}, b"there"))
    answer = await egress.request(
        method, http_server.url + "/a", content=b"data", headers={"content-type": "x/y"}, timeout=5
    )
    assert (answer.body, answer.url) == (b"there", http_server.url + "/b?c")
    second = http_server.requests[1]
    assert second.body == (b"data" if then != "GET" else b"")
    assert ("content-type" in second.headers) == (then != "GET")


async def test_credentials_stay_with_their_origin(
    egress: Egress, http_server: HttpServer, other_server: HttpServer
) -> None:
    http_server.answer("GET", "/a", Answer(302, {"location": "/b"}))
    http_server.answer("GET", "/b", Answer(302, {"location": other_server.url + "/c"}))
    other_server.answer("GET", "/c", Answer())
    secret = {"Authorization": "Bearer s", "Cookie": "s", "X-Api-Key": "s", "Accept": "text/html"}
    await egress.request("GET", http_server.url + "/a", headers=secret, timeout=5)
    assert http_server.requests[1].headers["x-api-key"] == "s"
    [there] = other_server.requests
    assert there.headers["accept"] == "text/html"
    assert not {"authorization", "cookie", "x-api-key"} & there.headers.keys()


async def test_a_redirect_to_a_private_target_is_refused(http_server: HttpServer, other_server: HttpServer) -> None:
    http_server.answer("GET", "/", Answer(302, {"location": f"http://localhost:{other_server.port}/latest/meta-data"}))
    async with Egress(make_policy(["127.0.0.1"]), resolver=Names(["127.0.0.2"])) as guarded:
        error = await failure(guarded.request("GET", http_server.url + "/", timeout=5))
    assert error.code == "http.blocked"
    assert other_server.connections == 0


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://x/", "http://user:pw@x.example/", "http://[::1"])
async def test_a_redirect_to_what_is_no_web_address_is_refused(
    egress: Egress, http_server: HttpServer, location: str
) -> None:
    http_server.answer("GET", "/", Answer(302, {"location": location}))
    assert (await failure(egress.request("GET", http_server.url + "/", timeout=5))).code == "http.redirect"


async def test_redirects_end(egress: Egress, http_server: HttpServer) -> None:
    http_server.answer("GET", "/", Answer(302, {"location": "/"}))
    assert (await failure(egress.request("GET", http_server.url + "/", timeout=5))).code == "http.redirect"
    assert len(http_server.requests) == 6


async def test_redirects_are_given_to_those_who_do_not_follow(egress: Egress, http_server: HttpServer) -> None:
    http_server.answer("GET", "/", Answer(302, {"location": "/elsewhere"}))
    answer = await egress.request("GET", http_server.url + "/", timeout=5, follow_redirects=False)
    assert (answer.status, answer.headers["location"]) == (302, "/elsewhere")


@pytest.mark.parametrize(
    "name", ["Host", "Content-Length", "Transfer-Encoding", "Connection", "Proxy-Authorization", "a b", "a\r\nb", ""]
)
async def test_headers_that_are_not_the_callers(egress: Egress, http_server: HttpServer, name: str) -> None:
    error = await failure(egress.request("GET", http_server.url + "/", headers={name: "x"}, timeout=5))
    assert error.code == "input.invalid"
    assert http_server.connections == 0


async def test_a_header_cannot_smuggle_another(egress: Egress, http_server: HttpServer) -> None:
    error = await failure(egress.request("GET", http_server.url + "/", headers={"a": "b\r\nc: d"}, timeout=5))
    assert error.code == "input.invalid"


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "raw deflate", "two members", "identity"])
async def test_compressed_answers_are_unfolded(egress: Egress, http_server: HttpServer, encoding: str) -> None:
    text = bytes(range(256)) * 300
    raw = zlib.compressobj(wbits=-15)
    bodies = {
        "gzip": ("gzip", gzip.compress(text)),
        "x-gzip": ("x-gzip", gzip.compress(text)),
        "deflate": ("deflate", zlib.compress(text)),
        "raw deflate": ("deflate", raw.compress(text) + raw.flush()),
        "two members": ("gzip", gzip.compress(text[:100]) + gzip.compress(text[100:])),
        "identity": ("identity", text),
    }
    header, body = bodies[encoding]
    http_server.answer("GET", "/", Answer(200, {"content-encoding": header}, body))
    assert (await egress.request("GET", http_server.url + "/", timeout=5)).body == text


@pytest.mark.parametrize(
    "body", [b"not gzip at all", gzip.compress(b"x" * 10_000)[:-9]], ids=["another format", "cut off"]
)
async def test_a_broken_compressed_answer_is_told(egress: Egress, http_server: HttpServer, body: bytes) -> None:
    http_server.answer("GET", "/", Answer(200, {"content-encoding": "gzip"}, body))
    assert (await failure(egress.request("GET", http_server.url + "/", timeout=5))).code == "http.body"


async def test_a_bomb_does_not_unfold(egress: Egress, http_server: HttpServer) -> None:
    http_server.answer("GET", "/big", Answer(200, {"content-encoding": "gzip"}, gzip.compress(bytes(100 * 2**20))))
    http_server.answer("GET", "/dense", Answer(200, {"content-encoding": "gzip"}, gzip.compress(bytes(10 * 2**20))))
    for path in ("/big", "/dense"):
        assert (await failure(egress.request("GET", http_server.url + path, timeout=10))).code == "payload.too_large"


async def test_the_largest_body_comes_and_one_byte_more_does_not(egress: Egress, http_server: HttpServer) -> None:
    most = 20 * 2**20
    http_server.answer("GET", "/fits", Answer(200, {}, bytes(most)))
    http_server.answer("GET", "/more", Answer(200, {}, bytes(most + 1)))
    assert len((await egress.request("GET", http_server.url + "/fits", timeout=20)).body) == most
    assert (await failure(egress.request("GET", http_server.url + "/more", timeout=20))).code == "payload.too_large"

    async def endless(request: Request) -> bytes:
        return b"HTTP/1.1 200 OK\r\n\r\n" + bytes(most + 1)

    http_server.handle("GET", "/unsaid", endless)
    assert (await failure(egress.request("GET", http_server.url + "/unsaid", timeout=20))).code == "payload.too_large"


async def test_a_slow_server_runs_into_the_time_limit(egress: Egress, http_server: HttpServer) -> None:
    never = asyncio.Event()

    async def silent(request: Request) -> bytes:
        await never.wait()
        return b""

    http_server.handle("GET", "/", silent)
    error = await failure(egress.request("GET", http_server.url + "/", timeout=0.2))
    assert (error.code, error.retryable) == ("http.timeout", None)
    never.set()


async def test_what_can_go_wrong_between_the_two(egress: Egress, http_server: HttpServer) -> None:
    async def hang_up(request: Request) -> bytes:
        return b""

    async def half(request: Request) -> bytes:
        return b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"

    async def nonsense(request: Request) -> bytes:
        return b"SSH-2.0-OpenSSH_9\r\n\r\n"

    for path, handler, code in (
        ("/a", hang_up, "http.connect"),
        ("/b", half, "http.connect"),
        ("/c", nonsense, "http.protocol"),
    ):
        http_server.handle("GET", path, handler)
        assert (await failure(egress.request("GET", http_server.url + path, timeout=5))).code == code


async def test_nobody_listens(egress: Egress) -> None:
    async with running() as gone:
        url = gone.url
    error = await failure(egress.request("GET", url, timeout=5))
    assert (error.code, "refuses connections" in error.message) == ("http.connect", True)


async def test_a_peer_that_hangs_up_at_once_is_a_broken_connection_on_the_products_own_loop() -> None:
    """Its stream can't even be asked for its name; that must not look like a fault of the step."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listening:
        threading.Thread(target=_reset_all, args=(listening,), daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"

        async def all_of_them() -> list[BaseException | HttpResponse]:
            async with Egress(make_policy(["127.0.0.1"])) as egress:
                found: list[BaseException | HttpResponse] = []
                for _ in range(12):
                    some = [egress.request("GET", url, timeout=20) for _ in range(50)]
                    found += await asyncio.gather(*some, return_exceptions=True)
                return found

        found = await asyncio.to_thread(run, all_of_them())
        listening.shutdown(socket.SHUT_RDWR)
    assert {type(one) for one in found} == {ModuleError}
    assert {one.code for one in found if isinstance(one, ModuleError)} <= {"http.connect", "http.connection"}


def _reset_all(listening: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            peer, _ = listening.accept()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()


async def test_a_name_without_an_address() -> None:
    async def nowhere(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    async with Egress(make_policy(), resolver=nowhere) as guarded:
        error = await failure(guarded.request("GET", "http://nowhere.example/", timeout=5))
    assert (error.code, "can't be resolved" in error.message) == ("http.connect", True)


async def test_connections_are_kept(egress: Egress, http_server: HttpServer) -> None:
    http_server.answer("GET", "/", Answer())
    for _ in range(5):
        await egress.request("GET", http_server.url + "/", timeout=5)
    assert http_server.connections == 1


async def test_tls_keeps_the_name_though_the_address_is_pinned() -> None:
    server_side, client_side, _ = certificate_for("shop.example")
    async with (
        running(tls=server_side) as server,
        Egress(make_policy(["127.0.0.1"]), resolver=Names(["127.0.0.1"]), tls=client_side) as guarded,
    ):
        server.answer("GET", "/", Answer(200, {}, b"safe"))
        assert (await guarded.request("GET", f"https://shop.example:{server.port}/", timeout=5)).body == b"safe"
        error = await failure(guarded.request("GET", f"https://other.example:{server.port}/", timeout=5))
        assert (error.code, error.retryable) == ("http.connect", False)
        assert "certificate" in error.message


async def test_nothing_goes_from_https_to_http(http_server: HttpServer) -> None:
    server_side, client_side, _ = certificate_for("shop.example")
    async with (
        running(tls=server_side) as server,
        Egress(make_policy(["127.0.0.1"]), resolver=Names(["127.0.0.1"]), tls=client_side) as guarded,
    ):
        server.answer("GET", "/", Answer(302, {"location": http_server.url + "/"}))
        error = await failure(guarded.request("GET", f"https://shop.example:{server.port}/", timeout=5))
    assert error.code == "http.redirect"
    assert http_server.connections == 0


async def test_a_certificate_that_nobody_trusts(egress: Egress) -> None:
    server_side, _, _ = certificate_for("shop.example")
    async with running(tls=server_side) as server:
        error = await failure(egress.request("GET", server.url, timeout=5))
    assert (error.code, error.retryable) == ("http.connect", False)
