"""Steps that no run can reach, and answers that nobody hears."""

from __future__ import annotations

from collections.abc import Iterator

from engine.spec.finding import Code, Finding
from engine.spec.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    yield from _never(subject)
    yield from _unheard(subject)


def _never(subject: Subject) -> Iterator[Finding]:
    """A run begins with the targets of its trigger or, where that has no edge, with the root steps without an incoming edge.

    So where every trigger has edges, what none of them leads to never runs.
    """
    outline = subject.outline
    if not outline.triggers:
        return
    starts = [target for id_ in outline.triggers for target in subject.targets.get(id_, ()) if target in outline.steps]
    if not starts or any(not subject.targets.get(id_) for id_ in outline.triggers):
        return
    reached: set[str] = set()
    waiting = list(starts)
    while waiting:
        id_ = waiting.pop()
        if id_ not in reached:
            reached.add(id_)
            waiting.extend(target for target in subject.targets.get(id_, ()) if target in outline.steps)
    for node in outline.steps.values():
        if node.parent is None and node.id not in reached:
            message = f"{node.id!r} never runs: no edge leads to it from a trigger"
            hint = "add an edge from a trigger or from a step that runs"
            yield Finding(Code.STEP_NEVER_RUNS, node.path, message, hint, "warning")


def _unheard(subject: Subject) -> Iterator[Finding]:
    triggers = subject.outline.triggers.values()
    hooks = [node for node in triggers if node.name == "webhook.trigger"]
    if any(node.inputs.get("mode") == "sync" for node in hooks):
        return
    for node in subject.outline.steps.values():
        if node.name == "core.respond" and hooks:
            message = f"nobody hears the answer of {node.id!r}: no webhook of this workflow has `mode: sync`"
            yield Finding(Code.RESPOND_UNHEARD, node.path, message, "set `mode: sync` on the webhook", "info")
