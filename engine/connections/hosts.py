"""To which hosts a credential may go: `[scheme://]host[:port]`, as the client reads them at each request."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from engine.expressions.values import Json
from engine.mistakes import Mistakes
from modules.sdk.verdicts import Rejected
from workspace.egress.target import host_and_port, parse_target

_MOST = 50


def default_hosts(config: dict[str, Json]) -> tuple[str, ...]:
    """The origin of `base_url`; none without one."""
    base = config.get("base_url")
    if not isinstance(base, str):
        return ()
    try:
        target = parse_target(base)
    except Rejected:
        return ()
    return (f"{target.scheme}://{target.authority}",)


def read_hosts(given: Json, config: dict[str, Json], mistakes: Mistakes) -> tuple[str, ...]:
    """What is given, or the default."""
    base = config.get("base_url")
    if isinstance(base, str):
        try:
            parse_target(base)
        except Rejected as error:
            mistakes.add("/config/base_url", error.message)
            return ()
    if given is None:
        hosts = default_hosts(config)
        if not hosts:
            mistakes.add(
                "/allowed_hosts", "say where the credential may go", "give `base_url` in the config, or `allowed_hosts`"
            )
        return hosts
    if not isinstance(given, list) or not 0 < len(given) <= _MOST:
        mistakes.add("/allowed_hosts", f"a list of 1 to {_MOST} hosts is needed")
        return ()
    hosts = tuple(_entry(entry, index, mistakes) for index, entry in enumerate(given))
    if isinstance(base, str) and all(hosts) and not within(default_hosts(config), hosts):
        mistakes.add("/allowed_hosts", "the host of `base_url` is not among them", "add it")
    return hosts


def within(hosts: Sequence[str], others: Sequence[str]) -> bool:
    """Whether every host that `hosts` admit is one that `others` admit."""
    return all(any(_covers(other, host) for other in others) for host in hosts)


def _covers(wide: str, narrow: str) -> bool:
    if wide == narrow:
        return True
    (scheme, host, port), (scheme_, host_, port_) = _parts(wide), _parts(narrow)
    if (scheme and scheme != scheme_) or (port is not None and port != _port(scheme_, port_)):
        return False
    return host == host_ or (host.startswith("*.") and host_.removeprefix("*.").endswith(host[1:]))


def _parts(entry: str) -> tuple[str, str, int | None]:
    scheme, _, rest = entry.rpartition("://")
    below = rest.startswith("*.")
    host, port = host_and_port(rest[2:] if below else rest)
    return scheme, f"*.{host}" if below else host, port


def _port(scheme: str, port: int | None) -> int | None:
    return port if port is not None else {"http": 80, "https": 443}.get(scheme)


def _entry(entry: Json, index: int, mistakes: Mistakes) -> str:
    at = f"/allowed_hosts/{index}"
    if not isinstance(entry, str) or len(entry) > 300:
        mistakes.add(at, "a host is a text, as `api.example.com`, `*.example.com` or `https://10.1.2.3:8443`")
        return ""
    scheme, found, rest = entry.strip().lower().rpartition("://")
    below = rest.startswith("*.")
    try:
        if found and scheme not in ("http", "https"):
            raise Rejected("input.invalid", f"{scheme!r} is neither http nor https")
        if urlsplit(f"//{rest}").path or "@" in rest:
            raise Rejected("input.invalid", "a host has no path and no user")
        host, _ = host_and_port(rest[2:] if below else rest)
    except (Rejected, ValueError) as error:
        mistakes.add(at, error.message if isinstance(error, Rejected) else "this is no host")
        return ""
    if below and "." not in host:
        mistakes.add(at, f"'*.{host}' would be everybody's", "name a domain of your own, as `*.example.com`")
    return f"{scheme}{found}{rest}"
