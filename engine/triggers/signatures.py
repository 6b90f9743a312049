"""Whether a webhook was signed by who knows its secret: the Standard Webhooks specification, and the ways of some senders.

Each way signs the body as it came, before anything is read into it; compares in constant time; and fails closed: what is missing, malformed, too
old or signed by none of the secrets is refused, with one answer for all that a forger could learn from.

    standard   webhook-id, webhook-timestamp, webhook-signature: `v1,<base64>` (several, by spaces) of `id.timestamp.body`;
               a secret is `whsec_<base64>`; https://www.standardwebhooks.com
    github     x-hub-signature-256: `sha256=<hex>` of the body
    stripe     stripe-signature: `t=<timestamp>,v1=<hex>` (several v1) of `timestamp.body`
    slack      x-slack-signature: `v0=<hex>` of `v0:timestamp:body`, x-slack-request-timestamp
    shopify    x-shopify-hmac-sha256: `<base64>` of the body

All are HMAC with SHA-256. Where the time is signed it may be `TOLERANCE` seconds off; what comes again within is known by its id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from engine.expressions.values import Json

Preset = Literal["standard", "github", "stripe", "slack", "shopify"]
PRESETS: tuple[str, ...] = get_args(Preset)

TOLERANCE = 300
"""Seconds that a signed time may be off, both ways."""
MOST_SIGNATURES = 20
"""That one request may bring: each is compared with each secret."""
_LONGEST_ID = 256
_STANDARD = "whsec_"


class BadSignature(Exception):
    """The request isn't from who knows the secret, or nobody can tell."""


class BadSecret(ValueError):
    """A secret that can't be one of that way; the text says why, and not what it was."""


@dataclass(frozen=True, slots=True)
class Signed:
    """`event_id` is what the sender calls this request, which it sends again under the same name; None where the way has no such name."""

    event_id: str | None


def keys_of(preset: Preset, secrets: Json) -> list[bytes]:
    """The keys that one secret or a list of them stands for. Raises `BadSecret`."""
    listed = secrets if isinstance(secrets, list) else [secrets]
    keys = [_key(preset, one) for one in listed]
    if not keys:
        raise BadSecret("there is no secret")
    return keys


def verify(preset: Preset, keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> Signed:
    """`headers` have names in lower case; `now` in seconds since the epoch. Raises `BadSignature`."""
    if not keys:
        raise BadSignature("there is no secret")
    return _WAYS[preset](keys, headers, body, now)


def challenge_of(preset: Preset, body: Json) -> str | None:
    """What Slack asks to hear back when an address is entered there; None for any other request."""
    if preset != "slack" or not isinstance(body, dict) or body.get("type") != "url_verification":
        return None
    challenge = body.get("challenge")
    return challenge if isinstance(challenge, str) and len(challenge) <= 1_000 else None


def _standard(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> Signed:
    event_id = _header(headers, "webhook-id")
    moment = _moment(_header(headers, "webhook-timestamp"), now)
    given = [text for version, text in _versions(_header(headers, "webhook-signature").split(" ")) if version == "v1"]
    _any(keys, f"{event_id}.{moment}.".encode() + body, [_base64(one) for one in given])
    return Signed(event_id)


def _github(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> Signed:
    del now
    scheme, _, text = _header(headers, "x-hub-signature-256").partition("=")
    _any(keys, body, [_hex(text)] if scheme == "sha256" else [])
    return Signed(_name(headers, "x-github-delivery"))


def _stripe(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> Signed:
    parts = [part.partition("=") for part in _header(headers, "stripe-signature").split(",")]
    times = [text for name, _, text in parts if name.strip() == "t"]
    if len(times) != 1:
        raise BadSignature("there is no one time")
    moment = _moment(times[0], now)
    given = [_hex(text.strip()) for name, _, text in parts if name.strip() == "v1"]
    _any(keys, f"{moment}.".encode() + body, given)
    return Signed(_same(body))


def _slack(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> Signed:
    moment = _moment(_header(headers, "x-slack-request-timestamp"), now)
    scheme, _, text = _header(headers, "x-slack-signature").partition("=")
    _any(keys, f"v0:{moment}:".encode() + body, [_hex(text)] if scheme == "v0" else [])
    return Signed(_same(body))


def _shopify(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> Signed:
    del now
    _any(keys, body, [_base64(_header(headers, "x-shopify-hmac-sha256"))])
    return Signed(_name(headers, "x-shopify-webhook-id"))


_Way = Callable[[Sequence[bytes], Mapping[str, str], bytes, float], Signed]
_WAYS: Mapping[Preset, _Way] = {
    "standard": _standard,
    "github": _github,
    "stripe": _stripe,
    "slack": _slack,
    "shopify": _shopify,
}


def _any(keys: Sequence[bytes], signed: bytes, given: Sequence[bytes | None]) -> None:
    """Whether one of the keys made one of the signatures. All are compared, whichever fits."""
    if len(given) > MOST_SIGNATURES:
        raise BadSignature("there are too many signatures")
    fits = False
    for key in keys:
        right = hmac.digest(key, signed, "sha256")
        for one in given:
            fits |= one is not None and hmac.compare_digest(right, one)
    if not fits:
        raise BadSignature("no signature fits")


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value:
        raise BadSignature(f"the header {name} is missing")
    return value


def _name(headers: Mapping[str, str], name: str) -> str | None:
    value = headers.get(name, "").strip()
    return value if 0 < len(value) <= _LONGEST_ID else None


def _moment(text: str, now: float) -> str:
    """The signed time as it was signed, if it is near."""
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise BadSignature("the time is none")
    if abs(now - int(text)) > TOLERANCE:
        raise BadSignature("the time is too far from now")
    return text


def _same(body: bytes) -> str:
    """Of senders whose bodies name their event, and who sign the same body anew when they send it again."""
    return hashlib.sha256(body).hexdigest()


def _versions(parts: Sequence[str]) -> list[tuple[str, str]]:
    return [(version, text) for version, _, text in (part.partition(",") for part in parts)]


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _hex(text: str) -> bytes | None:
    return bytes.fromhex(text) if len(text) == 64 and all(char in "0123456789abcdefABCDEF" for char in text) else None


def _key(preset: Preset, secret: Json) -> bytes:
    if not isinstance(secret, str) or not secret.strip():
        raise BadSecret("a secret must be text that isn't empty")
    if preset != "standard":
        return secret.encode()
    found = _base64(secret.removeprefix(_STANDARD))
    if not found:
        raise BadSecret("a secret of the preset `standard` is `whsec_` and base64")
    return found
