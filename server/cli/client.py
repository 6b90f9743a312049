"""The commands' way to the API: the running stack of this home, with the API key that its first start left there.

A client on the standard library: importing a larger one costs more time than the request. Answers that aren't 2xx become
a CliError with the problem's own words; so does a stack that isn't there.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias, cast
from urllib.parse import SplitResult, urlencode, urlsplit

from engine.expressions.values import Json
from server.cli.output import CliError
from server.settings import Settings, load_settings

_TIMEOUT_S = 330.0  # a run may be waited for 300 s
_CHUNK = 2**20
JsonObject: TypeAlias = "dict[str, Json]"


class Refused(CliError):
    """The API answered with a problem. ``status`` is HTTP's, ``code`` the problem's."""

    def __init__(self, message: str, hint: str | None, status: int, code: str) -> None:
        super().__init__(message, hint)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    id: str | None
    event: str
    data: Json


def connect(settings: Settings | None = None) -> Api:
    """The API of the stack that runs in this home, else the one at MILLSTREAM_PUBLIC_URL. Raises CliError if there is none."""
    from server.embedded.state import read_state
    from server.version import product_version

    settings = load_settings() if settings is None else settings
    state = read_state(settings.home, product_version())
    base = settings.public_url or state.url
    if base is None:
        raise CliError(f"no stack is running under {str(settings.home)!r}", "start it with: ./dev up")
    try:
        key = settings.api_key_path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise CliError(
            f"the API key {str(settings.api_key_path)!r} can't be read ({error.strerror})",
            "it is written at the first start of a stack in this home",
        ) from error
    return Api(base, key)


class Api:
    """Requests under ``/api/v1``. One connection a request; not for use by several threads."""

    def __init__(self, base: str, key: str) -> None:
        self._base: SplitResult = urlsplit(base.rstrip("/"))
        self._key = key

    def get(self, path: str, query: Mapping[str, object] | None = None) -> JsonObject:
        return self.request("GET", path, query=query)

    def post(self, path: str, body: Json = None, query: Mapping[str, object] | None = None) -> JsonObject:
        return self.request("POST", path, body=body, query=query)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Json | bytes | Iterator[bytes] = None,
        media: str = "application/json",
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> JsonObject:
        """The answer's object; ``{}`` for an empty one. Bytes are sent as they are, under ``media``; an iterator's as they come.

        None in ``query`` leaves the parameter out.
        """
        with self._answer(method, path, body, media, query, headers) as answer:
            content = answer.read()
        if not content:
            return {}
        found = _parsed(content)
        return found if isinstance(found, dict) else {"value": found}

    def items(self, path: str, query: Mapping[str, object] | None = None, *, most: int = 50) -> list[JsonObject]:
        """Up to ``most`` items of a list, over as many pages as that takes."""
        found: list[JsonObject] = []
        cursor: Json = None
        while len(found) < most:
            page = self.get(path, {**(query or {}), "limit": min(most - len(found), 500), "cursor": cursor})
            found += cast("list[JsonObject]", page["items"])
            cursor = page.get("next_cursor")
            if cursor is None:
                break
        return found

    def download(self, path: str) -> Generator[bytes]:
        """The bytes of ``path``, piece by piece. Raises CliError when they end too early."""
        with self._answer("GET", path, None, "", None, {"Accept": "*/*"}) as answer:
            left = int(answer.headers.get("content-length", "0"))
            while left and (chunk := answer.read(min(left, _CHUNK))):
                left -= len(chunk)
                yield chunk
            if left:
                raise CliError("the connection ended before the file did", "try again")

    def events(self, path: str, last_event_id: str | None = None) -> Generator[Event]:
        """The server-sent events of ``path`` until the server closes the stream."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_event_id} if last_event_id else {})
        with self._answer("GET", path, None, "", None, headers) as answer:
            fields: dict[str, list[str]] = {}
            while line := answer.readline():
                name, _, text = line.decode("utf-8").rstrip("\r\n").partition(":")
                if name:
                    fields.setdefault(name, []).append(text.removeprefix(" "))
                elif fields.get("data"):
                    data = _parsed("\n".join(fields["data"]).encode())
                    yield Event(fields.get("id", [None])[-1], fields.get("event", ["message"])[-1], data)
                if not line.strip():
                    fields = {}

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        body: Json | bytes | Iterator[bytes],
        media: str,
        query: Mapping[str, object] | None,
        headers: Mapping[str, str] | None,
    ) -> Generator[http.client.HTTPResponse]:
        from server.version import product_version

        sent = body if body is None or isinstance(body, bytes | Iterator) else json.dumps(body).encode()
        together = {
            "Authorization": f"Bearer {self._key}",
            "Accept": "application/json",
            "User-Agent": f"millstream/{product_version()}",
            **(headers or {}),
        }
        if sent is not None:
            together["Content-Type"] = media
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{self._base.path}/api/v1{path}" + (f"?{urlencode(given, doseq=True)}" if given else "")
        connection = self._connection()
        try:
            try:
                connection.request(method, target, sent, together)
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                reason = str(error) or type(error).__name__
                raise CliError(f"no answer from {self._base.geturl()} ({reason})", "see: ./dev status") from error
            if answer.status >= 400:
                raise _refusal(answer.status, answer.read())
            yield answer
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._base.hostname or "", self._base.port
        if self._base.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)


def _parsed(content: bytes) -> Json:
    try:
        return cast("Json", json.loads(content))
    except ValueError as error:
        raise CliError("the answer is not JSON: is this Millstream's address?") from error


def _refusal(status: int, content: bytes) -> Refused:
    """The problem's own words; findings below them, one a line."""
    try:
        found: Json = cast("Json", json.loads(content))
    except ValueError:
        found = None
    problem = found if isinstance(found, dict) else {}
    said = problem.get("detail") or problem.get("title") or f"the API answered {status}"
    code = problem.get("code")
    findings = problem.get("findings")
    lines = (
        [_finding(finding) for finding in findings if isinstance(finding, dict)] if isinstance(findings, list) else []
    )
    message = f"{said} ({code})" if code else str(said)
    return Refused(message, "\n  ".join(lines) or None, status, str(code or ""))


def _finding(finding: JsonObject) -> str:
    hint = finding.get("hint")
    return f"{finding.get('path') or '(document)'}: {finding.get('message')}" + (f" ({hint})" if hint else "")
