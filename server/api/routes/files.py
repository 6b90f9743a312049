"""Files of the workspace: put in as they come, listed, changed, read whole or in part.

What people put in is never shown on this origin: it leaves as an attachment of bytes, whatever type it claims to be.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import contextmanager
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from engine.expressions.values import Json
from engine.problems import Invalid, Problem
from engine.runs.pages import cursor_id
from modules.sdk.files import LARGEST_FILE, NewFile
from modules.sdk.verdicts import ModuleError
from server.api.answers import answer, decode_cursor, encode_cursor, page
from server.api.body import Body, json_body, too_large
from server.api.describe import taking
from server.api.file_ranges import part_of
from server.api.idempotent import check_key
from server.api.life import life_of
from server.api.multipart import Form, read_form
from server.api.parameters import Cursor, Limit, Who, With
from server.api.route import ApiRoute, StreamedRoute, does
from server.api.shapes import ref
from workspace.files.naming import checked_type, disposition
from workspace.files.store import Change

router = APIRouter(route_class=ApiRoute, prefix="/files", tags=["files"])
Tags = Annotated[list[str] | None, Query()]
_KEPT_S = 24 * 3600.0
_BYTES = "application/octet-stream"
_STATUS = {
    "file.unknown": 404,
    "file.expired": 410,
    "file.lost": 410,
    "payload.too_large": 413,
    "input.invalid": 422,
    "files.unavailable": 503,
    "files.full": 507,
}
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-cache",
    "Accept-Ranges": "bytes",
}


class NewDetails(Body):
    name: str | None = None
    tags: list[str] | None = None
    expires_in: float | int | str | None = None


async def create(
    request: Request,
    caller: Who,
    engine: With,
    name: Annotated[str | None, Query(description="The file's name; needed unless a form gives it.")] = None,
    mime_type: Annotated[str | None, Query(description="Unless given: what the request or the name says.")] = None,
    tags: Tags = None,
    expires_in: Annotated[str | None, Query(description="As `7d`; kept for ever unless given.")] = None,
) -> Response:
    """The body as it is, with `?name=`; or a form with a part `file`, whose fields `name`, `mime_type`, `tags`, `expires_in` come first. 5 GB at
    most. The file is there once this answers, whole or not at all."""
    key = request.headers.get("idempotency-key")
    if key is not None:
        check_key(key)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > LARGEST_FILE + 2**20:
        raise too_large(LARGEST_FILE)
    kind = request.headers.get("content-type", "")
    with _told():
        async with engine.files(caller.workspace_id).uploading(caller.user_id) as upload:
            if kind.partition(";")[0].strip().lower() == "multipart/form-data":
                form = await read_form(_chunks(request), kind, upload.add)
            else:
                if not name:
                    raise Invalid("request.invalid", "The file needs a name: send it as `?name=…`, or in a form.")
                form = Form(mime_type=kind)
                async for chunk in _chunks(request):
                    await upload.add(chunk)
            new = _new(form, name, mime_type, tags, expires_in)
            operation = None if key is None else f"api:{key}"
            made, fresh = await upload.finish(new, operation, _KEPT_S)
            if fresh:
                return answer(made.to_json(), 201)
            if (made.sha256, made.size, made.name, list(made.tags)) != (
                upload.sha256,
                upload.size,
                new.name,
                list(dict.fromkeys(new.tags)),
            ):
                raise Invalid("idempotency.mismatch", "This Idempotency-Key came before with another request.")
            return answer(made.to_json(), 201, {"Idempotency-Replayed": "true"})


router.add_api_route(
    "",
    create,
    methods=["POST"],
    status_code=201,
    route_class_override=StreamedRoute,
    openapi_extra=does(
        "files.write",
        {201: "File", 507: "Problem"},
        requestBody={
            "required": True,
            "content": {
                "multipart/form-data": {"schema": ref("FileForm")},
                _BYTES: {"schema": {"type": "string", "format": "binary"}},
            },
        },
    ),
)


@router.get("", openapi_extra=does("files.read", {200: "FileList"}))
async def list_(
    caller: Who,
    engine: With,
    tag: Annotated[list[str] | None, Query(description="Files that have all of these.")] = None,
    name: Annotated[str | None, Query(description="Part of the name, in any case.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Newest first."""
    most = limit or 50
    before = cursor_id(decode_cursor(cursor))
    if any("\x00" in each for each in (name or "", *(tag or ()))):
        return page([], None)
    with _told():
        found = await engine.files(caller.workspace_id).list_files(tag or [], name or None, before, most + 1)
    shown: list[Json] = [one.to_json() for one in found[:most]]
    return page(shown, encode_cursor(found[most - 1].file_id) if len(found) > most else None)


