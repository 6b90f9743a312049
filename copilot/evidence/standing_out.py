"""What of a change a person must not overlook: where the draft reaches further than the live version, or does what can't be undone.

    {"kind", "text", "node", "path"}       node: the id of a step or trigger, else null. path: a JSON Pointer

    kind            stands for
    host            an address outside that the live version doesn't call, or one that data decide
    connection      a connection that this step didn't use, or one whose credential now goes to another address
    credential      a secret that this step didn't read, or credentials in its own inputs
    code            code that was added or changed
    trigger         a trigger that was added, changed or removed, or starts other steps than it did
    recipient       somebody who gets mail, or is asked, and wasn't before
    deletion        a step that is gone or turned off, or one that takes something away in the world
    workflow        another workflow that it sets off: by name, by an event, by a queue
    test            a test that was changed or removed

The texts name things as their authors called them: they are data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from copilot.evidence.changes import changes_of
from copilot.evidence.reach import Reach, reach_of
from engine.expressions.values import Json
from engine.spec.catalog import Catalog
from engine.spec.document import JsonObject
from engine.spec.outline import Node, Outline, outline_of
from engine.spec.pointer import pointer_of
from engine.spec.schema_words import same
from engine.spec.uses import uses_of

Kind: TypeAlias = Literal[
    "host", "connection", "credential", "code", "trigger", "recipient", "deletion", "workflow", "test"
]
_LONGEST: Final = 200
_NOBODY: Final = Reach()


@dataclass(frozen=True, slots=True)
class Outstanding:
    kind: Kind
    text: str
    node: str | None
    path: str

    def to_json(self) -> JsonObject:
        return {"kind": self.kind, "text": self.text, "node": self.node, "path": self.path}


def stands_out(live: Json, draft: Json, catalog: Catalog, secrets: frozenset[str]) -> list[Outstanding]:
    """In the order of the draft. `live` is null where nothing is. `secrets` are the names of the workspace's secret variables."""
    old = live if isinstance(live, dict) else {}
    new = draft if isinstance(draft, dict) else {}
    return list(dict.fromkeys(_Comparison(old, new, catalog, secrets).found()))


