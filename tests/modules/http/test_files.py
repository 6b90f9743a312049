"""`http.request` with files, over a real server and a real store: sent and kept byte for byte, and once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from email import message_from_bytes
from email.policy import HTTP
from pathlib import Path

import pytest

from db.pool import Database
from engine.isolated.pool import IsolatedPool
from modules.http.request import MODULE
from modules.sdk.declaration import Result
from modules.sdk.files import File, NewFile
from modules.sdk.json import JsonObject
from modules.sdk.verdicts import ModuleError
from server.module_tools.host import example_context
from tests.fixtures.files import new_workspace_id
from tests.fixtures.http_server import Answer, HttpServer, Request
from workspace.egress.client import Egress
from workspace.files.objects import Objects
from workspace.files.store import StoredFiles

CONTENT = os.urandom(3 * 2**20 + 17)


class Sender:
    def __init__(self, pool: IsolatedPool, egress: Egress, files: StoredFiles) -> None:
        self.pool, self.egress, self.files = pool, egress, files

    async def run(self, *, key: str = "run:step", **inputs: object) -> JsonObject:
        context = replace(example_context(self.pool, 30), http=self.egress, files=self.files, idempotency_key=key)
        assert MODULE.run is not None
        result: Result = await MODULE.run(inputs, context)  # type: ignore[arg-type]
        assert isinstance(result.output, dict)
        return result.output

    async def file(self, content: bytes = CONTENT, name: str = "big.bin") -> File:
        async def once() -> AsyncIterator[bytes]:
            yield content

        return await self.files.write(once(), NewFile(name), operation=f"given {name}")

    async def read(self, file_id: object) -> bytes:
        return b"".join([piece async for piece in self.files.open_read(str(file_id))])


@pytest.fixture
async def sender(
    isolated_pool: IsolatedPool, egress: Egress, files_db: Database, folder_objects: Objects, tmp_path: Path
) -> Sender:
    return Sender(isolated_pool, egress, StoredFiles(files_db, folder_objects, await new_workspace_id(files_db)))


async def test_a_body_that_is_a_file_is_sent_again_on_a_redirect(sender: Sender, http_server: HttpServer) -> None:
    file = await sender.file()
    http_server.answer("PUT", "/from", Answer(307, {"location": "/to"}))
    http_server.answer("PUT", "/to", Answer.of_json({"got": True}))
    output = await sender.run(method="PUT", url=f"{http_server.url}/from", body_file=file.file_id)
    assert output["body"] == {"got": True}
    assert [request.body == CONTENT for request in http_server.requests] == [True, True]
    assert http_server.requests[1].headers["content-type"] == "application/octet-stream"
    assert http_server.requests[1].headers["idempotency-key"] == "run:step"


async def test_a_form_with_files_is_the_same_on_each_attempt(sender: Sender, http_server: HttpServer) -> None:
    file = await sender.file(name='a"b\nc.bin')
    http_server.answer("POST", "/form", Answer(503), Answer.of_json(1))
    parts = [
        {"name": "title", "value": "ü"},
        {"name": "doc", "file_id": file.file_id},
        {"name": "doc", "file_id": file.file_id, "filename": "x.csv", "content_type": "text/csv"},
        {"name": "more", "value": {"a": 1}},
    ]
    with pytest.raises(ModuleError) as caught:
        await sender.run(method="POST", url=f"{http_server.url}/form", multipart=parts)
    assert caught.value.code == "http.503"
    await sender.run(method="POST", url=f"{http_server.url}/form", multipart=parts)
    first, second = http_server.requests
    assert (first.body, first.headers["content-type"]) == (second.body, second.headers["content-type"])
    raw = b"Content-Type: " + first.headers["content-type"].encode() + b"\r\n\r\n" + first.body
    message = message_from_bytes(raw, policy=HTTP)
    found = [
        (part.get_param("name", header="content-disposition"), part.get_filename(), part.get_payload(decode=True))
        for part in message.iter_parts()
    ]  # type: ignore[attr-defined]
    assert [(name, filename) for name, filename, _ in found] == [
        ("title", None), ("doc", "a%22b%0Ac.bin"), ("doc", "x.csv"), ("more", None),
    ]  # fmt: skip
    assert first.body.count(CONTENT) == 2


async def test_an_answer_becomes_one_file_however_often_the_step_is_made(
    sender: Sender, http_server: HttpServer
) -> None:
    headers = {"content-type": "text/csv", "content-disposition": 'attachment; filename="../r port.csv"'}
    http_server.answer("GET", "/report", Answer(200, headers, CONTENT), Answer(200, headers, b"other"))
    url = f"{http_server.url}/report"
    first = await sender.run(url=url, response="file", file={"tags": ["t"], "expires_in": "1h"})
    again = await sender.run(url=url, response="file", file={"tags": ["t"], "expires_in": "1h"})
    assert first["file"] == again["file"]
    file = await sender.files.stat(str(first["file_id"]))
    assert (file.name, file.mime_type, file.tags) == ("../r port.csv", "text/csv", ("t",))
    assert file.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert await sender.read(file.file_id) == CONTENT
    assert "body" not in first
    named = await sender.run(url=f"{http_server.url}/report?x=1", response="file", key="other")
    assert await sender.read(named["file_id"]) == b"other"


async def test_what_is_no_success_or_breaks_off_makes_no_file(sender: Sender, http_server: HttpServer) -> None:
    async def cut(request: Request) -> bytes:
        return b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"x" * 50_000

    http_server.answer("GET", "/no", Answer(404, {}, b"nothing here"))
    http_server.handle("GET", "/cut", cut)
    codes: list[str] = []
    for path in ("/no", "/cut"):
        with pytest.raises(ModuleError) as caught:
            await sender.run(url=http_server.url + path, response="file")
        codes.append(caught.value.code)
    assert codes == ["http.404", "http.connect"]
    refused: tuple[dict[str, object], ...] = (
        {"response": "file", "pagination": {"next": None}},
        {"method": "POST", "body_file": "x", "body": "y"},
        {"method": "POST", "multipart": [{"name": "a"}]},
        {"method": "POST", "multipart": [{"name": "a", "value": 1, "file_id": "x"}]},
    )
    for inputs in refused:
        with pytest.raises(ModuleError) as caught:
            await sender.run(key="k", url=http_server.url, **inputs)
        assert caught.value.code == "input.invalid"
    with pytest.raises(ModuleError) as caught:
        await sender.run(url=http_server.url, method="POST", body_file="01993b5c-5d7e-7c4e-9a55-0d6a1f8f2b11")
    assert caught.value.code == "file.unknown"
    assert await sender.files.list_files([], None, None, 10) == []


async def test_streaming_has_the_guard_of_all_other_requests(sender: Sender, http_server: HttpServer) -> None:
    import gzip

    bomb = gzip.compress(b"\0" * 200 * 2**20)
    http_server.answer("GET", "/bomb", Answer(200, {"content-encoding": "gzip"}, bomb))
    http_server.answer("GET", "/inside", Answer(302, {"location": "http://10.0.0.1/"}))
    codes: list[str] = []
    for path in ("/bomb", "/inside"):
        with pytest.raises(ModuleError) as caught:
            await sender.run(url=http_server.url + path, response="file")
        codes.append(caught.value.code)
    assert codes == ["payload.too_large", "http.blocked"]
