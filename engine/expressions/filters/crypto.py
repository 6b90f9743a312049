"""Filters of bytes: Base64 and hashes, over the UTF-8 bytes of a text."""

import base64
import binascii
import hashlib
import hmac
from typing import Final

from engine.expressions.budget import Budget
from engine.expressions.errors import VALUE, ExpressionError
from engine.expressions.filters.spec import Args, Filter, as_text, define
from engine.expressions.filters.text import utf8
from engine.expressions.values import Value


def _b64encode(value: Value, _: Args, budget: Budget) -> Value:
    data = utf8(as_text(value, "b64encode", budget))
    budget.text(len(data) * 4 // 3)
    return base64.b64encode(data).decode("ascii")


def _b64decode(value: Value, _: Args, budget: Budget) -> Value:
    text = "".join(as_text(value, "b64decode", budget).split()).rstrip("=").translate({45: 43, 95: 47})
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ExpressionError(VALUE, "'b64decode': the string is not Base64") from None
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ExpressionError(VALUE, "'b64decode': the bytes are not text in UTF-8") from None


def _sha256(value: Value, _: Args, budget: Budget) -> Value:
    return hashlib.sha256(utf8(as_text(value, "sha256", budget))).hexdigest()


def _hmac_sha256(value: Value, args: Args, budget: Budget) -> Value:
    data = utf8(as_text(value, "hmac_sha256", budget))
    key, form = utf8(args.text(0)), args.text(1)
    if form not in ("hex", "base64"):
        raise ExpressionError(VALUE, "the form of 'hmac_sha256' must be 'hex' or 'base64'")
    digest = hmac.digest(key, data, "sha256")
    return digest.hex() if form == "hex" else base64.b64encode(digest).decode("ascii")


FILTERS: Final[tuple[Filter, ...]] = (
    define("b64decode", _b64decode),
    define("b64encode", _b64encode),
    define("hmac_sha256", _hmac_sha256, "key", encoding="hex"),
    define("sha256", _sha256),
)
