"""The bodies of requests about connections and providers: read, and held against what their kind asks for.

Where a credential goes is part of the credential: whoever changes that gives the credential again, so that nobody can send one that they
don't know to a host of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from db.connections import UsableBy
from engine.connections.hosts import default_hosts, read_hosts, within
from engine.expressions.durations import parse_duration
from engine.expressions.values import Json
from engine.input_check import check_now
from engine.mistakes import Mistakes
from engine.problems import Invalid
from workspace.connections.kinds.kind import Kind
from workspace.connections.kinds.registry import KINDS, kind_named

JsonObject = dict[str, Json]

NEW = ("name", "app", "kind", "config", "secret", "allowed_hosts", "rate_limit", "use")
CHANGE = ("config", "secret", "allowed_hosts", "rate_limit", "use")
_FIXED = ("name", "app", "kind")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_APP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST_COUNT = 1_000_000
_LONGEST_PER = 366 * 86_400.0
_TARGETS = ("host", "port", "token_url", "revocation_url")
"""Beside hosts, what says where a credential goes."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a connection is to be. `rate`: starts and seconds."""

    config: JsonObject
    hosts: tuple[str, ...]
    rate: tuple[int, float] | None
    usable_by: UsableBy


@dataclass(frozen=True, slots=True)
class New:
    name: str
    app: str
    kind: Kind
    given: Given
    secret: JsonObject | None


def object_of(body: Json) -> JsonObject:
    """Raises `Invalid` for what is no object."""
    if not isinstance(body, dict):
        raise Invalid("request.invalid", "The body must be an object.")
    return body


def read_new(body: Json) -> New:
    """Raises `Invalid` with a finding for each mistake."""
    given, mistakes = object_of(body), Mistakes()
    mistakes.unknown("", given, NEW)
    name = read_name(given.get("name"), mistakes)
    app = given.get("app")
    if not isinstance(app, str) or _APP.fullmatch(app) is None:
        mistakes.add("/app", "the app is a name as `hubspot`, which documents say under `requires.connections`")
    kind = kind_named(given.get("kind"))
    if kind is None:
        mistakes.add("/kind", f"the kind is one of {', '.join(KINDS)}")
        mistakes.check()
        raise AssertionError("there is a mistake")
    config = _config(kind, given.get("config"), mistakes)
    secret = read_secret(kind.name, kind.secret, given.get("secret"), mistakes)
    hosts = _hosts(kind, config, given.get("allowed_hosts"), mistakes)
    rate = _rate(given.get("rate_limit"), mistakes)
    usable_by = _usable_by(given.get("use", "editor"), mistakes)
    mistakes.check()
    return New(name, str(app), kind, Given(config, hosts, rate, usable_by), secret)


def read_change(body: Json, kind: Kind, present: Given, *, has_secret: bool) -> tuple[Given, JsonObject | None]:
    """`present` with what is given changed, and the new secret. Raises `Invalid`."""
    given, mistakes = object_of(body), Mistakes()
    for name in _FIXED:
        if name in given:
            mistakes.add(
                f"/{name}", f"a connection's {name} doesn't change, because documents rely on it", "make another one"
            )
    mistakes.unknown("", (name for name in given if name not in _FIXED), CHANGE)
    config = _config(kind, given["config"], mistakes) if "config" in given else present.config
    secret = read_secret(kind.name, kind.secret, given["secret"], mistakes) if "secret" in given else None
    wanted: Json = given.get("allowed_hosts")
    if "allowed_hosts" not in given and present.hosts != default_hosts(present.config):
        wanted = [*present.hosts]
    hosts = _hosts(kind, config, wanted, mistakes)
    rate = _rate(given["rate_limit"], mistakes) if "rate_limit" in given else present.rate
    usable_by = _usable_by(given["use"], mistakes) if "use" in given else present.usable_by
    changed = Given(config, hosts, rate, usable_by)
    if has_secret and secret is None and all(hosts) and goes_elsewhere(present, changed):
        mistakes.add("/secret", "where the credential goes changes, so it has to be given again")
    mistakes.check()
    return changed, secret


def goes_elsewhere(before: Given, after: Given) -> bool:
    """Whether the credential could reach something that it couldn't before."""
    if not within(after.hosts, before.hosts):
        return True
    return any(before.config.get(name) != after.config.get(name) for name in _TARGETS)


