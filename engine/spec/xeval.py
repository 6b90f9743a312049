"""When each part of a step's inputs is evaluated.

A module's input schema marks the parts that aren't resolved before it runs: `"x-eval": "later"` (the module evaluates
the expressions itself, several times or against other data) and `"x-eval": "raw"` (never parsed). The mark may stand at a
property, at `items`, or anywhere deeper; it covers all that is below it. What has no mark is resolved *now*.

Inputs are walked together with the schema. A value that is itself an expression (`cases: "{{ … }}"`) is *now* as a
whole: what it gives is data, and data is never parsed. `{"$literal": …}` ends the walk as well.

A position may be described by several schemas at once (`allOf`, `oneOf`, `$ref` …), so the walk carries all of
them. That a branch of a `oneOf` is the one that applies isn't asked: a module marks a field in the same way everywhere.

`"x-scope": ["item", …]` beside `later` names what that part sees besides the scope of its step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from engine.expressions.values import Json
from engine.spec.pointer import child, tokens_of

When: TypeAlias = Literal["now", "later", "raw"]
Schemas: TypeAlias = "tuple[Mapping[str, Json], ...]"

LITERAL = "$literal"
_MOST_SCHEMAS = 64


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the inputs that is evaluated as one, as written. `pointer` is inside the inputs.

    `adds` are the names that a *later* part sees besides its step's scope.
    """

    pointer: str
    value: Json
    when: When
    adds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldEval:
    """A step's inputs, cut by when they are evaluated.

    `now`: the inputs with each later and raw part inside `{"$literal": …}`. Compiled and rendered as one value they give
    what the module gets: now parts resolved, all else as written.
    `later`, `raw`: pointer to the part as written. Parts are disjoint.
    """

    now: dict[str, Json]
    later: dict[str, Json] = field(default_factory=dict[str, "Json"])
    raw: dict[str, Json] = field(default_factory=dict[str, "Json"])

    @property
    def plain(self) -> bool:
        """Whether all is evaluated now, so that `now` is the inputs as written."""
        return not self.later and not self.raw


def split_inputs(schema: Mapping[str, Json], inputs: Mapping[str, Json]) -> FieldEval:
    """Cuts `inputs` by the `x-eval` marks of a module's input schema. Nothing that was given is changed."""
    later: dict[str, Json] = {}
    raw: dict[str, Json] = {}
    marked: set[str] = set()
    for part in parts_of(schema, inputs):
        if part.when != "now":
            (later if part.when == "later" else raw)[part.pointer] = part.value
            marked.update(tokens_of(part.pointer)[:1])
    now = dict(inputs)
    for name in marked:
        now[name] = _wrapped(now[name], child("", name), later.keys() | raw.keys())
    return FieldEval(now, later, raw)


def parts_of(schema: Mapping[str, Json], inputs: Mapping[str, Json]) -> Iterator[Part]:
    """The parts of `inputs` in the order of the text. An object or a list that holds marked parts is given by its members."""
    yield from _walk(schema, _spread(schema, (schema,)), dict(inputs), "", top=True)


def _walk(
    root: Mapping[str, Json], schemas: Schemas, value: Json, pointer: str, *, top: bool = False
) -> Iterator[Part]:
    mark = None if top else _mark(schemas)
    if mark is not None:
        yield Part(pointer, value, mark[0], mark[1])
    elif (
        not schemas or not isinstance(value, dict | list) or (isinstance(value, dict) and LITERAL in value and not top)
    ):
        yield Part(pointer, value, "now")
    else:
        members: Iterator[tuple[str | int, Json]] | enumerate[Json]
        members = iter(value.items()) if isinstance(value, dict) else enumerate(value)
        parts = [
            part
            for key, item in members
            for part in _walk(root, _spread(root, _below(schemas, key)), item, child(pointer, key))
        ]
        if top or any(part.when != "now" for part in parts):
            yield from parts
        else:
            yield Part(pointer, value, "now")


def _mark(schemas: Schemas) -> tuple[When, tuple[str, ...]] | None:
    for schema in schemas:
        mark = schema.get("x-eval")
        if mark == "raw":
            return "raw", ()
        if mark == "later":
            adds = schema.get("x-scope")
            names = tuple(name for name in adds if isinstance(name, str)) if isinstance(adds, list) else ()
            return "later", names
    return None


def _below(schemas: Schemas, key: str | int) -> Schemas:
    """The schemas of a member or an item of what `schemas` describe."""
    found: list[Mapping[str, Json]] = []
    for schema in schemas:
        if isinstance(key, str):
            properties = schema.get("properties")
            below = properties.get(key) if isinstance(properties, dict) else None
            if below is None:
                below = schema.get("additionalProperties")
        else:
            prefix = schema.get("prefixItems")
            below = prefix[key] if isinstance(prefix, list) and key < len(prefix) else schema.get("items")
        if isinstance(below, dict):
            found.append(below)
    return tuple(found)


def _spread(root: Mapping[str, Json], schemas: Schemas) -> Schemas:
    """`schemas` and all that apply in the same place: their combinators' branches and `$ref`s into `$defs`."""
    found: list[Mapping[str, Json]] = []
    waiting = list(reversed(schemas))
    while waiting and len(found) < _MOST_SCHEMAS:
        schema = waiting.pop()
        found.append(schema)
        for keyword in ("allOf", "anyOf", "oneOf"):
            branches = schema.get(keyword)
            if isinstance(branches, list):
                waiting.extend(branch for branch in reversed(branches) if isinstance(branch, dict))
        for keyword in ("then", "else"):
            branch = schema.get(keyword)
            if isinstance(branch, dict):
                waiting.append(branch)
        target = schema.get("$ref")
        if isinstance(target, str) and target.startswith("#/"):
            referred = _at(root, target[1:])
            if referred is not None and not any(referred is known for known in found):
                waiting.append(referred)
    return tuple(found)


def _at(root: Mapping[str, Json], pointer: str) -> Mapping[str, Json] | None:
    here: Json = dict(root)
    for token in tokens_of(pointer):
        here = here.get(token) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else None


def _wrapped(value: Json, pointer: str, marked: set[str]) -> Json:
    if pointer in marked:
        return {LITERAL: value}
    if isinstance(value, dict):
        return {key: _wrapped(item, child(pointer, key), marked) for key, item in value.items()}
    if isinstance(value, list):
        return [_wrapped(item, child(pointer, index), marked) for index, item in enumerate(value)]
    return value
