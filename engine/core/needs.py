"""What a compiled value reads of the scope, so that a scope holds no more than that.

Inside the workflow whole values are handed over, since nothing is copied. What travels to an activity is pruned to
the paths that are read: a step that
reads `trigger.body.id` doesn't carry the body. Where a path leads nowhere, the names beside it go along (their values don't), for the
message that names the nearest one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from engine.expressions.references import Reference
from engine.expressions.values import Value

Paths: TypeAlias = "dict[str, Paths | None]"
"""What is read below each name; None: all of it."""

STEPS = "steps"
_MOST_NAMES = 200


@dataclass(frozen=True, slots=True)
class Needs:
    """`names` are roots besides `steps`, sorted; `steps` are step ids, sorted; `all_steps`: any of them, by a computed name."""

    names: tuple[str, ...]
    steps: tuple[str, ...]
    all_steps: bool
    paths: Paths


NOTHING = Needs((), (), False, {})


def needs_of(references: Iterable[Reference]) -> Needs:
    """What all these references need together."""
    paths: Paths = {}
    for reference in references:
        if reference.path:
            _add(paths, [*reference.path])
    if not paths:
        return NOTHING
    below = paths.get(STEPS, {})
    return Needs(
        names=tuple(sorted(name for name in paths if name != STEPS)),
        steps=() if below is None else tuple(sorted(below)),
        all_steps=below is None,
        paths=paths,
    )


def pruned(scope: Mapping[str, Value], needs: Needs) -> dict[str, Value]:
    """A scope cut to what is read of it; shares structure."""
    return {name: _cut(value, needs.paths.get(name)) for name, value in scope.items()}


def _add(paths: Paths, path: list[str | int]) -> None:
    here = paths
    for position, token in enumerate(path):
        if not isinstance(token, str):
            return
        last = position + 1 == len(path) or not isinstance(path[position + 1], str)
        if token in here and here[token] is None:
            return
        if last:
            here[token] = None
            return
        below = here.setdefault(token, {})
        if below is None:
            return
        here = below


def _cut(value: Value, paths: Paths | None) -> Value:
    if paths is None or type(value) is not dict:
        return value
    cut: dict[str, Value] = {}
    for key, below in paths.items():
        if key in value:
            cut[key] = _cut(value[key], below)
        else:
            for name in list(value)[:_MOST_NAMES]:
                cut.setdefault(name, _cut(value[name], paths[name]) if name in paths else None)
    return cut
