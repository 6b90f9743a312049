"""`throttle`: what its schema can't say."""

from __future__ import annotations

from collections.abc import Iterator

from engine.expressions.durations import parse_duration
from engine.spec.finding import Code, Finding
from engine.spec.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    for node in subject.outline.steps.values():
        throttle = node.source.get("throttle")
        per = throttle.get("per") if isinstance(throttle, dict) else None
        if isinstance(per, str | int | float) and _is_nothing(per):
            message = "a throttle counts the starts in a span that is longer than 0"
            yield Finding(
                Code.DURATION_INVALID, f"{node.path}/throttle/per", message, "write the span, such as '1s' or '1m'"
            )


def _is_nothing(per: str | int | float) -> bool:
    try:
        return parse_duration(per) == 0
    except ValueError:
        return False
