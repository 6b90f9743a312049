"""A request's body as JSON, by its content type: a strict switch, decided by the header alone.

    application/json, …+json            the value (strict: no NaN, no integers beyond 64 bits, no bombs)
    application/x-www-form-urlencoded   an object of texts; a name that is repeated has a list
    text/…, application/xml, …+xml      the text
    anything else                       base64 text of the bytes
    no body                             null

A body without a content type is read as JSON if it is JSON, else as text, else as bytes. Multipart bodies are refused with 415.
"""

from __future__ import annotations

import base64
import codecs
from email.message import Message
from urllib.parse import parse_qsl

from engine.expressions.values import Json
from engine.problems import Problem
from engine.triggers.input import gathered
from modules.sdk.parse_error import ParseError
from modules.sdk.strict_json import parse_json

BODY_LIMIT = 20 * 2**20
_FIELDS_LIMIT = 100_000
_FORM = "application/x-www-form-urlencoded"


def too_large(limit: int = BODY_LIMIT) -> Problem:
    return Problem(413, "body.too_large", f"The body is larger than {limit // 2**20} MB.")


def parse_body(body: bytes, content_type: str | None) -> Json:
    """The body as a value. Raises `Problem` 400 (malformed), 413 (too large), 415 (a type that can't be taken)."""
    if len(body) > BODY_LIMIT:
        raise too_large()
    if not body:
        return None
    media = media_of(content_type)
    if media is None or content_type is None:
        return _guessed(body)
    if is_bytes(media):
        return base64.b64encode(body).decode()
    if media == "application/json" or media.endswith("+json"):
        return _json(body)
    if media == _FORM:
        return _form(body)
    if media.startswith("multipart/"):
        raise Problem(
            415, "body.unsupported", f"A body of type {media!r} can't be taken; send JSON, a form, text or bytes."
        )
    return _text(body, str(_header(content_type).get_param("charset") or "utf-8"))


def is_bytes(media: str) -> bool:
    """Whether bodies of that type are neither a value nor text."""
    named = media in {"application/json", "application/xml", _FORM}
    return not (named or media.startswith(("text/", "multipart/")) or media.endswith(("+json", "+xml")))


def media_of(content_type: str | None) -> str | None:
    """The media type in lower case, without its parameters; None where there is none."""
    if content_type is None or not content_type.strip():
        return None
    return _header(content_type).get_content_type() if "/" in content_type else content_type.strip().lower()


def _header(content_type: str) -> Message:
    header = Message()
    header["content-type"] = content_type.replace("\n", " ").replace("\r", " ")
    return header


def _json(body: bytes) -> Json:
    try:
        return parse_json(body)
    except ParseError as error:
        raise Problem(400, "body.malformed", f"The body is not acceptable JSON: {error}") from None


def _form(body: bytes) -> Json:
    try:
        text = body.decode()
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_LIMIT)
    except ValueError as error:
        raise Problem(400, "body.malformed", f"The body is no form data in UTF-8: {error}.") from None
    return gathered(pairs)


def _text(body: bytes, charset: str) -> Json:
    try:
        codecs.lookup(charset)
        return body.decode(charset)
    except LookupError:
        raise Problem(415, "body.unsupported", f"The body's charset {charset!r} is unknown.") from None
    except ValueError:
        raise Problem(400, "body.malformed", f"The body is not text in {charset!r}.") from None


def _guessed(body: bytes) -> Json:
    try:
        return parse_json(body)
    except ParseError:
        pass
    try:
        return body.decode()
    except ValueError:
        return base64.b64encode(body).decode()
