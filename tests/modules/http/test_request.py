"""`http.request` against real servers."""

from __future__ import annotations

import gzip
import json
from email.parser import BytesParser

import pytest

from modules.http.request import MODULE
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import ModuleError
from tests.fixtures.http_server import Answer, HttpServer, Request
from tests.fixtures.module_host import ModuleHost


async def ask(host: ModuleHost, **inputs: Json) -> JsonObject:
    output = (await host.run(MODULE, inputs)).output
    assert isinstance(output, dict)
    return output


async def failing(host: ModuleHost, **inputs: Json) -> ModuleError:
    with pytest.raises(ModuleError) as caught:
        await host.run(MODULE, inputs)
    return caught.value


async def test_json_there_and_back(http_server: HttpServer, module_host: ModuleHost) -> None:
    http_server.answer("POST", "/orders", Answer.of_json({"id": "w-7"}, 201))
    output = await ask(module_host, method="POST", url=http_server.url + "/orders", json={"n": 1, "t": "ü\ud800"})
    assert (output["status"], output["body"]) == (201, {"id": "w-7"})
    [request] = http_server.requests
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {"n": 1, "t": "ü\ud800"}


@pytest.mark.parametrize(
    ("url", "query", "expected"),
    [
        ("/a", {}, "/a"),
        ("/a", {"x": "ü &", "n": 1, "t": True, "z": None, "l": ["a", 2]}, "/a?x=%C3%BC+%26&n=1&t=true&l=a&l=2"),
        ("/a?b=c", {"x": 1}, "/a?b=c&x=1"),
        ("/a?", {"x": 1}, "/a?x=1"),
        ("/a#frag", {"x": 1}, "/a?x=1"),
        ("/a b/ü", {}, "/a%20b/%C3%BC"),
    ],
)
async def test_the_address(
    http_server: HttpServer, module_host: ModuleHost, url: str, query: JsonObject, expected: str
) -> None:
    http_server.answer("GET", expected.partition("?")[0], Answer())
    await ask(module_host, url=http_server.url + url, query=query)
    assert http_server.requests[0].path == expected


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"basic": {"username": "ada", "password": "pä:ss"}}, "authorization", "Basic YWRhOnDDpDpzcw=="),
        ({"bearer": "t0ken"}, "authorization", "Bearer t0ken"),
        ({"header": {"name": "X-Api-Key", "value": "k"}}, "x-api-key", "k"),
    ],
)
async def test_auth(http_server: HttpServer, module_host: ModuleHost, auth: Json, header: str, value: str) -> None:
    http_server.answer("GET", "/", Answer())
    await ask(module_host, url=http_server.url, auth=auth)
    assert http_server.requests[0].headers[header] == value
    error = await failing(module_host, url=http_server.url, auth=auth, headers={header.upper(): "other"})
    assert error.code == "input.invalid"


async def test_forms_and_texts(http_server: HttpServer, module_host: ModuleHost) -> None:
    http_server.answer("POST", "/", Answer())
    await ask(module_host, method="POST", url=http_server.url, form={"a": "1 2", "b": [1, 2], "c": None})
    await ask(module_host, method="POST", url=http_server.url, body="<x/>", headers={"Content-Type": "application/xml"})
    await ask(module_host, method="POST", url=http_server.url)
    form, text, empty = http_server.requests
    assert (form.headers["content-type"], form.body) == ("application/x-www-form-urlencoded", b"a=1+2&b=1&b=2")
    assert (text.headers["content-type"], text.body) == ("application/xml", b"<x/>")
    assert (empty.headers["content-length"], empty.body) == ("0", b"")
    assert (await failing(module_host, method="POST", url=http_server.url, json=1, body="x")).code == "input.invalid"


