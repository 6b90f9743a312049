"""Files over HTTP: streamed in, given out safely, and nobody else's."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from urllib.parse import unquote
from uuid import uuid4

import httpx
import pytest

from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step

NAMES = ["a.csv", "../../etc/passwd", 'quo"te\\.html', "li\nne\r\nSet-Cookie: x=1", "ü\u202e.txt", "..", "C:\\x\\y.txt"]


async def put(api: Api, content: bytes, name: str = "a.bin", **query: object) -> str:
    made = await api.editor.post("/files", params={"name": name, **query}, content=content)
    assert made.status_code == 201, made.text
    return made.json()["file_id"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_file_goes_in_by_either_way_and_comes_out_under_a_safe_name(api: Api, name: str) -> None:
    content = name.encode() * 1000
    form = {"files": {"file": (name, content, "text/html")}, "data": {"tags": ["a", "b"], "name": name}}
    made = (await api.editor.post("/files", **form)).json()
    assert (made["name"], made["size"], made["tags"], made["mime_type"]) == (
        name,
        len(content),
        ["a", "b"],
        "text/html",
    )
    assert made["sha256"] == hashlib.sha256(content).hexdigest()
    assert (await api.viewer.get(f"/files/{made['file_id']}")).json() == made
    plain = (await api.editor.post("/files", params={"name": name, "tags": ["a", "b"]}, content=content)).json()
    assert {**plain, "file_id": "", "mime_type": ""} == {**made, "file_id": "", "mime_type": ""}
    given = await api.viewer.get(f"/files/{made['file_id']}/content")
    assert given.content == content
    assert given.headers["content-type"] == "application/octet-stream"
    assert given.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in given.headers["content-security-policy"]
    said = given.headers["content-disposition"]
    assert said.startswith("attachment; ")
    saved = unquote(said.partition("filename*=UTF-8''")[2])
    assert saved
    assert not set(saved) & set('/\\\r\n"\u202e')
    assert saved not in (".", "..")
    assert "set-cookie" not in given.headers


async def test_parts_of_a_file(api: Api) -> None:
    content = bytes(range(256)) * 4
    file_id = await put(api, content)
    for asked, start, end in (
        ("0-0", 0, 1),
        ("10-19", 10, 20),
        ("1000-", 1000, 1024),
        ("-24", 1000, 1024),
        ("5-99999", 5, 1024),
    ):
        part = await api.viewer.get(f"/files/{file_id}/content", headers={"Range": f"bytes={asked}"})
        assert (part.status_code, part.content) == (206, content[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/1024"
    for asked in ("bytes=0-1,5-6", "bytes=9-3", "bytes=-", "lines=1-2", "bytes=a-b"):
        whole = await api.viewer.get(f"/files/{file_id}/content", headers={"Range": asked})
        assert (whole.status_code, whole.content) == (200, content)
    for asked in ("bytes=1024-", "bytes=-0"):
        refused = await api.viewer.get(f"/files/{file_id}/content", headers={"Range": asked})
        problem(refused, 416, "range.unsatisfiable")
        assert refused.headers["content-range"] == "bytes */1024"
    tag = part.headers["etag"]
    same = await api.viewer.get(f"/files/{file_id}/content", headers={"If-None-Match": f'"x", {tag}'})
    assert (same.status_code, same.content) == (304, b"")
    other = await api.viewer.get(f"/files/{file_id}/content", headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert other.status_code == 200
    empty = await put(api, b"")
    assert (await api.viewer.get(f"/files/{empty}/content")).content == b""


async def test_lists_changes_and_the_end(api: Api) -> None:
    tag = uuid4().hex
    ids = [await put(api, b"x", name=f"{number} {tag}.txt", tags=[tag]) for number in range(3)]
    first = (await api.viewer.get("/files", params={"tag": tag, "limit": 2})).json()
    rest = (await api.viewer.get("/files", params={"tag": tag, "limit": 2, "cursor": first["next_cursor"]})).json()
    assert {one["file_id"] for one in first["items"] + rest["items"]} == set(ids)
    assert rest["next_cursor"] is None
    named = (await api.viewer.get("/files", params={"name": f"1 {tag}".upper()})).json()["items"]
    assert [one["file_id"] for one in named] == [ids[1]]
    changed = await api.editor.patch(f"/files/{ids[0]}", json={"name": "new", "tags": [], "expires_in": "1h"})
    assert (changed.json()["name"], changed.json()["tags"]) == ("new", [])
    assert changed.json()["expires_at"] is not None
    assert (await api.editor.patch(f"/files/{ids[0]}", json={"expires_in": None})).json()["expires_at"] is None
    problem(await api.editor.patch(f"/files/{ids[0]}", json={"tags": [""]}), 422, "input.invalid")
    problem(await api.editor.patch(f"/files/{ids[0]}", json={"expires_in": "soon"}), 422, "request.invalid")
    await api.editor.patch(f"/files/{ids[0]}", json={"expires_in": 0.001})
    problem(await api.viewer.get(f"/files/{ids[0]}/content"), 410, "file.expired")
    assert (await api.editor.delete(f"/files/{ids[1]}")).status_code == 204
    problem(await api.editor.delete(f"/files/{ids[1]}"), 404, "file.unknown")
    problem(await api.viewer.get(f"/files/{ids[1]}"), 404, "file.unknown")


async def test_who_may_and_whose_it_is(api: Api) -> None:
    file_id, absent = await put(api, b"mine"), str(uuid4())
    problem(await api.viewer.post("/files", params={"name": "x"}, content=b""), 403, "auth.forbidden")
    problem(await api.viewer.delete(f"/files/{file_id}"), 403, "auth.forbidden")
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", ""), ("PATCH", "")):
        told = [
            (
                await api.foreign.request(method, f"/files/{id_}{path}", json={} if method == "PATCH" else None)
            ).text.replace(id_, "…")
            for id_ in (file_id, absent)
        ]
        assert told[0] == told[1]
    assert (await api.foreign.get("/files")).json()["items"] == []
    problem(await api.viewer.get("/files/not-an-id"), 404, "file.unknown")


async def test_an_upload_with_a_key_is_made_once(api: Api) -> None:
    headers, query = {"Idempotency-Key": uuid4().hex}, {"name": "a.txt"}
    first, again = await asyncio.gather(
        *(api.editor.post("/files", params=query, content=b"same", headers=headers) for _ in range(2))
    )
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    assert sum("idempotency-replayed" in each.headers for each in (first, again)) == 1
    other = await api.editor.post("/files", params=query, content=b"other", headers=headers)
    problem(other, 422, "idempotency.mismatch")
    theirs = await api.foreign.post("/files", params=query, content=b"other", headers=headers)
    assert theirs.status_code == 201


BAD_FORMS = [
    (b"", "multipart/form-data", 400),
    (b"--x\r\n", "multipart/form-data; boundary=x", 400),
    (b"nonsense", "multipart/form-data; boundary=x", 400),
    (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf',
        "multipart/form-data; boundary=x",
        400,
    ),
    (
        b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\na\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
        422,
    ),
    (
        b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
        422,
    ),
]


@pytest.mark.parametrize(("body", "kind", "status"), BAD_FORMS)
async def test_a_form_that_can_not_be_read_is_refused(api: Api, body: bytes, kind: str, status: int) -> None:
    answer = await api.editor.post("/files", content=body, headers={"Content-Type": kind})
    problem(answer, status, "multipart.malformed" if status == 400 else "request.invalid")


async def test_an_upload_that_is_cut_off_leaves_no_file(api: Api) -> None:
    name = uuid4().hex

    async def half() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        raise httpx.ReadError("cut off")

    with pytest.raises(httpx.ReadError):
        await api.editor.post("/files", params={"name": name}, content=half(), headers={"Content-Length": "200000"})
    assert (await api.viewer.get("/files", params={"name": name})).json()["items"] == []


async def test_a_run_writes_reads_and_deletes_files(api: Api) -> None:
    name = await api.create(
        flow(
            {
                "read": "{{ steps.read.output.content }}",
                "gone": "{{ steps.gone.output.deleted }}",
                "id": "{{ steps.made.output.file_id }}",
            },
            made=step("files.write", name="n.bin", content="aGkK", encoding="base64", tags=["t"], expires_in="1h"),
            read=step("files.read", after="made", file_id="{{ steps.made.output.file_id }}"),
            gone=step("files.delete", after="read", file_id="{{ steps.made.output.file_id }}"),
        )
    )
    run = await api.run(name)
    assert run["status"] == "succeeded", run["error"]
    assert (run["output"]["read"], run["output"]["gone"]) == ("hi\n", True)  # type: ignore[index]
    missing = await api.create(flow("x", a=step("files.read", file_id="{{ input }}")))
    theirs = (await api.foreign.post("/files", params={"name": "x"}, content=b"theirs")).json()["file_id"]
    for id_ in (run["output"]["id"], theirs):  # type: ignore[index]
        ended = await api.run(missing, id_)
        assert ended["error"]["code"] == "file.unknown"  # type: ignore[index]
