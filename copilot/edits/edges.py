"""Edges: connect and disconnect, and what the other operations do with them."""

from __future__ import annotations

from collections.abc import Callable

from copilot.edits.operation import Arguments, Draft, JsonObject, Operation, Refused, maybe_text, text
from engine.expressions.values import Json

Ends = tuple[str, str, str]
"""Source, handle, target."""


def ends_of(row: Json) -> Ends | None:
    """None where it isn't a well-formed edge."""
    if not isinstance(row, dict):
        return None
    source, handle, target = row.get("from"), row.get("handle", "out"), row.get("to")
    if isinstance(source, str) and isinstance(handle, str) and isinstance(target, str):
        return source, handle, target
    return None


def edges(draft: Draft) -> list[Ends]:
    """The well-formed ones, in order."""
    return [ends for row in draft.rows("edges") if (ends := ends_of(row)) is not None]


def add_edge(draft: Draft, source: str, handle: str, target: str) -> bool:
    """At the end of the list. False: there is one like it."""
    if (source, handle, target) in edges(draft):
        return False
    row: JsonObject = {"from": source}
    if handle != "out":
        row["handle"] = handle
    row["to"] = target
    draft.rows("edges", make=True).append(row)
    return True


def drop_edges(draft: Draft, which: Callable[[Ends], bool]) -> list[Ends]:
    """Takes those away; gives them."""
    rows = draft.rows("edges")
    dropped = [ends for row in rows if (ends := ends_of(row)) is not None and which(ends)]
    rows[:] = [row for row in rows if (ends := ends_of(row)) is None or not which(ends)]
    return dropped


def end_given(given: str) -> tuple[str, str]:
    """Of `id` or `id:handle`."""
    id_, _, handle = given.partition(":")
    return id_, handle or "out"


def _connect(draft: Draft, given: Arguments) -> None:
    source, target = text(given, "from"), text(given, "to")
    handle = maybe_text(given, "handle") or "out"
    draft.node(source)
    draft.step(target)
    if not add_edge(draft, source, handle, target):
        raise Refused(f"There is an edge from {source!r} ({handle}) to {target!r} already.")


def _disconnect(draft: Draft, given: Arguments) -> None:
    source, target, handle = text(given, "from"), text(given, "to"), maybe_text(given, "handle")
    gone = drop_edges(
        draft, lambda ends: ends[0] == source and ends[2] == target and (handle is None or ends[1] == handle)
    )
    if not gone:
        by = f" by the handle {handle!r}" if handle else ""
        raise Refused(f"There is no edge from {source!r} to {target!r}{by}.")


OPERATIONS = (
    Operation("connect", "an edge", _connect, ("from", "to"), ("handle",)),
    Operation(
        "disconnect",
        "takes an edge away (all between the two without `handle`)",
        _disconnect,
        ("from", "to"),
        ("handle",),
    ),
)
