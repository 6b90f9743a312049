"""From an answer to the output of `http.request`, or to its error."""

from __future__ import annotations

import codecs
import re
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from modules.sdk.context import HttpResponse
from modules.sdk.json import Json, JsonObject
from modules.sdk.strict_json import parse_json
from modules.sdk.verdicts import ModuleError, Rejected

_JSON_TYPE = re.compile(r"(application|text)/(json|[a-z0-9.-]+\+json)")
_TOLD = ("content-type", "retry-after", "x-request-id", "www-authenticate", "location")
_EXCERPT = 4096
_LONGEST_DELAY = 7 * 86400.0


def parsed_body(response: HttpResponse, how: str) -> Json:
    """By `response`: `auto`, `json` or `text`. Raises Rejected `http.body` where JSON was promised and isn't there."""
    kind, charset = _content_type(response.headers.get("content-type", ""))
    is_json = _JSON_TYPE.fullmatch(kind) is not None
    if not response.body:
        if how == "json":
            raise Rejected("http.body", f"the answer ({response.status}) has no body where JSON was expected")
        return "" if how == "text" else None
    if how == "json" or (how == "auto" and is_json):
        try:
            return parse_json(response.body)
        except ValueError as error:
            raise Rejected(
                "http.body",
                f"the answer ({response.status}) should be JSON and isn't: {error}",
                details={"body": _excerpt(response.body, charset)},
            ) from None
    return response.body.decode(charset, "replace")


def accepts(status: int, expected: Json, *, redirects_followed: bool) -> bool:
    """Whether a status is a success. Without `expect_status`: 2xx, and what a redirect says to those who don't follow it."""
    if expected is None:
        return 200 <= status < 300 or (300 <= status < 400 and not redirects_followed)
    return any(_matches(status, each) for each in (expected if isinstance(expected, list) else [expected]))


def failure(response: HttpResponse) -> ModuleError:
    """The error for an answer that isn't a success. It is retried if its code is on the engine's list."""
    _, charset = _content_type(response.headers.get("content-type", ""))
    headers: JsonObject = {name: response.headers[name][:500] for name in _TOLD if name in response.headers}
    details: JsonObject = {
        "status": response.status,
        "headers": headers,
        "body": _excerpt(response.body, charset),
    }
    host = response.url.split("/")[2]
    return ModuleError(
        f"http.{response.status}",
        f"{host} answered {response.status}",
        details=details,
        retry_after=retry_after(response.headers),
    )


def retry_after(headers: dict[str, str]) -> float | None:
    """Seconds that the target asks for. A date is read against the answer's own `Date`, so that clocks need not agree."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return min(float(text), _LONGEST_DELAY)
    until, now = _date(text), _date(headers.get("date", ""))
    if until is None:
        return None
    return min(max((until - (now or datetime.now(UTC))).total_seconds(), 0.0), _LONGEST_DELAY)


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _matches(status: int, expected: Json) -> bool:
    if isinstance(expected, str):
        return str(status) == expected or (expected.endswith("xx") and str(status)[0] == expected[0])
    return status == expected


def _content_type(header: str) -> tuple[str, str]:
    """Media type in lower case, and a charset that Python knows as a text encoding."""
    message = Message()
    message["content-type"] = header.encode("ascii", "replace").decode()
    charset = message.get_content_charset("utf-8")
    try:
        if not codecs.lookup(charset)._is_text_encoding:  # pyright: ignore[reportPrivateUsage] the only way to tell base64 and the like
            charset = "utf-8"
        b"".decode(charset)
    except (LookupError, ValueError):
        charset = "utf-8"
    kind = header.partition(";")[0].strip().lower()
    return kind, charset


def _excerpt(body: bytes, charset: str) -> str:
    text = body[:_EXCERPT].decode(charset, "ignore")
    return text if len(body) <= _EXCERPT else text + "…"
