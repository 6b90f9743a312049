"""When the schedules of a document are due must be known before they are live."""

from __future__ import annotations

from collections.abc import Iterator

from engine.spec.finding import Code, Finding
from engine.spec.subject import Subject
from engine.spec.timing import BadTiming, timing_of

MODULE = "schedule.trigger"


def check(subject: Subject) -> Iterator[Finding]:
    for node in subject.outline.triggers.values():
        if node.name != MODULE:
            continue
        try:
            timing_of(node.inputs)
        except BadTiming as error:
            at = f"{node.path}/inputs" if error.field is None else f"{node.path}/inputs/{error.field}"
            yield Finding(Code.SCHEDULE_INVALID, at, str(error), error.hint)
