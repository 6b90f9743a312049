"""`http.request` at work: one request, or one a page."""

from __future__ import annotations

import time
from urllib.parse import urljoin, urlsplit

from modules.http.client.building import address, has, headers_and_body
from modules.http.client.filing import is_about_files, run_with_files
from modules.http.client.reading import accepts, failure, parsed_body
from modules.sdk.context import Context, HttpResponse
from modules.sdk.declaration import Result
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import ModuleError, Rejected

_MOST = 20 * 2**20
_READS = frozenset(("GET", "HEAD", "OPTIONS"))
# All that pages on another host are asked with: any other header may be a credential.
_HARMLESS = frozenset(("accept", "accept-language", "content-type", "user-agent"))


async def run(inputs: JsonObject, context: Context) -> Result:
    """Raises ModuleError: `http.<status>`, `http.body`, `input.invalid`, and what `Http` raises."""
    pagination = inputs.get("pagination")
    if isinstance(pagination, dict) and not is_about_files(inputs):
        return Result(await _all_pages(inputs, pagination, context))
    method, url = str(inputs.get("method", "GET")), address(inputs, _base(context))
    if is_about_files(inputs):
        return await run_with_files(inputs, context, method, url, keyed=method not in _READS)
    headers, content = headers_and_body(inputs)
    response = await _ask(inputs, method, url, headers, content, context, key=context.idempotency_key)
    return Result(_output(response, inputs))


def _base(context: Context) -> str | None:
    return None if context.connection is None else context.connection.base_url


async def _ask(
    inputs: JsonObject,
    method: str,
    url: str,
    headers: dict[str, str],
    content: bytes | None,
    context: Context,
    *,
    key: str,
    timeout: float | None = None,
) -> HttpResponse:
    if method not in _READS and not has(headers, "idempotency-key"):
        headers = {**headers, "idempotency-key": key}
    follow = inputs.get("follow_redirects") is not False
    response = await context.http.request(
        method,
        url,
        headers=headers,
        content=content,
        timeout=context.timeout if timeout is None else timeout,
        follow_redirects=follow,
        limit=_MOST,
    )
    if not accepts(response.status, inputs.get("expect_status"), redirects_followed=follow):
        raise failure(response)
    return response


async def _all_pages(inputs: JsonObject, pagination: JsonObject, context: Context) -> JsonObject:
    """Page after page within the one time limit and size limit of the step. A page that fails fails the whole."""
    method, url = str(inputs.get("method", "GET")), address(inputs, _base(context))
    headers, content = headers_and_body(inputs)
    first = urlsplit(url)
    most = pagination.get("max_pages", 100)
    size, until = 0, time.monotonic() + context.timeout
    gathered: list[Json] = []
    seen: set[str] = set()
    for page in range(1, (int(most) if isinstance(most, (int, float)) else 100) + 1):
        key = context.idempotency_key if page == 1 else f"{context.idempotency_key}:{page}"
        remaining = until - time.monotonic()
        if remaining <= 0:
            raise ModuleError("http.timeout", f"the pages took over {context.timeout:g} s; {page - 1} had come")
        response = await _ask(inputs, method, url, headers, content, context, key=key, timeout=remaining)
        size += len(response.body)
        if size > _MOST:
            raise Rejected("payload.too_large", f"the first {page} pages together are larger than {_MOST >> 20} MiB")
        names = _output(response, inputs)
        found = await context.evaluate(pagination["items"], names) if "items" in pagination else names["body"]
        gathered.extend(found if isinstance(found, list) else [found])
        following = await context.evaluate(pagination["next"], names)
        if following is None or following == "" or following is False:
            return {**names, "body": gathered, "pages": page}
        if not isinstance(following, str):
            raise Rejected("input.invalid", "`pagination.next` gave something else than an address or null")
        seen.add(url)
        url = urljoin(response.url, following)
        if url in seen:
            raise Rejected("http.pagination", f"page {page} names a next page that was already read")
        if urlsplit(url)[:2] != first[:2]:
            headers = {name: value for name, value in headers.items() if name.lower() in _HARMLESS}
    raise Rejected("http.pagination", f"there are more than {most} pages: raise `max_pages`, or ask for fewer")


def _output(response: HttpResponse, inputs: JsonObject) -> JsonObject:
    headers: JsonObject = dict(response.headers)
    body = parsed_body(response, str(inputs.get("response", "auto")))
    return {"status": response.status, "headers": headers, "body": body}
