"""A poll asks one thing, and not without a pause."""

from __future__ import annotations

from collections.abc import Iterator

from engine.expressions.durations import parse_duration
from engine.expressions.values import Json
from engine.spec.finding import Code, Finding
from engine.spec.subject import Subject

MODULE = "poll.trigger"
_SHORTEST_S = 1.0


def check(subject: Subject) -> Iterator[Finding]:
    for node in subject.outline.triggers.values():
        if node.name != MODULE:
            continue
        base = f"{node.path}/inputs"
        asked = [field for field in ("request", "query") if field in node.inputs]
        if len(asked) != 1:
            message = f"{node.id!r} must have either a `request` or a `query`"
            yield Finding(
                Code.POLL_INVALID,
                base,
                message,
                "`request` has the inputs of `http.request`, `query` those of `postgres.query`",
            )
        elif asked == ["query"] and node.text("connection") is None:
            message = f"{node.id!r} asks a database, and names no connection to one"
            yield Finding(Code.POLL_INVALID, node.path, message, "add `connection: <name>`")
        if (every := _seconds(node.inputs.get("every"))) is not None and every < _SHORTEST_S:
            yield Finding(Code.POLL_INVALID, f"{base}/every", "a poll asks once a second at most", "give a longer time")


def _seconds(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return parse_duration(value)
    except ValueError:
        return None  # said by the schema