class _Comparison:
    def __init__(self, live: JsonObject, draft: JsonObject, catalog: Catalog, secrets: frozenset[str]) -> None:
        self._live, self._draft = live, draft
        self._old, self._new = outline_of(live, catalog), outline_of(draft, catalog)
        self._before = {key: reach_of(node) for key, node in _all(self._old).items()}
        self._read_before = _secrets(live, self._old, secrets)
        self._read_now = _secrets(draft, self._new, secrets)

    def found(self) -> Iterator[Outstanding]:
        hosts = frozenset(host for reach in self._before.values() for host in reach.hosts)
        people = frozenset(person for reach in self._before.values() for person in reach.people)
        for key, node in _all(self._new).items():
            before = self._before.get(key)
            now = reach_of(node)
            yield from self._outside(node, before or _NOBODY, now, hosts)
            yield from self._credentials(key, node, before or _NOBODY, now)
            yield from self._people(node, before or _NOBODY, now, people)
            yield from self._deeds(key, node, before or _NOBODY, now)
        yield from self._triggers()
        yield from self._gone()
        yield from self._tests()

    def _outside(self, node: Node, before: Reach, now: Reach, known: frozenset[str]) -> Iterator[Outstanding]:
        for host in sorted(now.hosts - known):
            yield _of(node, "host", f"{_who(node)} calls {_cut(host)}, which the live version doesn't")
        for text in sorted(now.decided - before.decided):
            yield _of(node, "host", f"which host {_who(node)} calls is decided by data: {_cut(text)}")
        if now.starts is not None and now.starts != before.starts:
            yield _of(node, "workflow", f"{_who(node)} {now.starts}")

    def _credentials(self, key: tuple[str, str], node: Node, before: Reach, now: Reach) -> Iterator[Outstanding]:
        for name in sorted(self._read_now.get(key, set()) - self._read_before.get(key, set())):
            yield _of(node, "credential", f"{_who(node)} reads the secret {_cut(name)!r}")
        if now.own_credential and not before.own_credential:
            yield _of(node, "credential", f"{_who(node)} sends credentials that stand in its own inputs")
        moved = before is not _NOBODY and now.calls != before.calls
        if now.own_credential and before.own_credential and moved:
            yield _of(
                node, "credential", f"{_who(node)} sends its credentials to another address: {_cut(str(now.calls))}"
            )
        if now.connection is None:
            return
        if now.connection != before.connection:
            yield _of(node, "connection", f"{_who(node)} uses the connection {_cut(now.connection)!r}")
        elif moved:
            text = f"{_who(node)} sends what the connection {_cut(now.connection)!r} holds to another address: {_cut(str(now.calls))}"
            yield _of(node, "connection", text)

    def _people(self, node: Node, before: Reach, now: Reach, known: frozenset[str]) -> Iterator[Outstanding]:
        for person in sorted(now.people - (known if before is _NOBODY else before.people)):
            yield _of(node, "recipient", f"{_who(node)} writes to {_cut(person)}")
        for text in sorted(now.people_decided - before.people_decided):
            yield _of(node, "recipient", f"to whom {_who(node)} writes is decided by data: {_cut(text)}")

    def _deeds(self, key: tuple[str, str], node: Node, before: Reach, now: Reach) -> Iterator[Outstanding]:
        if now.source is not None and now.source != before.source:
            yield _of(node, "code", f"{_who(node)} runs {'new' if before.source is None else 'changed'} code")
        if now.deletes is not None and now.deletes != before.deletes:
            yield _of(node, "deletion", f"{_who(node)} takes away: {_cut(now.deletes)}")
        old = _all(self._old).get(key)
        if old is not None and node.source.get("disabled") is True and old.source.get("disabled") is not True:
            yield _of(node, "deletion", f"{_who(node)} is turned off")

    def _triggers(self) -> Iterator[Outstanding]:
        for id_, node in self._new.triggers.items():
            old = self._old.triggers.get(id_)
            if old is None:
                open_ = node.name == "webhook.trigger" and node.inputs.get("auth", "none") == "none"
                more = "; whoever knows its address may start it" if open_ else ""
                yield _of(node, "trigger", f"{_who(node)} is new{more}")
            elif not same(old.source, node.source):
                yield _of(node, "trigger", f"{_who(node)} is changed")
            elif _led(self._old, id_) != _led(self._new, id_):
                yield _of(node, "trigger", f"{_who(node)} starts other steps than it did")
        for id_, node in self._old.triggers.items():
            if id_ not in self._new.triggers:
                yield _of(node, "trigger", f"{_who(node)} is removed")

    def _gone(self) -> Iterator[Outstanding]:
        for id_, node in self._old.steps.items():
            if id_ not in self._new.steps:
                yield _of(node, "deletion", f"{_who(node)} is removed")

    def _tests(self) -> Iterator[Outstanding]:
        before = _names(self._live)
        for change in changes_of(self._live, self._draft):
            if change == ("field", "tests") and self._live.get("tests"):
                yield Outstanding("test", "the tests are changed", None, "/tests")
            elif change[0] == "test" and change[1] in before:
                word = "changed" if change[1] in _names(self._draft) else "removed"
                yield Outstanding("test", f"the test {_cut(change[1])!r} is {word}", None, "/tests")


def _all(outline: Outline) -> dict[tuple[str, str], Node]:
    """Steps and triggers apart, though their ids differ in a document that is right."""
    return {
        **{("trigger", id_): node for id_, node in outline.triggers.items()},
        **{("step", id_): node for id_, node in outline.steps.items()},
    }


def _secrets(document: JsonObject, outline: Outline, secrets: frozenset[str]) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for use in uses_of(document, outline).uses:
        node, path = use.place.node, use.reference.path
        if node is None or path[0] != "vars":
            continue
        # With a computed name it may be any of them.
        names = secrets & {path[1]} if len(path) > 1 else secrets
        if names:
            found.setdefault(("trigger" if node.is_trigger else "step", node.id), set()).update(names)
    return found


def _led(outline: Outline, id_: str) -> set[tuple[str, str]]:
    return {(link.handle, link.target) for link in outline.links if link.source == id_}


def _names(document: JsonObject) -> set[str]:
    tests = document.get("tests")
    rows: Iterable[Json] = tests if isinstance(tests, list) else []
    return {str(row.get("name")) for row in rows if isinstance(row, dict)}


def _of(node: Node, kind: Kind, text: str) -> Outstanding:
    return Outstanding(kind, text, node.id, pointer_of("triggers" if node.is_trigger else "steps", node.id))


def _who(node: Node) -> str:
    kind = "the trigger" if node.is_trigger else "the step"
    return f"{kind} {_cut(node.id)!r} ({_cut(node.name or '?')})"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
