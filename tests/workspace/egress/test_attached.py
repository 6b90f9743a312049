"""Where a credential goes, and where it doesn't."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.sdk.verdicts import ModuleError
from tests.fixtures.http_server import Answer, HttpServer
from workspace.egress.attached import Attached
from workspace.egress.client import Egress
from workspace.egress.target import parse_target

SECRET = "s3cr3t-value"


def attached(*hosts: str) -> Attached:
    return Attached({"Authorization": f"Bearer {SECRET}"}, {"api key": SECRET}, hosts)


Way = Callable[..., Awaitable[str]]


async def requested(egress: Egress, url: str, credential: Attached, headers: dict[str, str] | None = None) -> str:
    """Gives the address that answered."""
    return (await egress.request("GET", url, headers=headers, timeout=5, credential=credential)).url


async def streamed(egress: Egress, url: str, credential: Attached, headers: dict[str, str] | None = None) -> str:
    async with egress.stream("GET", url, headers=headers, timeout=5, limit=9, credential=credential) as answer:
        return answer.url


both_ways = pytest.mark.parametrize("ask", [requested, streamed])


@both_ways
async def test_it_goes_to_its_host_and_no_answer_names_it(egress: Egress, http_server: HttpServer, ask: Way) -> None:
    http_server.answer("GET", "/a", Answer(307, {"location": "/b?x=1"}))
    http_server.answer("GET", "/b", Answer(200))
    url = await ask(egress, http_server.url + "/a", attached("127.0.0.1"))
    first, second = http_server.requests
    assert first.headers["authorization"] == second.headers["authorization"] == f"Bearer {SECRET}"
    assert (first.path, second.path) == (f"/a?api+key={SECRET}", f"/b?x=1&api+key={SECRET}")
    assert url == f"{http_server.url}/b?x=1"


@both_ways
async def test_another_host_is_refused_and_sees_nothing(egress: Egress, http_server: HttpServer, ask: Way) -> None:
    with pytest.raises(ModuleError) as caught:
        await ask(egress, http_server.url, attached("*.example.com"))
    assert caught.value.code == "connection.host"
    assert SECRET not in caught.value.message
    assert http_server.connections == 0


@both_ways
async def test_a_redirect_elsewhere_goes_without_it_and_so_does_one_back_from_there(
    egress: Egress, http_server: HttpServer, other_server: HttpServer, ask: Way
) -> None:
    here = f"127.0.0.1:{http_server.port}"
    http_server.answer("GET", "/a", Answer(302, {"location": other_server.url + "/b"}))
    other_server.answer("GET", "/b", Answer(302, {"location": http_server.url + "/c"}))
    http_server.answer("GET", "/c", Answer(200))
    await ask(egress, http_server.url + "/a", attached(here))
    [there] = other_server.requests
    assert SECRET not in there.path + str(there.headers)
    back = http_server.requests[1]
    assert SECRET not in back.path + str(back.headers)


@both_ways
@pytest.mark.parametrize(
    ("path", "headers"), [("/?a=b&api+key=x", {}), ("/?api%20key", {}), ("/", {"AUTHORIZATION": "x"})]
)
async def test_the_author_cannot_say_it_a_second_time(
    egress: Egress, http_server: HttpServer, path: str, headers: dict[str, str], ask: Way
) -> None:
    with pytest.raises(ModuleError) as caught:
        await ask(egress, http_server.url + path, attached("127.0.0.1"), headers)
    assert caught.value.code == "input.invalid"
    assert http_server.connections == 0


@both_ways
async def test_a_credential_that_cannot_be_sent_is_not_told(egress: Egress, http_server: HttpServer, ask: Way) -> None:
    broken = Attached({"x-key": f"{SECRET}\r\nx: y"}, hosts=("127.0.0.1",))
    with pytest.raises(ModuleError) as caught:
        await ask(egress, http_server.url, broken)
    assert caught.value.code == "input.invalid"
    assert SECRET not in caught.value.message


@pytest.mark.parametrize(
    ("host", "url", "goes"),
    [
        ("api.example.com", "https://api.example.com/x", True),
        ("API.example.com.", "https://api.example.com./x", True),
        ("api.example.com", "http://api.example.com:8080/x", True),
        ("https://api.example.com", "https://api.example.com/x", True),
        ("https://api.example.com", "http://api.example.com/x", False),
        ("api.example.com:443", "https://api.example.com/x", True),
        ("api.example.com:443", "https://api.example.com:8443/x", False),
        ("*.example.com", "https://a.b.example.com/x", True),
        ("*.example.com", "https://example.com/x", False),
        ("*.example.com", "https://evilexample.com/x", False),
        ("example.com", "https://example.com.evil.example/x", False),
        ("example.com", "https://evil.example/example.com", False),
        ("example.com", "https://a.example.com/x", False),
        ("bücher.example", "https://xn--bcher-kva.example/", True),
        ("[::1]:81", "http://[::1]:81/", True),
        ("::1", "http://[0::1]/", True),
        ("*", "https://example.com/", False),
        ("*.", "https://example.com/", False),
        ("", "https://example.com/", False),
        ("example.com:x", "https://example.com/", False),
        ("*.com:99999", "https://example.com/", False),
    ],
)
def test_which_hosts_match(host: str, url: str, goes: bool) -> None:
    assert attached(host).matches(parse_target(url)) is goes


@given(st.text(max_size=30))
def test_any_entry_admits_only_what_it_names(entry: str) -> None:
    assert not attached(entry).matches(parse_target("https://unnamed.example/"))


def test_it_is_not_shown() -> None:
    assert SECRET not in repr(attached("example.com"))
