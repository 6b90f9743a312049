"""Queues that a document names exist, and each that it takes items from has it as its only consumer.

Steps may choose a queue by an expression, which is known at run time only; a trigger may not. What is disabled names nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.spec.catalog import KnownQueue
from engine.spec.document import JsonObject
from engine.spec.finding import Code, Finding, Severity
from engine.spec.outline import Node
from engine.spec.subject import Subject
from engine.spec.xeval import LITERAL

_CONSUMER = "queue.consumer"
_PRODUCER = "queue.enqueue"


def check(subject: Subject) -> Iterator[Finding]:
    known = _known(subject)
    taken: dict[str, str] = {}
    for node in subject.outline.triggers.values():
        name = node.inputs.get("queue")
        if node.name != _CONSUMER or node.source.get("disabled") is True or not isinstance(name, str) or not name:
            continue
        at = f"{node.path}/inputs/queue"
        if "{{" in name:
            message = "which queue a trigger takes items from must be written out"
            yield Finding(Code.INPUT_CONSTANT, at, message, "write the queue's name")
            continue
        queue = known.get(name) if known is not None else None
        identity = queue.queue_id if queue is not None else name
        if identity in taken:
            message = f"the trigger {taken[identity]!r} takes the items of the queue {name!r} already"
            yield Finding(Code.QUEUE_TWICE, at, message, "remove one, or give it another queue")
            continue
        taken[identity] = node.id
        if known is not None and queue is None:
            yield _unknown(subject, name, at)
        elif queue is not None and queue.consumer not in (None, subject.document.get("name")):
            message = f"the workflow {queue.consumer!r} takes the items of the queue {name!r}"
            hint = "a queue has one consumer: use another queue, or let that workflow go of this one"
            yield Finding(Code.QUEUE_TAKEN, at, message, hint, _severity(subject))
    if known is not None:
        for node in subject.outline.steps.values():
            if node.name == _PRODUCER and node.source.get("disabled") is not True:
                name = _constant(node)
                if name is not None and name not in known:
                    yield _unknown(subject, name, f"{node.path}/inputs/queue")


def consumed(document: JsonObject) -> dict[str, str]:
    """The queues, by name or id, that a document without errors takes items from, and by which trigger."""
    triggers = document.get("triggers")
    found: dict[str, str] = {}
    for id_, trigger in triggers.items() if isinstance(triggers, dict) else ():
        if isinstance(trigger, dict) and trigger.get("module") == _CONSUMER and trigger.get("disabled") is not True:
            inputs = trigger.get("inputs")
            name = inputs.get("queue") if isinstance(inputs, dict) else None
            if isinstance(name, str):
                found[name] = id_
    return found


def _known(subject: Subject) -> dict[str, KnownQueue] | None:
    """By name and by id; None where nothing is known of the workspace."""
    if subject.workspace is None:
        return None
    by_id = {queue.queue_id: queue for queue in subject.workspace.queues}
    return by_id | {queue.name: queue for queue in subject.workspace.queues}


def _unknown(subject: Subject, name: str, at: str) -> Finding:
    names = [queue.name for queue in subject.workspace.queues] if subject.workspace is not None else []
    near = subject.suggest(name, names)
    hint = f"make it: `millstream queue create {name}`" + (f" ({near})" if near else "")
    return Finding(Code.QUEUE_UNKNOWN, at, f"the workspace has no queue {name!r}", hint, _severity(subject))


def _constant(node: Node) -> str | None:
    """The queue of a step where no expression says it."""
    given = node.inputs.get("queue")
    if isinstance(given, dict) and len(given) == 1:
        given = given.get(LITERAL)
        return given if isinstance(given, str) and given else None
    return given if isinstance(given, str) and given and "{{" not in given else None


def _severity(subject: Subject) -> Severity:
    return "error" if subject.purpose == "deploy" else "warning"