async def test_multipart_is_the_same_on_each_attempt(http_server: HttpServer, module_host: ModuleHost) -> None:
    http_server.answer("POST", "/", Answer())
    parts: Json = [
        {"name": 'a"b\r\n', "value": "text"},
        {"name": "doc", "value": {"x": 1}, "filename": "ü.json"},
        {"name": "csv", "value": "a,b", "filename": "a.csv", "content_type": "text/csv"},
    ]
    for _ in range(2):
        await ask(module_host, method="POST", url=http_server.url, multipart=parts)
    one, two = http_server.requests
    assert one.body == two.body
    assert one.headers["content-type"] == two.headers["content-type"]
    message = BytesParser().parsebytes(
        b"Content-Type: " + one.headers["content-type"].encode() + b"\r\n\r\n" + one.body
    )
    payloads = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
    assert payloads == [b"text", b'{"x":1}', b"a,b"]
    assert b'name="a%22b%0D%0A"' in one.body
    bad: Json = [{"name": "a", "value": "b", "content_type": "x\r\ny: z"}]
    assert (await failing(module_host, method="POST", url=http_server.url, multipart=bad)).code == "input.invalid"


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("POST", {}, "run-1:step"),
        ("PUT", {}, "run-1:step"),
        ("DELETE", {}, "run-1:step"),
        ("GET", {}, None),
        ("POST", {"IDEMPOTENCY-key": "mine"}, "mine"),
    ],
)
async def test_writes_carry_the_key(
    http_server: HttpServer, module_host: ModuleHost, method: str, headers: JsonObject, expected: str | None
) -> None:
    http_server.answer(method, "/", Answer())
    await ask(module_host, method=method, url=http_server.url, headers=headers)
    assert http_server.requests[0].headers.get("idempotency-key") == expected


@pytest.mark.parametrize(
    ("kind", "body", "how", "expected"),
    [
        ("application/json", b'{"a":1}', "auto", {"a": 1}),
        ("application/problem+json; charset=utf-8", b"[1]", "auto", [1]),
        ("text/plain", b"[1]", "auto", "[1]"),
        ("text/plain", b"[1]", "json", [1]),
        ("application/json", b"[1]", "text", "[1]"),
        ("text/html; charset=ISO-8859-1", b"\xfc", "auto", "ü"),
        ("text/html; charset=nonsense", "ü".encode(), "auto", "ü"),
        ("text/plain; charset=base64", b"x", "auto", "x"),
        ("", b"\xff", "auto", "\ufffd"),
        ("application/json", b"", "auto", None),
        ("application/json", b"", "text", ""),
        ("application/json", b"\xef\xbb\xbf[1]", "auto", [1]),
        ("application/json", b'["\\u0000\\ud800", 18446744073709551615]', "auto", ["\x00\ud800", 2**64 - 1]),
    ],
)
async def test_how_a_body_is_read(
    http_server: HttpServer, module_host: ModuleHost, kind: str, body: bytes, how: str, expected: Json
) -> None:
    http_server.answer("GET", "/", Answer(200, {"Content-Type": kind, "Content-Encoding": "gzip"}, gzip.compress(body)))
    output = await ask(module_host, url=http_server.url, response=how)
    assert output["body"] == expected


@pytest.mark.parametrize("body", [b"{", b"[NaN]", b"[1e999]", b"[99999999999999999999]", b"[" * 1000, b"\xff"])
async def test_json_that_is_none(http_server: HttpServer, module_host: ModuleHost, body: bytes) -> None:
    http_server.answer("GET", "/", Answer(200, {"content-type": "application/json"}, body))
    error = await failing(module_host, url=http_server.url)
    assert (error.code, error.retryable) == ("http.body", False)


@pytest.mark.parametrize("status", [400, 404, 408, 409, 422, 425, 429, 500, 503])
async def test_other_statuses_fail_with_their_code(
    http_server: HttpServer, module_host: ModuleHost, status: int
) -> None:
    headers = {"content-type": "text/plain", "retry-after": "7", "x-request-id": "r1", "set-cookie": "secret"}
    http_server.answer("GET", "/", Answer(status, headers, b"n" * 10_000))
    error = await failing(module_host, url=http_server.url)
    assert (error.code, error.retry_after, error.retryable) == (f"http.{status}", 7.0, None)
    assert error.details["status"] == status
    assert error.details["headers"] == {"content-type": "text/plain", "retry-after": "7", "x-request-id": "r1"}
    assert error.details["body"] == "n" * 4096 + "…"


