"""From the inputs of `http.request` to what goes over the wire."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from urllib.parse import urlencode

from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import Rejected

_BODIES = ("json", "form", "multipart", "body", "body_file")


def address(inputs: JsonObject, base: str | None) -> str:
    """The URL with `query` added to what it has. A fragment is dropped. What isn't absolute is below `base`, whose path is kept."""
    url = str(inputs["url"]).strip()
    if base is not None and not url.lower().startswith(("http://", "https://")):
        url = f"{base.rstrip('/')}/{url.lstrip('/')}"
    pairs = list(_pairs(inputs.get("query")))
    if not pairs:
        return url
    url = url.partition("#")[0]
    start = "&" if "?" in url and not url.endswith(("?", "&")) else "" if "?" in url else "?"
    return f"{url}{start}{urlencode(pairs, errors='replace')}"


def headers_and_body(inputs: JsonObject) -> tuple[dict[str, str], bytes | None]:
    """The author's headers, what `auth` means, and the body. Names as given. Raises Rejected `input.invalid`."""
    headers = headers_of(inputs)
    kind, content = _body(inputs)
    if kind is not None and not has(headers, "content-type"):
        headers["content-type"] = kind
    return headers, content


def headers_of(inputs: JsonObject) -> dict[str, str]:
    """The author's headers and what `auth` means. Raises Rejected `input.invalid`, also where two bodies are given."""
    headers: dict[str, str] = {}
    given = inputs.get("headers")
    if isinstance(given, dict):
        headers = {name: as_text(value) for name, value in given.items() if value is not None}
    for name, value in _credentials(inputs.get("auth")).items():
        if has(headers, name):
            raise Rejected("input.invalid", f"both `auth` and `headers` give {name!r}: leave one out")
        headers[name] = value
    given = [name for name in _BODIES if name in inputs]
    if len(given) > 1:
        raise Rejected("input.invalid", f"the body is given by {' and by '.join(map(repr, given))}: leave one")
    return headers


def has(headers: dict[str, str], name: str) -> bool:
    """Whether a header is there, however its name is written."""
    return any(each.lower() == name.lower() for each in headers)


def as_text(value: Json) -> str:
    """A value inside a URL, a form or a header: a text as it is, all else as compact JSON."""
    return value if isinstance(value, str) else compact(value)


def compact(value: Json) -> str:
    """Compact JSON; beyond ASCII as it is, but for lone surrogates, which UTF-8 doesn't have."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text


def _credentials(auth: Json) -> dict[str, str]:
    if not isinstance(auth, dict):
        return {}
    bearer, basic, header = auth.get("bearer"), auth.get("basic"), auth.get("header")
    if isinstance(bearer, str):
        return {"authorization": f"Bearer {bearer}"}
    if isinstance(basic, dict):
        username = str(basic["username"])
        if ":" in username:
            raise Rejected("input.invalid", "the user name of `auth.basic` can't hold a colon")
        pair = f"{username}:{basic.get('password', '')}"
        return {"authorization": f"Basic {base64.b64encode(pair.encode('utf-8', 'replace')).decode()}"}
    if isinstance(header, dict):
        return {str(header["name"]): str(header["value"])}
    return {}


def _body(inputs: JsonObject) -> tuple[str | None, bytes | None]:
    """Content type and bytes."""
    given = [name for name in _BODIES if name in inputs]
    if not given:
        return None, None
    value = inputs[given[0]]
    if given[0] == "json":
        return "application/json", compact(value).encode()
    if given[0] == "form":
        pairs = list(_pairs(value))
        return "application/x-www-form-urlencoded", urlencode(pairs, errors="replace").encode()
    if given[0] == "multipart":
        return _multipart(value)
    return "text/plain; charset=utf-8", str(value).encode("utf-8", "replace")


def _pairs(value: Json) -> Iterator[tuple[str, str]]:
    """Names and values of a query or form: a list repeats the name, null leaves it out."""
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        for each in item if isinstance(item, list) else [item]:
            if each is not None:
                yield name, as_text(each)


def _multipart(parts: Json) -> tuple[str, bytes]:
    written = [part_value(part) for part in (parts if isinstance(parts, list) else []) if isinstance(part, dict)]
    # From the content, so that each attempt sends the same bytes under the same idempotency key
    boundary = hashlib.sha256(b"\0".join(written)).hexdigest()
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in written) + multipart_end(boundary)
    return f"multipart/form-data; boundary={boundary}", body


def part_value(part: JsonObject) -> bytes:
    """A part of a form that is a value: its head and the value."""
    if "value" not in part:
        raise Rejected("input.invalid", "each part of `multipart` has a `value` or a `file_id`: one of them")
    value = part["value"]
    kind = "text/plain; charset=utf-8" if isinstance(value, str) else "application/json"
    return part_head(part, None, kind) + as_text(value).encode("utf-8", "replace")


def part_head(part: JsonObject, filename: str | None, kind: str) -> bytes:
    """A part's head. Its own `filename` and `content_type` come before what is given."""
    disposition = f'form-data; name="{_quoted(str(part["name"]))}"'
    named = part.get("filename", filename)
    if named is not None:
        disposition += f'; filename="{_quoted(str(named))}"'
    told = str(part.get("content_type", kind))
    if "\r" in told or "\n" in told:
        raise Rejected("input.invalid", "a part's `content_type` has a line break")
    head = f"Content-Disposition: {disposition}\r\nContent-Type: {told}\r\n\r\n"
    return head.encode("utf-8", "replace")


def multipart_end(boundary: str) -> bytes:
    """What follows the last part."""
    return f"--{boundary}--\r\n".encode()


def _quoted(name: str) -> str:
    """As browsers write names in multipart heads."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
