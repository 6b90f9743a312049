"""Edges join siblings, leave by handles that exist, and make no circle."""

from __future__ import annotations

from collections.abc import Iterator

from engine.spec.finding import Code, Finding
from engine.spec.outline import Link, Node
from engine.spec.rules.references import EVENT_STEPS
from engine.spec.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    seen: dict[tuple[str, str, str], str] = {}
    for link in subject.outline.links:
        key = (link.source, link.handle, link.target)
        if key in seen:
            message = f"this edge stands already at {seen[key]}"
            yield Finding(Code.EDGE_DUPLICATE, link.path, message, "remove one of the two", "warning")
            continue
        seen[key] = link.path
        yield from _edge(subject, link)
    yield from _cycles(subject)
    for node in subject.outline.steps.values():
        yield from _unused(subject, node)


def _edge(subject: Subject, link: Link) -> Iterator[Finding]:
    outline = subject.outline
    source, target = outline.node(link.source), outline.node(link.target)
    for end, id_, node in (("from", link.source, source), ("to", link.target, target)):
        if node is None:
            message = f"there is no step{' or trigger' if end == 'from' else ''} {id_!r}"
            hint = subject.suggest(id_, [*outline.steps, *(outline.triggers if end == "from" else ())])
            yield Finding(Code.EDGE_UNKNOWN, f"{link.path}/{end}", message, hint)
    if source is not None:
        yield from _handle(subject, link, source)
    if source is None or target is None:
        return
    if target.is_trigger:
        message = f"{target.id!r} is a trigger; no edge leads to one"
        yield Finding(Code.EDGE_TRIGGER, f"{link.path}/to", message, "turn the edge round")
    elif source.is_trigger:
        if target.parent is not None:
            message = f"{target.id!r} lives in {target.parent!r}; a trigger leads to steps that live in no container"
            hint = f"lead the edge to {outline.ancestors(target.id)[-1][0]!r}" if outline.ancestors(target.id) else None
            yield Finding(Code.EDGE_CONTAINER, link.path, message, hint)
    elif source.scope != target.scope:
        message = f"{_at(source)} and {_at(target)} live in different places; an edge joins steps of one slot"
        hint = "lead the edge to the container, or give both the same `parent` and `slot`"
        yield Finding(Code.EDGE_CONTAINER, link.path, message, hint)


def _handle(subject: Subject, link: Link, source: Node) -> Iterator[Finding]:
    handles = ("out",) if source.is_trigger else source.handles
    if handles is None or link.handle in handles:
        return
    path = f"{link.path}/handle" if link.given_handle else link.path
    if link.handle == "error":
        message = f"{source.id!r} has no handle 'error'"
        yield Finding(Code.HANDLE_UNKNOWN, path, message, f"set `on_error: branch` on {source.id!r}")
        return
    if not handles:
        message = f"nothing follows {source.id!r} ({source.name}): it ends what it stands in"
        yield Finding(Code.HANDLE_UNKNOWN, path, message, "remove the edge")
        return
    message = f"{source.id!r} ({source.name}) has no handle {link.handle!r}"
    hint = subject.suggest(link.handle, handles) or f"its handles: {', '.join(handles)}"
    yield Finding(Code.HANDLE_UNKNOWN, path, message, hint)


def _cycles(subject: Subject) -> Iterator[Finding]:
    for cycle in subject.reach.graph.cycles:
        members = set(cycle)
        paths = [each.path for each in subject.outline.links if each.source in members and each.target in members]
        names = ", ".join(map(repr, cycle[:8])) + (" …" if len(cycle) > 8 else "")
        message = f"{names} wait for each other" if len(cycle) > 1 else f"{names} waits for itself"
        yield Finding(Code.EDGE_CYCLE, paths[-1], message, "remove one of the edges, or use a `core.while`")


def _unused(subject: Subject, node: Node) -> Iterator[Finding]:
    """Ways out that an author asked for and that lead nowhere."""
    used = {link.handle for link in subject.links_from.get(node.id, ())}
    if node.source.get("on_error") == "branch" and "error" not in used:
        message = (
            f"{node.id!r} has `on_error: branch`, and no edge leaves by its handle 'error': a failure ends quietly"
        )
        yield Finding(Code.HANDLE_UNUSED, f"{node.path}/on_error", message, "add that edge", "warning")
    if node.name in EVENT_STEPS and "timeout" in node.inputs and "timeout" not in used:
        message = f"when nobody answers {node.id!r} in time, it fails with 'event.timeout'"
        hint = "add an edge from its handle 'timeout' to go on instead"
        yield Finding(Code.HANDLE_UNUSED, f"{node.path}/inputs/timeout", message, hint, "info")


def _at(node: Node) -> str:
    return repr(node.id) if node.parent is None else f"{node.id!r} (in {node.parent!r}, slot {node.slot!r})"
