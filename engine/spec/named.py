"""The connections that a document names, read from the document as it stands and not from its outline.

What a fault elsewhere hides from the other rules is found here, and so is what is disabled. No expression computes a connection's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.expressions.values import Json
from engine.spec.document import JsonObject
from engine.spec.pointer import child


@dataclass(frozen=True, slots=True)
class Named:
    """`path` is a JSON Pointer."""

    name: str
    path: str


def connections_of(document: Json) -> tuple[Named, ...]:
    """Each once for every place: triggers, steps, `requires.connections`."""
    return tuple(_connections(document)) if isinstance(document, dict) else ()


def _connections(document: JsonObject) -> Iterator[Named]:
    for section in ("triggers", "steps"):
        for id_, node in _object(document.get(section)).items():
            name = _object(node).get("connection")
            if isinstance(name, str):
                yield Named(name, f"{child(f'/{section}', id_)}/connection")
    for name in _object(_object(document.get("requires")).get("connections")):
        yield Named(name, child("/requires/connections", name))


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
