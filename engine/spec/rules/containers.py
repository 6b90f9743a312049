"""Steps inside steps: parents exist and have that slot, and what only means something inside a loop stands in one."""

from __future__ import annotations

from collections.abc import Iterator

from engine.spec.document import NEVER_YIELD
from engine.spec.finding import Code, Finding
from engine.spec.outline import Node
from engine.spec.subject import Subject
from engine.spec.uses import LOOPS


def check(subject: Subject) -> Iterator[Finding]:
    steps = subject.outline.steps
    for node in steps.values():
        if node.parent is not None:
            yield from _parent(subject, node)
        elif "slot" in node.source and node.text("slot") is not None:
            message = f"{node.id!r} has a slot but no parent"
            yield Finding(Code.SLOT_UNKNOWN, f"{node.path}/slot", message, "add `parent`, or remove `slot`")
        yield from _loop_control(subject, node)
        yield from _content(subject, node)
    yield from _cycles(subject)


def _parent(subject: Subject, node: Node) -> Iterator[Finding]:
    steps = subject.outline.steps
    assert node.parent is not None
    parent = steps.get(node.parent)
    if parent is None:
        if node.parent in subject.outline.triggers:
            message = f"{node.parent!r} is a trigger and contains no steps"
            yield Finding(Code.PARENT_CONTAINER, f"{node.path}/parent", message, "use an edge from the trigger")
            return
        containers = [id_ for id_, other in steps.items() if other.slots]
        message = f"there is no step {node.parent!r}"
        hint = subject.suggest(node.parent, containers)
        yield Finding(Code.PARENT_UNKNOWN, f"{node.path}/parent", message, hint)
    elif parent.module is not None and not parent.slots:
        message = f"{parent.id!r} ({parent.name}) contains no steps"
        yield Finding(Code.PARENT_CONTAINER, f"{node.path}/parent", message, "use an edge to follow it")
    elif parent.module is not None and node.slot not in parent.slots:
        message = f"{parent.id!r} ({parent.name}) has no slot {node.slot!r}"
        hint = subject.suggest(node.slot, parent.slots) or f"its slots: {', '.join(parent.slots)}"
        at = f"{node.path}/slot" if "slot" in node.source else f"{node.path}/parent"
        yield Finding(Code.SLOT_UNKNOWN, at, message, hint)


def _loop_control(subject: Subject, node: Node) -> Iterator[Finding]:
    if node.name in ("core.break", "core.continue", "core.set_state"):
        around = [subject.outline.steps[id_].name or "" for id_, _ in subject.outline.ancestors(node.id)]
        if node.name == "core.set_state":
            if "core.while" not in around:
                message = f"{node.id!r} sets the state of a `core.while`, and stands in none"
                yield Finding(Code.STATE_OUTSIDE_WHILE, node.path, message, "move it into the loop")
        elif not any(name in LOOPS for name in around):
            message = f"{node.id!r} ({node.name}) stands outside any loop"
            hint = "move it into a `core.for_each` or `core.while`; `core.stop` ends the run"
            yield Finding(Code.BREAK_OUTSIDE_LOOP, node.path, message, hint)


def _content(subject: Subject, node: Node) -> Iterator[Finding]:
    if "body" not in node.slots:
        return
    if not subject.outline.children.get((node.id, "body")):
        message = f"{node.id!r} ({node.name}) contains no steps"
        hint = f"give the steps that belong into it `parent: {node.id}`"
        yield Finding(Code.SLOT_EMPTY, node.path, message, hint, "warning")
    if node.name == "core.for_each" and "collect" not in node.inputs:
        sinks = _sinks(subject, node.id, "body")
        if len(sinks) > 1:
            message = f"an iteration of {node.id!r} ends in {len(sinks)} steps ({', '.join(sinks[:5])}): which one gives its result?"
            hint = "set the input `collect` to what each iteration shall give, such as null"
            yield Finding(Code.LOOP_SINKS, node.path, message, hint)
    if node.name == "core.try":
        for slot in ("body", "catch"):
            sinks = _sinks(subject, node.id, slot)
            if len(sinks) > 1:
                message = f"the slot {slot!r} of {node.id!r} ends in {len(sinks)} steps ({', '.join(sinks[:5])}): its output is null"
                hint = "let one step be the last, or read the steps themselves"
                yield Finding(Code.TRY_SINKS, node.path, message, hint, "info")


def _sinks(subject: Subject, container: str, slot: str) -> list[str]:
    """The last steps of a slot: those without an edge to a sibling. What ends the iteration gives no result."""
    steps = subject.outline.steps
    inside = subject.outline.children.get((container, slot), ())
    if len(inside) < 2:
        return list(inside)
    members = set(inside)
    targets = subject.targets
    return [
        id_ for id_ in inside if not (targets.get(id_, frozenset()) & members) and steps[id_].name not in NEVER_YIELD
    ]


def _cycles(subject: Subject) -> Iterator[Finding]:
    steps = subject.outline.steps
    told: set[str] = set()
    for id_ in steps:
        chain = [id_]
        if id_ in told:
            continue
        while (parent := steps[chain[-1]].parent) in steps and parent not in chain and len(chain) < 2000:
            assert parent is not None
            if parent in told:
                break
            chain.append(parent)
        told.update(chain)
        if parent in chain:
            knot = chain[chain.index(parent) :]
            message = f"{' in '.join(map(repr, [*knot[:5], knot[0]]))}: a step can't contain itself"
            yield Finding(Code.PARENT_CYCLE, f"{steps[knot[0]].path}/parent", message, "remove one `parent`")