def read_name(given: Json, mistakes: Mistakes) -> str:
    if not isinstance(given, str) or _NAME.fullmatch(given) is None:
        mistakes.add("/name", "a name has lower-case letters, digits, `-` and `_`, and begins with a letter or digit")
        return ""
    if _ID.fullmatch(given):
        mistakes.add("/name", f"{given!r} reads as an id", "choose a name that doesn't")
    return given


def read_secret(what: str, schema: JsonObject | None, given: Json, mistakes: Mistakes) -> JsonObject | None:
    """None for none. What is wrong is said without what was given."""
    if schema is None:
        if given is not None:
            mistakes.add("/secret", f"{what!r} has no secret")
        return None
    value: Json = {} if given is None else given
    properties = cast("JsonObject", schema["properties"])
    for problem in check_now(schema, value, "/secret"):
        path = str(problem["path"]) if isinstance(problem, dict) else "/secret"
        mistakes.add(
            path, f"the secret of {what!r} is an object of {', '.join(map(repr, properties))}, each as its kind says"
        )
        break
    return value if isinstance(value, dict) and value else None


def check_config(schema: JsonObject, given: Json, mistakes: Mistakes) -> JsonObject:
    """With the defaults of what isn't given."""
    value: Json = {} if given is None else given
    for problem in check_now(schema, value, "/config"):
        if isinstance(problem, dict):
            mistakes.add(str(problem["path"]), str(problem["message"]))
    if not isinstance(value, dict):
        return {}
    properties = cast("dict[str, JsonObject]", schema["properties"])
    defaults = {name: one["default"] for name, one in properties.items() if "default" in one}
    return {**defaults, **value}


def _config(kind: Kind, given: Json, mistakes: Mistakes) -> JsonObject:
    config = check_config(kind.config, given, mistakes)
    if kind.name == "oauth2":
        _agree(config, given, mistakes)
    return config


_OF_PROVIDER = (
    *("authorization_url", "token_url", "revocation_url", "issuer", "client_id", "client_auth"),
    *("authorization_parameters", "token_parameters"),
)


def _agree(config: JsonObject, given: Json, mistakes: Mistakes) -> None:
    """An OAuth client stands in the connection or in a provider, not in both."""
    said: JsonObject = given if isinstance(given, dict) else {}
    if "provider" in config:
        for name in _OF_PROVIDER:
            if name in said:
                mistakes.add(f"/config/{name}", "the provider says this already", "leave it out")
        config.pop("client_auth", None)
        return
    needed = ["token_url", "client_id"]
    if config.get("grant") != "client_credentials":
        needed.append("authorization_url")
    for name in needed:
        if name not in config:
            mistakes.add(f"/config/{name}", f"{name!r} is needed, or the name of a `provider` that has it")


def _hosts(kind: Kind, config: JsonObject, given: Json, mistakes: Mistakes) -> tuple[str, ...]:
    if kind.probe != "http":
        if given:
            mistakes.add("/allowed_hosts", f"{kind.name!r} doesn't go by HTTP: its host stands in the config")
        return ()
    return read_hosts(given, config, mistakes)


def _rate(given: Json, mistakes: Mistakes) -> tuple[int, float] | None:
    if given is None:
        return None
    if not isinstance(given, dict) or set(given) != {"count", "per"}:
        mistakes.add("/rate_limit", "a rate limit is `{count, per}`, as `{count: 100, per: 10s}`")
        return None
    count, per = given["count"], given["per"]
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MOST_COUNT:
        mistakes.add("/rate_limit/count", f"'count' is a whole number from 1 to {_MOST_COUNT:,}")
        return None
    try:
        if isinstance(per, bool) or not isinstance(per, int | float | str):
            raise ValueError("this is not a duration: write it as '10s', '5m', '1h', or as a number of seconds")  # noqa: TRY004
        seconds = parse_duration(per)
    except ValueError as error:
        mistakes.add("/rate_limit/per", str(error))
        return None
    if not 0 < seconds <= _LONGEST_PER:
        mistakes.add("/rate_limit/per", f"'per' is more than 0 and at most {_LONGEST_PER:,.0f} seconds")
        return None
    return count, seconds


def _usable_by(given: Json, mistakes: Mistakes) -> UsableBy:
    if given != "editor" and given != "owner":
        mistakes.add("/use", "'use' says who may use it in documents: 'editor' (and owners) or 'owner'")
    return "owner" if given == "owner" else "editor"
