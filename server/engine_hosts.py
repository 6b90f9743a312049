"""The installation's own servers, which no workflow reaches, whatever addresses are admitted."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit

from server.settings import Settings
from workspace.egress.policy import Endpoint

_POSTGRES = 5432


def engine_hosts(settings: Settings) -> tuple[Endpoint, ...]:
    """PostgreSQL (each host of a list) and Temporal. A socket in the file system isn't among them: nothing leads to it."""
    return (*_databases(settings.database_url or ""), *_temporal(settings.temporal_address or ""))


def _databases(url: str) -> Iterator[Endpoint]:
    parts = urlsplit(url)
    given = parse_qs(parts.query)
    hosts = ",".join(given.get("host", [parts.netloc.rpartition("@")[2]])).split(",")
    ports = ",".join(given.get("port", [])).split(",")
    for place, text in enumerate(hosts):
        host, port = _split(unquote(text))
        if host and not host.startswith("/"):
            named = port or ports[min(place, len(ports) - 1)]
            yield Endpoint(host, int(named) if named.isdecimal() else _POSTGRES)


def _temporal(address: str) -> Iterator[Endpoint]:
    host, port = _split(address)
    if host and port.isdecimal():
        yield Endpoint(host, int(port))


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
    return host.lower(), port
