"""Where a step or a trigger reaches, as far as its document says so: hosts, people, connections, code, other workflows, what it deletes.

What only data decide (`{{ … }}` in the place of a host or an address) is kept apart, as it is written: nobody can say before a run where
it leads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.expressions.values import Json
from engine.spec.document import JsonObject
from engine.spec.outline import Node

_ADDRESS: Final = re.compile(r"(?i)\bhttps?://([^/\s\"'<>?#\\]*)")
_WITH_HOST: Final = re.compile(r"(?i)https?://[^/\s\"'<>?#\\]+[/?#]")
_MAILBOX: Final = re.compile(r"[^\s<>,;\"'(){}]+@[^\s<>,;\"'(){}]+")
_DELETES: Final = re.compile(r"(?i)\b(?:delete|drop|truncate|alter)\b")
_INSIDE: Final = frozenset(
    (
        *("core", "data", "text", "code", "files", "kv", "queue", "event"),
        *("human", "email", "llm", "postgres", "schedule", "webhook", "workflow"),
    )
)
"""Apps whose modules call no address that stands in their inputs."""
_PEOPLE: Final = ("to", "cc", "bcc", "reply_to", "from")
_CREDENTIALS: Final = frozenset(("authorization", "proxy-authorization", "x-api-key", "api-key", "cookie"))
_STARTING: Final = (
    ("core.subworkflow", "workflow", "starts the workflow"),
    ("event.emit", "name", "emits the event"),
    ("queue.enqueue", "queue", "puts items into the queue"),
)
_MOST_TEXTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Reach:
    """`decided`: texts by which data decide a host; `people_decided`: an address. `calls` is the address as a whole, as written."""

    hosts: frozenset[str] = frozenset()
    decided: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    people_decided: frozenset[str] = frozenset()
    calls: str | None = None
    connection: str | None = None
    own_credential: bool = False
    source: str | None = None
    starts: str | None = None
    deletes: str | None = None


def reach_of(node: Node) -> Reach:
    """Of any node; what has the wrong form isn't there."""
    name, inputs = node.name or "", node.inputs
    app = name.partition(".")[0]
    hosts, decided = _hosts(name, app, inputs)
    people, people_decided = (
        _people(inputs) if name in ("email.send", "human.approve") else (frozenset[str](), frozenset[str]())
    )
    source, url = inputs.get("source"), inputs.get("url")
    return Reach(
        hosts=hosts,
        decided=decided,
        people=people,
        people_decided=people_decided,
        calls=url if isinstance(url, str) else None,
        connection=node.text("connection"),
        own_credential=app not in _INSIDE and _own_credential(name, inputs),
        source=source if app == "code" and isinstance(source, str) else None,
        starts=_starts(name, inputs),
        deletes=_deletes(name, inputs),
    )


def _hosts(name: str, app: str, inputs: JsonObject) -> tuple[frozenset[str], frozenset[str]]:
    if app in _INSIDE:
        return frozenset(), frozenset()
    values: list[Json] = [inputs]
    address = True
    if name == "http.request":
        pagination = inputs.get("pagination")
        values = [inputs.get("url"), pagination.get("next") if isinstance(pagination, dict) else None]
    elif name == "poll.trigger":
        request = inputs.get("request")
        values = [request.get("url") if isinstance(request, dict) else request]
    else:
        address = False
    hosts: set[str] = set()
    decided: set[str] = set()
    for text in (text for value in values for text in texts_in(value)):
        found = [host.rpartition("@")[2].lower() for host in _ADDRESS.findall(text)]
        hosts.update(host for host in found if host and "{" not in host and "}" not in host)
        if (address and _open(text)) or any("{" in host or "}" in host for host in found):
            decided.add(text)
    return frozenset(hosts), frozenset(decided)


def _open(text: str) -> bool:
    """Whether what stands before the first expression leaves the host open. `/orders/{{ … }}` is below its connection's base."""
    fixed, expression, _ = text.lstrip().partition("{{")
    if "\\" in text:
        return True  # programs differ in where such a host ends
    return bool(expression) and not fixed.startswith("/") and _WITH_HOST.match(fixed) is None


def _people(inputs: JsonObject) -> tuple[frozenset[str], frozenset[str]]:
    people: set[str] = set()
    decided: set[str] = set()
    for field in _PEOPLE:
        for text in texts_in(inputs.get(field)):
            if "{{" in text:
                decided.add(text)
            people.update(found.lower() for found in _MAILBOX.findall(text))
    return frozenset(people), frozenset(decided)


def _own_credential(name: str, inputs: JsonObject) -> bool:
    request = inputs.get("request")
    if name == "poll.trigger" and isinstance(request, dict):
        inputs = request
    headers = inputs.get("headers")
    names = {name.lower() for name in headers} if isinstance(headers, dict) else set[str]()
    return inputs.get("auth") is not None or bool(names & _CREDENTIALS)


def _starts(name: str, inputs: JsonObject) -> str | None:
    """Other workflows that it sets off, in words: by name, by an event, by a queue."""
    for module, field, words in _STARTING:
        named = inputs.get(field)
        if name == module and isinstance(named, str):
            return f"{words} {named[:100]!r}"
    return None


def _deletes(name: str, inputs: JsonObject) -> str | None:
    """What it takes away, in words."""
    method, sql = inputs.get("method"), inputs.get("sql")
    if name in ("files.delete", "kv.delete"):
        return name
    if name == "http.request" and isinstance(method, str) and method.upper() == "DELETE":
        return f"http.request DELETE {inputs.get('url')}"
    if name == "postgres.query" and isinstance(sql, str) and _DELETES.search(sql):
        return f"postgres.query {sql}"
    return None


def texts_in(value: Json) -> Iterator[str]:
    """All texts, names of members left out."""
    waiting: list[Json] = [value]
    count = 0
    while waiting and count < _MOST_TEXTS:
        count += 1
        here = waiting.pop()
        if isinstance(here, str):
            yield here
        elif isinstance(here, list):
            waiting.extend(reversed(here))
        elif isinstance(here, dict):
            waiting.extend(reversed(here.values()))
