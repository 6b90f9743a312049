"""What expressions read exists and is within reach; secrets stand only where they may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.spec.finding import Code, Finding
from engine.spec.subject import Subject
from engine.spec.uses import LoopKind, Place, Use

STEP_FIELDS = ("output", "error", "status", "started_at", "finished_at", "resume_url")
EVENT_STEPS = frozenset(("core.wait_for_event", "human.approve"))
_TRIGGER_FIELDS = (
    *("type", "id", "body", "headers", "query", "method", "scheduled_at", "items"),
    *(
        "from",
        "to",
        "cc",
        "subject",
        "text",
        "html",
        "attachments",
        "message_id",
        "in_reply_to",
        "references",
        "date",
        "auth",
    ),
    *("name", "key"),
)
_ERROR_FIELDS = ("code", "message", "step", "details", "retryable")
_FIXED = {"run": ("id", "started_at"), "workflow": ("id", "name", "version")}
_LOOP_FIELDS: dict[LoopKind, tuple[str, ...]] = {
    "for_each": ("index", "length", "first", "last", "parent"),
    "while": ("index", "state", "parent"),
}
_ELSEWHERE = {
    "item": "only inside a `core.for_each`",
    "index": "only inside a loop",
    "loop": "only inside a loop",
    "error": "only in the slots `catch` and `finally` of a `core.try`",
    "trigger": "only where a run exists",
    "input": "only where a run exists",
    "run": "only where a run exists",
    "steps": "only in inputs of steps and in `output`",
}
SECRET_TRIGGER_FIELDS = frozenset(
    (("webhook.trigger", "secret"), ("poll.trigger", "request"), ("poll.trigger", "query"))
)
"""Module and input: the only ones of triggers that may hold secrets."""


def check(subject: Subject) -> Iterator[Finding]:
    for broken in subject.uses.broken:
        inner = broken.error.details.get("pointer")
        path = broken.path + (inner if isinstance(inner, str) else "")
        yield Finding(Code(broken.error.code), path, broken.error.message)
    told: set[tuple[str, tuple[str | int, ...]]] = set()
    for use in subject.uses.uses:
        key = (use.path, use.reference.path)
        if key in told:
            continue
        told.add(key)
        yield from _use(subject, use)


def names_in_scope(place: Place) -> tuple[str, ...]:
    """The names that an expression at `place` may begin with."""
    match place.where:
        case "trigger":
            names: tuple[str, ...] = ("vars", "workflow")
        case "concurrency_key":
            names = ("trigger", "input", "vars", "workflow", "run")
        case _:
            names = ("trigger", "input", "steps", "vars", "run", "workflow")
    if place.loops:
        names = (*names, "index", "loop", *(("item",) if "for_each" in place.loops else ()))
    if place.error:
        names = (*names, "error")
    return tuple(dict.fromkeys((*names, *place.adds)))


def _use(subject: Subject, use: Use) -> Iterator[Finding]:
    path, place = use.reference.path, use.place
    root = path[0]
    names = names_in_scope(place)
    if root not in names:
        shown = str(root)
        why = _ELSEWHERE.get(shown)
        hint = (
            f"`{shown}` is there {why}"
            if why
            else subject.suggest(shown, names) or f"in scope here: {', '.join(names)}"
        )
        yield Finding(Code.REFERENCE_UNKNOWN, use.path, f"{shown!r} is not in scope here", hint)
    elif root in place.adds and not (place.own_loop and root in ("item", "index", "loop")):
        return
    elif root == "steps":
        yield from _step(subject, use)
    elif root == "vars":
        yield from _variable(subject, use)
    elif root in _FIXED:
        yield from _field(subject, use, _FIXED[str(root)])
    elif root == "trigger":
        if not use.reference.guarded:
            yield from _field(subject, use, _TRIGGER_FIELDS)
    elif root == "error":
        if not use.reference.guarded:
            yield from _field(subject, use, _ERROR_FIELDS)
    elif root == "loop":
        yield from _loop(subject, use)


def _step(subject: Subject, use: Use) -> Iterator[Finding]:
    path = use.reference.path
    if len(path) < 2 or not isinstance(path[1], str):
        message = "which step is read must stand in the text: `steps.<id>`"
        yield Finding(Code.REFERENCE_DYNAMIC, use.path, message, "use a `core.switch`, or an object of the outputs")
        return
    id_ = path[1]
    steps = subject.outline.steps
    if id_ not in steps:
        is_trigger = id_ in subject.outline.triggers
        hint = f"{id_!r} is a trigger: its data is `trigger`" if is_trigger else subject.suggest(id_, steps)
        yield Finding(Code.REFERENCE_UNKNOWN, use.path, f"there is no step {id_!r}", hint)
        return
    if len(path) > 2:
        field = path[2]
        fields = STEP_FIELDS if steps[id_].name in EVENT_STEPS else STEP_FIELDS[:-1]
        if field not in fields:
            if field == "resume_url":
                message, hint = f"{id_!r} has no resume address", "only steps that wait for an event have one"
            else:
                message = f"a step has no {field!r}"
                hint = subject.suggest(str(field), fields) or f"what a step gives is under `steps.{id_}.output`"
            yield Finding(Code.REFERENCE_UNKNOWN, use.path, message, hint)
            return
        if field == "resume_url" and _resumable(subject, use, id_):
            return
    if not _within_reach(subject, use.place, id_):
        message, hint = _why_not(subject, use.place, id_)
        yield Finding(Code.REFERENCE_UNREACHABLE, use.path, message, hint)


def _within_reach(subject: Subject, place: Place, id_: str) -> bool:
    if place.where == "output":
        return subject.reach.output_can_read(id_)
    assert place.node is not None
    if place.own_loop and place.field == "/collect":
        return subject.reach.collect_can_read(place.node.id, id_)
    return subject.reach.can_read(place.node.id, id_)


def _resumable(subject: Subject, use: Use, id_: str) -> bool:
    node = use.place.node
    return subject.reach.resumable_from(node.id if node is not None else None, id_)


def _why_not(subject: Subject, place: Place, id_: str) -> tuple[str, str]:
    steps = subject.outline.steps
    around = [container for container, _ in subject.outline.ancestors(id_) if steps[container].name != "core.try"]
    if place.node is None:
        outer = around[-1] if around else steps[id_].parent
        return f"`output` can't read {id_!r}, which lives inside {outer!r}", f"read `steps.{outer}.output`"
    reader = place.node.id
    if reader == id_:
        return f"{id_!r} can't read itself", "a step's own data exists only after it has ended"
    if id_ in [container for container, _ in subject.outline.ancestors(reader)]:
        return f"{reader!r} lives inside {id_!r}, which hasn't ended yet", "read what comes before it"
    own = {container for container, _ in subject.outline.ancestors(reader)} | {reader}
    foreign = [container for container in around if container not in own]
    if foreign:
        outer = foreign[-1]
        hint = f"read `steps.{outer}.output`" + (
            "; `collect` says what it holds" if steps[outer].name == "core.for_each" else ""
        )
        return f"{id_!r} lives inside {outer!r} ({steps[outer].name}) and can't be read from outside", hint
    return (
        f"{reader!r} doesn't come after {id_!r}: no path of edges leads there",
        f"add an edge, so that {id_!r} comes first",
    )


def _variable(subject: Subject, use: Use) -> Iterator[Finding]:
    path = use.reference.path
    if len(path) < 2 or not isinstance(path[1], str):
        message = "which variable is read must stand in the text: `vars.NAME`"
        yield Finding(Code.REFERENCE_DYNAMIC, use.path, message, "keep an object in one variable and look into that")
        return
    name = path[1]
    workspace = subject.workspace
    if workspace is not None and name in workspace.secrets and not _may_hold_secret(use.place):
        message = f"the secret {name!r} can't stand here: it would be kept in the log"
        hint = "put it into the inputs of a module that reads or writes outside, such as `http.request`"
        yield Finding(Code.SECRET_MISPLACED, use.path, message, hint)


def _may_hold_secret(place: Place) -> bool:
    if place.node is None:
        return False
    if place.where == "trigger":
        return (place.node.name, place.field[1:].split("/", 1)[0]) in SECRET_TRIGGER_FIELDS
    return place.where == "step" and place.node.takes_secrets


def _loop(subject: Subject, use: Use) -> Iterator[Finding]:
    path = use.reference.path
    for depth, key in enumerate(path[1:]):
        kind = use.place.loops[depth]
        fields = _LOOP_FIELDS[kind]
        if depth and "for_each" in use.place.loops[depth:]:
            fields = ("item", *fields)  # the innermost item has a name of its own
        if key not in fields:
            if not use.reference.guarded:
                message = f"`{_dotted(path[: depth + 1])}` has no {key!r} in a `core.{kind}`"
                yield Finding(Code.REFERENCE_UNKNOWN, use.path, message, _one_of(subject, str(key), fields))
            return
        if key != "parent":
            return
        if depth + 1 >= len(use.place.loops):
            if not use.reference.guarded:
                message = "there is no loop around this one"
                yield Finding(Code.REFERENCE_UNKNOWN, use.path, message, "`loop.parent` is the next loop outwards")
            return


def _field(subject: Subject, use: Use, fields: tuple[str, ...]) -> Iterator[Finding]:
    path = use.reference.path
    if len(path) > 1 and path[1] not in fields:
        message = f"{path[0]!r} has no {path[1]!r}"
        yield Finding(Code.REFERENCE_UNKNOWN, use.path, message, _one_of(subject, str(path[1]), fields))


def _one_of(subject: Subject, name: str, fields: Iterable[str]) -> str:
    return subject.suggest(name, fields) or f"it has {', '.join(fields)}"


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))
