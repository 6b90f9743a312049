"""Requests that send files, or whose answer becomes one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import Message
from urllib.parse import unquote, urlsplit

from modules.http.client.building import has, headers_and_body, headers_of
from modules.http.client.reading import accepts, failure, parsed_body
from modules.http.client.sending import file_body, has_files
from modules.sdk.context import Context, HttpResponse, HttpStream, Sending
from modules.sdk.declaration import Result
from modules.sdk.json import JsonObject
from modules.sdk.new_file import new_file
from modules.sdk.verdicts import Rejected

_MOST = 20 * 2**20
_LARGEST = 2**30
"""Bytes of an answer that becomes a file."""
_LONGEST_NAME = 255


def is_about_files(inputs: JsonObject) -> bool:
    """Whether a file goes out or comes in."""
    return inputs.get("response") == "file" or has_files(inputs)


async def run_with_files(inputs: JsonObject, context: Context, method: str, url: str, *, keyed: bool) -> Result:
    """One request. `keyed`: it carries the step's idempotency key. Raises what `calling.run` does, and what `Files` raises."""
    if "pagination" in inputs:
        raise Rejected(
            "input.invalid", "`pagination` goes with no files: leave out `response: file`, `body_file` and `file_id`"
        )
    if has_files(inputs):
        headers = headers_of(inputs)
        body = await file_body(inputs, context)
        sending: Sending | None = body.sending
        if not has(headers, "content-type"):
            headers["content-type"] = body.content_type
    else:
        headers, content = headers_and_body(inputs)
        sending = None if content is None else Sending(len(content), lambda: _once(content))
    if keyed and not has(headers, "idempotency-key"):
        headers["idempotency-key"] = context.idempotency_key
    follow = inputs.get("follow_redirects") is not False
    kept = inputs.get("response") == "file"
    async with context.http.stream(
        method,
        url,
        headers=headers,
        sending=sending,
        timeout=context.timeout,
        follow_redirects=follow,
        limit=_LARGEST if kept else _MOST,
    ) as answer:
        if not accepts(answer.status, inputs.get("expect_status"), redirects_followed=follow):
            raise failure(await _whole(answer))
        if not kept:
            whole = await _whole(answer)
            return Result(
                {
                    "status": whole.status,
                    "headers": dict(whole.headers),
                    "body": parsed_body(whole, str(inputs.get("response", "auto"))),
                }
            )
        # What the author says; else what the answer says of itself, else the end of its address.
        said = inputs.get("file")
        new = new_file(said if isinstance(said, dict) else {}, name=_name(answer), mime_type=_kind(answer))
        made = await context.files.write(answer.body, new, operation=context.idempotency_key, most=_LARGEST)
    return Result(
        {"status": answer.status, "headers": dict(answer.headers), "file_id": made.file_id, "file": made.to_json()}
    )


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _whole(answer: HttpStream) -> HttpResponse:
    pieces: list[bytes] = []
    size = 0
    async for piece in answer.body:
        size += len(piece)
        if size > _MOST:
            if 200 <= answer.status < 300:
                raise Rejected("payload.too_large", f"the answer's body is larger than {_MOST >> 20} MiB")
            break  # it is read for the words of a failure only
        pieces.append(piece)
    return HttpResponse(answer.status, answer.headers, b"".join(pieces), answer.url)


def _name(answer: HttpStream) -> str:
    message = Message()
    message["content-disposition"] = answer.headers.get("content-disposition", "").encode("ascii", "replace").decode()
    try:
        named = message.get_filename()
    except (LookupError, ValueError):
        named = None
    plain = (named or unquote(urlsplit(answer.url).path.rpartition("/")[2], errors="replace")).replace("\x00", "")
    return plain.encode("utf-8", "replace").decode()[:_LONGEST_NAME] or "download"


def _kind(answer: HttpStream) -> str | None:
    """The answer's own media type where it is one."""
    plain = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    main, slash, sub = plain.partition("/")
    fits = slash and all(
        part and part.isascii() and part.replace("-", "").replace("+", "").replace(".", "").isalnum()
        for part in (main, sub)
    )
    return plain if fits and len(plain) <= 150 else None
