"""Signatures of webhooks: published examples pass, the specification's own library agrees, and whatever was changed doesn't."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from engine.expressions.values import Json
from engine.triggers.signatures import (
    PRESETS,
    TOLERANCE,
    BadSecret,
    BadSignature,
    Preset,
    challenge_of,
    keys_of,
    verify,
)

NOW = 1_731_705_121
STANDARD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def hexed(secret: str, text: bytes) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def standard(secret: str, body: bytes, now: int) -> dict[str, str]:
    """By the specification's own library."""
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(now, UTC), body.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(now), "webhook-signature": signature}


def github(secret: str, body: bytes, now: int) -> dict[str, str]:
    return {"x-hub-signature-256": f"sha256={hexed(secret, body)}", "x-github-delivery": "72d3162e-cc78-11e3"}


def stripe(secret: str, body: bytes, now: int) -> dict[str, str]:
    return {"stripe-signature": f"t={now},v1={hexed(secret, f'{now}.'.encode() + body)},v0=00"}


def slack(secret: str, body: bytes, now: int) -> dict[str, str]:
    signature = f"v0={hexed(secret, f'v0:{now}:'.encode() + body)}"
    return {"x-slack-signature": signature, "x-slack-request-timestamp": str(now)}


def shopify(secret: str, body: bytes, now: int) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"x-shopify-hmac-sha256": base64.b64encode(digest).decode(), "x-shopify-webhook-id": "b54557e4"}


SIGNERS: Mapping[Preset, Callable[[str, bytes, int], dict[str, str]]] = {
    "standard": standard,
    "github": github,
    "stripe": stripe,
    "slack": slack,
    "shopify": shopify,
}
TIMED: tuple[Preset, ...] = ("standard", "stripe", "slack")


def secret_of(preset: Preset) -> str:
    return STANDARD if preset == "standard" else "It's a Secret to Everybody"


def accepts(preset: Preset, secrets: Json, headers: Mapping[str, str], body: bytes, now: float = NOW) -> bool:
    try:
        verify(preset, keys_of(preset, secrets), headers, body, now)
    except BadSignature:
        return False
    return True


@pytest.mark.parametrize(
    ("preset", "secret", "headers", "body", "now"),
    [
        (
            "standard",
            "whsec_plJ3nmyCDGBKInavdOK15jsl",
            {
                "webhook-id": "msg_loFOjxBNrRLzqYUf",
                "webhook-timestamp": "1731705121",
                "webhook-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
            },
            b'{"event_type":"ping","data":{"success":true}}',
            1_731_705_121,
        ),
        (
            "standard",
            STANDARD,
            {
                "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
                "webhook-timestamp": "1614265330",
                "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            },
            b'{"test": 2432232314}',
            1_614_265_330,
        ),
        (
            "github",
            "It's a Secret to Everybody",
            {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
            b"Hello, World!",
            NOW,
        ),
        (
            "slack",
            "8f742231b10e8888abcd99yyyzzz85a5",
            {
                "x-slack-request-timestamp": "1531420618",
                "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
            },
            b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
            b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
            b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
            b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
            1_531_420_618,
        ),
    ],
)
def test_published_examples_pass(preset: Preset, secret: str, headers: dict[str, str], body: bytes, now: int) -> None:
    assert accepts(preset, secret, headers, body, now)
    assert not accepts(preset, secret, headers, body + b" ", now)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_thousand_changes_are_refused_and_what_is_unchanged_is_not(preset: Preset) -> None:
    chance = random.Random(f"signatures {preset}")
    secret, sign = secret_of(preset), SIGNERS[preset]
    unsigned = {"x-github-delivery", "x-shopify-webhook-id"}
    for _ in range(200):
        body = ('{"n":"' + "".join(chance.choices("abcdefgh é✓", k=chance.randint(0, 200))) + '"}').encode()
        headers = sign(secret, body, NOW)
        assert accepts(preset, secret, headers, body)
        assert accepts(preset, ["other-secret" if preset != "standard" else "whsec_AAAA", secret], headers, body)
        flipped = bytearray(body)
        flipped[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        assert not accepts(preset, secret, headers, bytes(flipped))
        name = chance.choice([one for one in headers if one not in unsigned])
        assert not accepts(preset, secret, {**headers, name: _changed(headers[name], chance)}, body)
        assert not accepts(preset, secret, {key: text for key, text in headers.items() if key != name}, body)
        other = "another secret" if preset != "standard" else "whsec_" + base64.b64encode(chance.randbytes(24)).decode()
        assert not accepts(preset, other, headers, body)
        assert not accepts(preset, secret, sign(other, body, NOW), body)


def _changed(text: str, chance: random.Random) -> str:
    """Another text of the same length, which says something else: hexadecimal digits count in either case, and Stripe's `v0` not at all."""
    while True:
        end = text.index(",v0=") if ",v0=" in text else len(text.rstrip("="))
        place = chance.randrange(end - 1)  # the last digits of base64 hold bits that nobody reads
        digit = chance.choice("0123456789abcdef" if text[place] in "0123456789abcdef" else "GHJKLMN")
        if digit != text[place]:
            return text[:place] + digit + text[place + 1 :]


@pytest.mark.parametrize("preset", TIMED)
def test_what_was_signed_too_long_ago_or_ahead_is_refused(preset: Preset) -> None:
    secret, body = secret_of(preset), b"{}"
    headers = SIGNERS[preset](secret, body, NOW)
    for off in (0, TOLERANCE, -TOLERANCE):
        assert accepts(preset, secret, headers, body, NOW + off)
    for off in (TOLERANCE + 1, -TOLERANCE - 1, 10**9):
        assert not accepts(preset, secret, headers, body, NOW + off)


@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_passes_without_a_secret(preset: Preset) -> None:
    headers = SIGNERS[preset](secret_of(preset), b"{}", NOW)
    empty: list[Json] = [None, "", " ", [], [""], 7, {"a": 1}]
    for secrets in empty:
        with pytest.raises(BadSecret):
            keys_of(preset, secrets)
    with pytest.raises(BadSignature):
        verify(preset, [], headers, b"{}", NOW)


def test_a_header_full_of_signatures_is_not_compared_for_ever() -> None:
    headers = standard(STANDARD, b"{}", NOW)
    both = {**headers, "webhook-signature": f"v1a,xx v1,AAAA {headers['webhook-signature']}"}
    assert accepts("standard", STANDARD, both, b"{}")
    many = {**headers, "webhook-signature": " ".join([headers["webhook-signature"]] * 21)}
    assert not accepts("standard", STANDARD, many, b"{}")


def test_slack_alone_is_answered_with_its_challenge() -> None:
    asked: Json = {"type": "url_verification", "challenge": "3eZbrw1aB1"}
    assert challenge_of("slack", asked) == "3eZbrw1aB1"
    assert challenge_of("github", asked) is None
    assert challenge_of("slack", {"type": "event_callback", "challenge": "x"}) is None