@pytest.mark.parametrize(
    ("expect", "status", "fine"),
    [
        (404, 404, True),
        ("404", 404, True),
        ("4xx", 404, True),
        ([200, "4xx"], 404, True),
        ([200, 201], 404, False),
        (201, 200, False),
        ("3xx", 200, False),
    ],
)
async def test_expected_statuses(
    http_server: HttpServer, module_host: ModuleHost, expect: Json, status: int, fine: bool
) -> None:
    http_server.answer("GET", "/", Answer(status))
    if fine:
        assert (await ask(module_host, url=http_server.url, expect_status=expect))["status"] == status
    else:
        assert (await failing(module_host, url=http_server.url, expect_status=expect)).code == f"http.{status}"


async def test_a_redirect_not_followed_is_an_answer(http_server: HttpServer, module_host: ModuleHost) -> None:
    http_server.answer("GET", "/", Answer(302, {"location": "/x"}))
    output = await ask(module_host, url=http_server.url, follow_redirects=False)
    assert output["status"] == 302


@pytest.mark.parametrize(
    ("after", "date", "seconds"),
    [
        ("120", "", 120.0),
        ("Wed, 21 Oct 2026 07:30:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 120.0),
        ("Wed, 21 Oct 2026 07:26:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
        ("soon", "", None),
        ("-5", "", None),
        ("99999999999", "", None),
        ("999999999", "", 7 * 86400.0),
    ],
)
async def test_retry_after(
    http_server: HttpServer, module_host: ModuleHost, after: str, date: str, seconds: float | None
) -> None:
    http_server.answer("GET", "/", Answer(503, {"Retry-After": after, "Date": date}))
    assert (await failing(module_host, url=http_server.url)).retry_after == seconds


async def test_pages_are_gathered(http_server: HttpServer, module_host: ModuleHost) -> None:
    def page(request: Request) -> Answer:
        number = int(request.path.partition("page=")[2] or 1)
        following = f"?page={number + 1}" if number < 3 else None
        return Answer.of_json({"items": [number * 10, number * 10 + 1], "next": following})

    http_server.handle("GET", "/list", page)
    output = await ask(
        module_host,
        url=http_server.url + "/list",
        pagination={"next": "{{ body.next }}", "items": "{{ body['items'] }}"},
    )
    assert (output["body"], output["pages"], output["status"]) == ([10, 11, 20, 21, 30, 31], 3, 200)
    assert [request.path for request in http_server.requests] == ["/list", "/list?page=2", "/list?page=3"]


async def test_pages_have_an_end(http_server: HttpServer, module_host: ModuleHost) -> None:
    http_server.handle("GET", "/", lambda request: Answer.of_json([len(http_server.requests)]))
    url = http_server.url + "/"
    more = await failing(module_host, url=url, pagination={"next": "{{ '?p=' ~ body[0] }}", "max_pages": 3})
    assert (more.code, len(http_server.requests)) == ("http.pagination", 3)
    again = await failing(module_host, url=url, pagination={"next": "{{ '/' }}"})
    assert again.code == "http.pagination"
    wrong = await failing(module_host, url=url, pagination={"next": "{{ body }}"})
    assert wrong.code == "input.invalid"
    missing = await failing(module_host, url=url, pagination={"next": "{{ body.next }}"})
    assert missing.code.startswith("expression.")


async def test_pages_elsewhere_get_no_credentials(
    http_server: HttpServer, other_server: HttpServer, module_host: ModuleHost
) -> None:
    http_server.answer("GET", "/", Answer.of_json({"next": other_server.url + "/"}))
    other_server.answer("GET", "/", Answer.of_json({"next": None}))
    await ask(
        module_host,
        url=http_server.url + "/",
        auth={"header": {"name": "X-Api-Key", "value": "k"}},
        headers={"accept": "application/json"},
        pagination={"next": "{{ body.next }}"},
    )
    assert http_server.requests[0].headers["x-api-key"] == "k"
    assert "x-api-key" not in other_server.requests[0].headers
    assert other_server.requests[0].headers["accept"] == "application/json"


async def test_a_private_target_is_refused(http_server: HttpServer, module_host: ModuleHost) -> None:
    error = await failing(module_host, url="http://169.254.169.254/latest/meta-data/")
    assert (error.code, error.retryable) == ("http.blocked", False)
