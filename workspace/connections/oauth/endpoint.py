"""Requests to a provider's token and revocation endpoints, and what its answers mean (RFC 6749 sections 2.3, 4.1.3, 4.4.2, 5, 6; RFC 7009).

They go through the egress guard like all else, follow no redirect, and are never logged; what a provider says is read by its `error` code
and never shown, since providers quote back what they were sent.

    Granted     tokens
    Refused     the provider won't give any: `gone` says that the grant itself is worth nothing any more
    Unreached   no answer that says either; the same request may succeed later, and may have been served
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlencode

from modules.sdk.context import Http, HttpResponse
from modules.sdk.json import Json, JsonObject
from modules.sdk.parse_error import ParseError
from modules.sdk.strict_json import parse_json
from modules.sdk.verdicts import ModuleError
from workspace.connections.oauth.client import Client

TIMEOUT_S = 15.0
_LARGEST = 256 * 1024
_LONGEST_TOKEN = 64 * 1024
_DAYS_100 = 100 * 86_400.0

_SAID: Mapping[str, str] = {
    "invalid_grant": "the provider no longer accepts the consent: it was withdrawn, has ended, or was used already",
    "invalid_client": "the provider doesn't accept the client's id or secret",
    "unauthorized_client": "the provider doesn't allow the client to ask in this way",
    "unsupported_grant_type": "the provider doesn't know this grant",
    "invalid_scope": "the provider doesn't know one of the scopes, or doesn't allow it",
    "access_denied": "the provider denied access",
    "invalid_request": "the provider finds the request incomplete",
    "invalid_target": "the provider doesn't know the resource that was asked for",
}


@dataclass(frozen=True, slots=True)
class Granted:
    """`expires_in` seconds; None where the provider doesn't say."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: float | None


class Refused(Exception):
    """`reason` is for people. `gone`: the refresh token or code is worth nothing; else the client itself was refused."""

    def __init__(self, reason: str, *, gone: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.gone = gone


class Unreached(Exception):
    """`reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def ask_tokens(http: Http, client: Client, grant: Mapping[str, str]) -> Granted:
    """`grant` are the parameters of one grant, `grant_type` among them. Raises `Refused`, `Unreached`."""
    response = await _post(http, client, client.token_url, {**client.token_parameters, **grant})
    body = _object(response.body)
    error = body.get("error")
    if isinstance(error, str) or response.status in (400, 401, 403):
        code = error if isinstance(error, str) else "invalid_client" if response.status == 401 else "invalid_request"
        if code in ("temporarily_unavailable", "server_error", "slow_down"):
            raise Unreached("the provider says that it can't answer now")
        raise Refused(_SAID.get(code, "the provider refused"), gone=code == "invalid_grant")
    if response.status != 200:
        raise Unreached(f"the provider answered {response.status}")
    return _granted(body)


async def give_back(http: Http, client: Client, token: str) -> bool:
    """Revoke a token (RFC 7009); whether the provider took it. False without an endpoint."""
    if client.revocation_url is None:
        return False
    try:
        response = await _post(http, client, client.revocation_url, {"token": token})
    except Unreached:
        return False
    return response.status == 200


async def _post(http: Http, client: Client, url: str, parameters: Mapping[str, str]) -> HttpResponse:
    headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
    form = dict(parameters)
    if client.client_auth == "basic":
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret or '')}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form["client_id"] = client.client_id
        if client.client_auth == "post":
            form["client_secret"] = client.client_secret or ""
    try:
        return await http.request(
            "POST",
            url,
            headers=headers,
            content=urlencode(form).encode(),
            timeout=TIMEOUT_S,
            follow_redirects=False,
            limit=_LARGEST,
        )
    except ModuleError as error:
        raise Unreached(f"the provider can't be asked: {error.message}") from None


def _granted(body: JsonObject) -> Granted:
    access, refresh, kind = body.get("access_token"), body.get("refresh_token"), body.get("token_type")
    if not isinstance(access, str) or not 0 < len(access) <= _LONGEST_TOKEN or not access.isprintable():
        raise Unreached("the provider's answer holds no access token")
    if isinstance(kind, str) and kind.lower() in ("dpop", "mac"):
        raise Refused(f"the provider gives tokens of the type {kind.lower()!r}, which can't be used here", gone=False)
    known = refresh if isinstance(refresh, str) and 0 < len(refresh) <= _LONGEST_TOKEN else None
    return Granted(access, known, _seconds(body.get("expires_in")))


def _seconds(value: Json) -> float | None:
    """Also where a provider sends a text. What is no time at all is as if it weren't there."""
    try:
        seconds = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except ValueError:
        return None
    return min(seconds, _DAYS_100) if seconds > 0 else None


def _object(body: bytes) -> JsonObject:
    try:
        value = parse_json(body)
    except ParseError:
        return {}
    return value if isinstance(value, dict) else {}
