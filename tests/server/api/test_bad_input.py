"""Whatever is sent: a clear 4xx, or it works. Never a 5xx, always a problem with a code."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.fixtures.api import JSON, PREFIX, Api, encoded, problem
from tests.fixtures.flows import flow, step

YAML = {"Content-Type": "application/yaml"}
NOTHING = "0190d5a0-0000-7000-8000-000000000000"
MB = 2**20
SET = flow("{{ input | length }}", a=step("core.set", values={}))


async def in_chunks(size: int, begin: bytes = b'"', end: bytes = b'"') -> AsyncIterator[bytes]:
    """`size` bytes, of which nobody says beforehand how many they are."""
    yield begin
    left = size - len(begin) - len(end)
    while left > 0:
        yield b"x" * min(left, 256 * 1024)
        left -= 256 * 1024
    yield end


async def test_twenty_megabytes_work_and_more_are_refused_before_they_are_read(api: Api) -> None:
    triggers = {"hook": {"module": "webhook.trigger", "version": 1, "inputs": {"mode": "sync", "timeout": "60s"}}}
    name = await api.create(SET | {"triggers": triggers})
    body = b'"' + b"x" * (20 * MB - 2) + b'"'
    assert (await api.hook(name, content=body, headers=JSON)).json() == 20 * MB - 2
    over = body[:-1] + b'x"'
    for content in (over, in_chunks(21 * MB)):
        problem(await api.hook(name, content=content, headers=JSON), 413, "payload.too_large")
    path = f"/workflows/{name}/runs"
    for content in (over, in_chunks(21 * MB)):
        problem(await api.owner.post(path, content=content, headers=JSON), 413, "payload.too_large")


async def test_a_length_that_is_only_claimed_is_refused_without_waiting(api: Api) -> None:
    reader, writer = await asyncio.open_connection(*api.authority)
    head = f"POST {PREFIX}/validate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.keys['viewer']}\r\n"
    writer.write(f"{head}Content-Length: {10**12}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()


MALFORMED = [
    b"",
    b"{",
    b"nul",
    b"[1,]",
    b"{'a': 1}",
    b"\xff\xfe",
    b"\x00",
    b'{"a": "\xed\xa0\x80"}',
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": -Infinity}',
    b'{"a": 1e999}',
    b'{"a": 18446744073709551616}',
    b'{"a": -9223372036854775809}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b"[" * 100_000,
    b"[" * 300 + b"]" * 300,
    b'{"a":' * 250 + b"1" + b"}" * 250,
    b'{"a": "\n"}',
    b"1 2",
    b'{"a": 01}',
]


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: repr(body[:24]))
async def test_malformed_bodies_are_400(api: Api, body: bytes) -> None:
    name = "nothing"
    for method, path in (
        ("POST", "/validate"),
        ("POST", "/workflows"),
        ("PUT", f"/workflows/{name}/draft"),
        ("POST", "/variables"),
        ("POST", "/expressions/evaluate"),
    ):
        answer = await api.owner.request(method, path, content=body, headers=JSON)
        if not body and path == "/expressions/evaluate":
            problem(answer, 422, "request.invalid")
            continue
        told = problem(answer, 400, "json.malformed")
        assert len(str(told["detail"])) < 300
    if body:
        problem(await api.owner.post(f"/workflows/{name}/runs", content=body, headers=JSON), 400, "json.malformed")


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(ord('b') + n)}: &{chr(ord('b') + n)} [{','.join(['*' + chr(ord('a') + n)] * 9)}]\n" for n in range(12)
)


@pytest.mark.parametrize(
    "text",
    [
        b"a: [",
        b"\xff",
        b"a: \x00",
        b"\t- x",
        b"a: &a [*a]",
        b"? {a: 1}\n: b",
        b"a: !!python/object:os.system x",
        b"--- a\n--- b",
        b"a: .nan",
        b"a: .inf",
        b"a: 99999999999999999999999",
        BOMB.encode(),
        b"[" * 5000,
        ("- " * 3000).encode(),
        b"a: " + b"{a: " * 300 + b"1" + b"}" * 300,
        b"1: a",
        b"a: *nothing",
        b"%YAML 9.9\n---\na",
        b"a: '\\ud800",
        b"- " * 100_000,
    ],
    ids=lambda text: repr(text[:24]),
)
async def test_no_yaml_breaks_the_reader(api: Api, text: bytes) -> None:
    answer = await api.owner.post("/validate", content=text, headers=YAML)
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 200:
        assert answer.json()["findings"]
    else:
        problem(answer, 400, "yaml.malformed")


async def test_a_document_over_the_limit_is_told_so(api: Api) -> None:
    large = flow(a=step("core.set", values={})) | {"description": "x" * (2 * MB)}
    found = (await api.owner.post("/validate", json={"document": large})).json()["findings"]
    assert "limit.size" in [one["code"] for one in found]
    huge = large | {"description": "x" * (6 * MB)}
    problem(await api.owner.post("/validate", json={"document": huge}), 413, "limit.size")
    problem(await api.owner.post("/workflows", json={"document": huge | {"name": "huge"}}), 413, "limit.size")
    many = flow(**{f"s{n}": step("core.set", values={}) for n in range(1001)})
    assert "limit.steps" in [
        one["code"] for one in (await api.owner.post("/validate", json={"document": many})).json()["findings"]
    ]


async def test_expressions_that_are_bombs_end_within_their_budget(api: Api) -> None:
    for text in (
        "{{ " + "[" * 3000 + "]" * 3000 + " }}",
        "{{ " + "not " * 20_000 + "1 }}",
        "{{ 2 ** 2 ** 2 ** 2 ** 2 ** 2 }}",
        "{{ 'x' * 999999999 }}",
        "{{ [1] * 999999999 }}",
        "{{ x | map('string') | join | length }}",
        "{{ '%s' % 1 }}",
        "{{ x.__class__.__mro__ }}",
        "{{ x | regex_replace('(a+)+$', 'b') }}",
        "{{ '{0.__class__}'.format(x) }}",
        "{% for a in x %}{% endfor %}",
        "{{ " * 50_000,
        "{{ x[" + "x[" * 2000,
        "\x00{{ '\ud800' }}",
    ):
        answer = await api.viewer.post(
            "/expressions/evaluate",
            content=encoded({"expression": text, "scope": {"x": ["a" * 5000] * 50}}),
            headers=JSON,
        )
        assert answer.status_code == 200, (text[:40], answer.text)
        document = flow(a=step("core.set", values={"x": text}))
        assert (
            await api.viewer.post("/validate", content=encoded({"document": document}), headers=JSON)
        ).status_code == 200


async def test_nul_and_lone_surrogates_in_documents_are_findings(api: Api) -> None:
    name = await api.create(SET, deploy=False)
    for odd in ("a\x00b", "\ud800"):
        document = SET | {"name": name, "title": odd}
        body = encoded({"document": document, "base_revision": 1})
        answer = await api.editor.put(f"/workflows/{name}/draft", content=body, headers=JSON)
        assert answer.status_code in (200, 409, 422), answer.text
        found = await api.editor.post("/validate", content=encoded({"document": document}), headers=JSON)
        assert found.json()["findings"], repr(odd)


ODD = [
    "%00",
    "a%00b",
    "%ff",
    "%F0%9F%98%80",
    "..%2F..",
    "x" * 3000,
    "%25",
    "'",
    "%0A",
    "%E2%80%AE",
    "null",
    "-1",
    "0",
    "1e9",
    "%20",
    "%ED%A0%80",
]


@pytest.mark.parametrize("odd", ODD)
async def test_odd_names_and_ids_name_nothing(api: Api, odd: str) -> None:
    for path in (
        f"/workflows/{odd}",
        f"/workflows/{odd}/draft",
        f"/workflows/{odd}/versions",
        f"/runs/{odd}",
        f"/runs/{odd}/steps",
        f"/runs/{odd}/events",
        f"/runs/{NOTHING}/payloads/{odd}",
        f"/variables/{odd}",
        f"/modules/{odd}/1",
        f"/runs?workflow={odd}",
    ):
        answer = await api.owner.get(path)
        assert answer.status_code == 404, (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    for path in (
        f"/workflows/{odd}/deploy",
        f"/workflows/{odd}/runs",
        f"/workflows/{odd}/test",
        f"/runs/{odd}/cancel",
        f"/runs/{odd}/replay",
    ):
        assert (await api.owner.post(path, json={})).status_code == 404, path
    for path in (f"/workflows/{odd}", f"/variables/{odd}", f"/api-keys/{odd}"):
        assert (await api.owner.delete(path)).status_code == 404, path
    for path in (
        f"/runs?q={odd}",
        f"/runs?status={odd}",
        f"/runs?from={odd}",
        f"/runs?version={odd}",
        f"/runs?trigger={odd}",
        f"/modules/core.set/{odd}",
        f"/workflows/nothing/versions/{odd}",
        f"/workflows/nothing/diff?from={odd}&to=1",
        f"/?{odd}={odd}",
    ):
        assert (await api.owner.get(path)).status_code in (200, 404, 422), path


LISTS = ["/workflows", "/runs", "/modules", "/variables", "/api-keys"]


@pytest.mark.parametrize("path", LISTS)
async def test_limits_and_cursors_that_no_list_gave(api: Api, path: str) -> None:
    for limit in ("0", "501", "-1", "x", "1.5", "", "9" * 30):
        problem(await api.owner.get(path, params={"limit": limit}), 422, "request.invalid")
    assert (await api.owner.get(path, params={"limit": "500"})).status_code == 200
    for value in (
        [],
        [1],
        ["x"],
        [None],
        [NOTHING, NOTHING],
        ["\x00"],
        ["\ud800"],
        {},
        [[]],
        [2**63],
        [True, 1],
        ["", "x"],
    ):
        cursor = base64.urlsafe_b64encode(encoded(value)).decode().rstrip("=")
        assert (await api.owner.get(path, params={"cursor": cursor})).status_code in (200, 422), (path, value)
    for cursor in ("x", "%", "ü", "\x00", "a" * 5000, "===="):
        problem(await api.owner.get(path, params={"cursor": cursor}), 422, "cursor.invalid")


async def test_cursors_of_steps_and_versions_too(api: Api) -> None:
    name = await api.create(SET)
    run = await api.run(name, [])
    for path in (f"/runs/{run['run_id']}/steps", f"/workflows/{name}/versions"):
        for value in (
            [],
            [1],
            ["x", 1],
            ["2026-01-01", 1],
            ["2026-01-01T00:00:00Z", 2**63],
            ["\x00", 1],
            [2**40],
            [-1],
            ["9999-12-31T23:59:59-23:00", 1],
        ):
            cursor = base64.urlsafe_b64encode(encoded(value)).decode().rstrip("=")
            answer = await api.owner.get(path, params={"cursor": cursor})
            assert answer.status_code in (200, 422), (path, value, answer.text)


async def test_unknown_addresses_and_methods(api: Api) -> None:
    for path in (
        "/api/v1/nothing",
        "/api/v1",
        "/api/v1/",
        "/",
        "/api/v2/workflows",
        "/api/v1/workflows/",
        "/hooks/a/b",
        "/resume",
    ):
        problem(await api.outside.get(path), 404, "route.unknown")
    for method, path, allowed in (
        ("DELETE", "/workflows", {"GET", "POST"}),
        ("PUT", "/workflows/x", {"GET", "PATCH", "DELETE"}),
        ("GET", "/validate", {"POST"}),
        ("POST", "/workflows/x/draft", {"GET", "PUT"}),
    ):
        answer = await api.nobody.request(method, path)
        problem(answer, 405, "method.not_allowed")
        assert set(answer.headers["allow"].split(", ")) == allowed
    for method in ("TRACE", "PROPFIND", "X" * 30):
        assert (await api.nobody.request(method, "/workflows")).status_code in (400, 405)


async def test_content_types_do_not_decide_what_a_body_of_the_api_is(api: Api) -> None:
    for media in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "x",
        "",
    ):
        answer = await api.viewer.post(
            "/expressions/evaluate", content=b'{"expression": "{{ 1 }}"}', headers={"Content-Type": media}
        )
        assert (answer.status_code, answer.json()) == (200, {"value": 1}), media
        assert (
            await api.viewer.post("/validate", content=b'{"document": {}}', headers={"Content-Type": media})
        ).status_code == 200


async def test_heads_beyond_all_measure(api: Api) -> None:
    for size, most in ((8_000, 200), (200_000, 431)):
        async with httpx.AsyncClient(base_url=api.url) as client:
            try:
                answer = await client.get("/healthz", headers={"X-Long": "x" * size})
            except httpx.HTTPError:
                assert size > 60_000
            else:
                assert answer.status_code in (200, 400, 431)
                assert answer.status_code <= most
    for raw in (
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET \x00 HTTP/1.1\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection(*api.authority)
        writer.write(raw)
        assert (await reader.readline()).split(b" ")[1] in (b"400", b"404", b"405")
        writer.close()
    assert (await api.outside.get("/healthz")).json() == {"status": "ok"}


async def test_a_caller_that_goes_away_in_the_middle_leaves_nothing_behind(api: Api) -> None:
    _, writer = await asyncio.open_connection(*api.authority)
    head = f"POST {PREFIX}/workflows HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.keys['owner']}\r\nIdempotency-Key: gone\r\n"
    writer.write(f'{head}Content-Length: 1000\r\n\r\n{{"name": "half'.encode())
    await writer.drain()
    writer.close()
    made = await api.owner.post(
        "/variables", json={"name": "AFTER_GONE", "value": 1}, headers={"Idempotency-Key": "gone"}
    )
    assert made.status_code == 201
