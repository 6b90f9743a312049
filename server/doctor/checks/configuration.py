"""Settings that can be read as they stand: default secrets, talkative logs, doors that are open to all."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from server.doctor.check import Check
from server.settings import Settings

_KNOWN = frozenset(
    ("", "admin", "changeme", "change-me", "default", "example", "millstream", "password", "postgres", "secret", "test")
)
"""Passwords that stand in examples everywhere."""


def check(settings: Settings) -> Sequence[Check]:
    return [*_database_password(settings), _logs(settings), _cross_origin(), _egress(settings), _address(settings)]


def _database_password(settings: Settings) -> Sequence[Check]:
    if settings.database_url is None:
        return []
    place = urlsplit(settings.database_url)
    password = unquote(place.password or "")
    if password.lower() in _KNOWN or password == unquote(place.username or ""):
        found = "the database's password is one that anybody would try first"
        return [
            Check(
                "secrets", "unsafe", found, "give the login another password, and put it into MILLSTREAM_DATABASE_URL"
            )
        ]
    return [Check("secrets", "ok", "the database's password is none of those that stand in examples")]


def _logs(settings: Settings) -> Check:
    if settings.log_level == "debug":
        found = "processes log at level debug, which tells more of what they handle than operators should keep"
        return Check("logs", "unsafe", found, "set MILLSTREAM_LOG_LEVEL to info, or leave it out")
    return Check("logs", "ok", f"processes log at level {settings.log_level}")


def _cross_origin() -> Check:
    return Check("cross origin", "ok", "no page of another origin may read answers: the API sends no CORS headers")


def _egress(settings: Settings) -> Check:
    nets = [ipaddress.ip_network(entry) for entry in settings.egress_allow if "/" in entry]
    wide = [str(net) for net in nets if net.prefixlen == 0]
    if wide:
        found = (
            f"MILLSTREAM_EGRESS_ALLOW admits {', '.join(wide)}: workflows reach every address of the private network"
        )
        return Check("egress", "unsafe", found, "name the hosts and networks that workflows are to reach")
    many = len(settings.egress_allow)
    return Check(
        "egress", "ok", f"private addresses are refused, but for {many}" if many else "private addresses are refused"
    )


def _address(settings: Settings) -> Check:
    place = urlsplit(settings.url)
    if place.scheme == "http" and not _loopback(place.hostname or ""):
        found = f"people and programs reach the API at {settings.url}: their keys travel in clear"
        return Check(
            "address",
            "note",
            found,
            "put a proxy with TLS before it, and set MILLSTREAM_PUBLIC_URL to its https address",
        )
    return Check("address", "ok", f"the API is reached at {settings.url}")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