@router.get("/{file_id}", openapi_extra=does("files.read", {200: "File", 410: "Problem"}))
async def get(file_id: str, caller: Who, engine: With) -> Response:
    """One file: what it is, not what is in it."""
    with _told():
        return answer((await engine.files(caller.workspace_id).stat(file_id)).to_json())


@router.get(
    "/{file_id}/content",
    openapi_extra=does("files.read", {200: _BYTES, 206: _BYTES, 304: None, 410: "Problem", 416: "Problem"}),
)
async def content(
    file_id: str,
    request: Request,
    caller: Who,
    engine: With,
    range_: Annotated[str | None, Header(alias="Range", description="One range of bytes.")] = None,
) -> Response:
    """The bytes, or one range of them, to be saved."""
    files = engine.files(caller.workspace_id)
    with _told():
        file = await files.stat(file_id)
        tag = f'"{file.sha256}"'
        headers = {**_SAFE, "ETag": tag, "Content-Disposition": disposition(file.name)}
        if tag in (each.strip() for each in request.headers.get("if-none-match", "").split(",")):
            return Response(status_code=304, headers=headers)
        part = part_of(request.headers, file.size, tag) if range_ is not None else None
        start, end = part or (0, file.size)
        pieces = cast("AsyncGenerator[bytes]", files.open_read(file_id, start=start, end=end))
        # The first piece is awaited here, so that bytes which are lost are a problem and not a broken stream.
        first = await anext(pieces, b"")
    headers["Content-Length"] = str(end - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    return StreamingResponse(_all(first, pieces), 206 if part else 200, headers=headers, media_type=_BYTES)


@router.patch("/{file_id}", openapi_extra=does("files.write", {200: "File", 410: "Problem"}, **taking("FileChange")))
async def change(
    file_id: str, body: Annotated[NewDetails, Depends(json_body(NewDetails))], caller: Who, engine: With
) -> Response:
    """`{name?, tags?, expires_in?}`: another name, other tags, or another end, from now on; null keeps the file."""
    given = Change(
        body.name,
        None if body.tags is None else tuple(body.tags),
        "expires_in" in body.model_fields_set,
        None if body.expires_in is None else life_of(body.expires_in),
    )
    with _told():
        return answer((await engine.files(caller.workspace_id).change(file_id, given)).to_json())


@router.delete("/{file_id}", status_code=204, openapi_extra=does("files.delete", {204: None, 410: "Problem"}))
async def delete(file_id: str, caller: Who, engine: With) -> Response:
    """Gone at once for whoever asks; its bytes are taken away soon after. Runs that refer to it can't read it any more."""
    files = engine.files(caller.workspace_id)
    with _told():
        if not await files.delete(file_id, operation=None):
            await files.stat(file_id)
    return Response(status_code=204)


def _new(
    form: Form, name: str | None, mime_type: str | None, tags: list[str] | None, expires_in: str | None
) -> NewFile:
    """What the form says comes before what the address says."""
    if unknown := sorted(form.fields.keys() - {"name", "mime_type", "tags", "expires_in"}):
        raise Invalid("request.invalid", f"A form with a file has no field {unknown[0][:100]!r}.")

    def last(field: str) -> str | None:
        return form.fields[field][-1] if field in form.fields else None

    called = last("name") or name or form.name
    if not called:
        raise Invalid("request.invalid", "The file needs a name: give its part a `filename`, or send `?name=…`.")
    kind = last("mime_type") or mime_type
    if kind is None and form.mime_type:
        kind = _meant(form.mime_type)
    life = last("expires_in") or expires_in
    return NewFile(
        called,
        checked_type(kind, called),
        tuple(form.fields.get("tags", tags or ())),
        None if life is None else life_of(life),
    )


def _meant(kind: str) -> str | None:
    """What a request says of its body, unless it is what clients say by themselves when nobody told them."""
    plain = kind.partition(";")[0].strip().lower()
    if plain in ("", _BYTES, "application/x-www-form-urlencoded"):
        return None
    try:
        return checked_type(plain, "")
    except ModuleError:
        return None


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise Problem(400, "request.aborted", "The connection ended before the body did.") from None


async def _all(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for piece in rest:
            yield piece
    finally:
        await rest.aclose()


@contextmanager
def _told() -> Generator[None]:
    """What the store of files refuses, as an answer."""
    try:
        yield
    except ModuleError as error:
        text = error.message[:1].upper() + error.message[1:] + "."
        status = _STATUS[error.code]
        headers = {"Retry-After": "5"} if status == 503 else {}
        raise Problem(status, error.code, text, headers=headers) from None
