"""Every expression of a document, where it stands, and what it reads.

This is the one walk over expressions: the rules about references, secrets and variables, and whoever must authorise what a
document refers to, all read its result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from engine.expressions.errors import ExpressionError
from engine.expressions.references import Reference
from engine.expressions.template import LITERAL, compile_value
from engine.expressions.text_template import compile_text_template
from engine.expressions.values import Json
from engine.spec.document import JsonObject
from engine.spec.outline import Node, Outline
from engine.spec.pointer import child
from engine.spec.xeval import When, parts_of

Where: TypeAlias = Literal["step", "trigger", "throttle", "concurrency_key", "output"]
LoopKind: TypeAlias = Literal["for_each", "while"]

LOOPS: dict[str, LoopKind] = {"core.for_each": "for_each", "core.while": "while"}
_TEMPLATES = {("text.template", "/template")}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression stands and what is in scope there.

    `field` is the pointer inside the inputs. `adds` are names of `x-scope`. `loops` are the loops around, innermost first; `own_loop`
    says that the first of them is the step itself (`collect`, `condition`).
    """

    where: Where
    node: Node | None
    field: str
    when: When
    adds: tuple[str, ...] = ()
    loops: tuple[LoopKind, ...] = ()
    own_loop: bool = False
    error: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """One reference. `path` is the pointer of the text that it stands in."""

    reference: Reference
    place: Place
    path: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A text that can't be compiled."""

    error: ExpressionError
    path: str


@dataclass(slots=True)
class Uses:
    uses: list[Use] = field(default_factory=list[Use])
    broken: list[Broken] = field(default_factory=list[Broken])


def uses_of(document: JsonObject, outline: Outline) -> Uses:
    """All references of the document, in the order of the text."""
    found = Uses()
    for node in outline.triggers.values():
        _read_inputs(found, node, "trigger", (), False)
    for node in outline.steps.values():
        loops, error = surroundings(outline, node.id)
        _read_inputs(found, node, "step", loops, error)
        throttle = node.source.get("throttle")
        if isinstance(throttle, dict):
            place = Place("throttle", node, "", "later", loops=loops, error=error)
            _read(found, throttle.get("key"), f"{node.path}/throttle/key", place)
    settings = document.get("settings")
    if isinstance(settings, dict):
        place = Place("concurrency_key", None, "", "later")
        _read(found, settings.get("concurrency_key"), "/settings/concurrency_key", place)
    _read(found, document.get("output"), "/output", Place("output", None, "", "now"))
    return found


def surroundings(outline: Outline, id_: str) -> tuple[tuple[LoopKind, ...], bool]:
    """The loops around a step, innermost first, and whether `error` is in scope."""
    loops: list[LoopKind] = []
    error = False
    for container, slot in outline.ancestors(id_):
        name = outline.steps[container].name
        if name in LOOPS:
            loops.append(LOOPS[name])
        error = error or (name == "core.try" and slot in ("catch", "finally"))
    return tuple(loops), error


def texts_of(value: Json, pointer: str) -> Iterator[tuple[Json, str]]:
    """Every text with expressions in `value` and its pointer; what stands below `$literal` is none."""
    waiting: list[tuple[Json, str]] = [(value, pointer)]
    while waiting:
        here, at = waiting.pop()
        if isinstance(here, str):
            if "{{" in here:
                yield here, at
        elif isinstance(here, list):
            waiting.extend((item, child(at, index)) for index, item in reversed(list(enumerate(here))))
        elif isinstance(here, dict):
            if LITERAL not in here:
                waiting.extend((item, child(at, key)) for key, item in reversed(here.items()))
            elif len(here) > 1:  # a mistake, which compiling it tells
                yield here, at


def _read_inputs(found: Uses, node: Node, where: Where, loops: tuple[LoopKind, ...], error: bool) -> None:
    schema = node.module.input_schema if node.module is not None else {}
    base = f"{node.path}/inputs"
    own = LOOPS.get(node.name or "")
    for part in parts_of(schema, node.inputs):
        if part.when == "raw":
            _read_template(found, node, part.pointer, part.value, base)
            continue
        inside = own is not None and part.when == "later"
        place = Place(
            where,
            node,
            part.pointer,
            part.when,
            part.adds,
            (own, *loops) if inside and own is not None else loops,
            inside,
            error,
        )
        _read(found, part.value, base + part.pointer, place)


def _read(found: Uses, value: Json, pointer: str, place: Place) -> None:
    for text, at in texts_of(value, pointer):
        try:
            template = compile_value(text)
        except ExpressionError as error:
            found.broken.append(Broken(error, at))
        else:
            found.uses.extend(Use(reference, place, at) for reference in template.references)


def _read_template(found: Uses, node: Node, pointer: str, value: Json, base: str) -> None:
    """A template with statements is raw; whether it can be read is known at once all the same."""
    if (node.name, pointer) in _TEMPLATES and isinstance(value, str):
        try:
            compile_text_template(value)
        except ExpressionError as error:
            found.broken.append(Broken(error, base + pointer))
