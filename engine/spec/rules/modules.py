"""Modules exist, stand where their kind may stand, and get inputs that fit their schema, expressions left open."""

from __future__ import annotations

from collections.abc import Iterator

from engine.expressions.values import Json
from engine.spec.conform import Conformance, Fault, Hole
from engine.spec.document import JsonObject
from engine.spec.finding import Code, Finding
from engine.spec.outline import Node, version_number
from engine.spec.pointer import child
from engine.spec.rules.shape import check_schema
from engine.spec.subject import Subject
from engine.spec.xeval import LITERAL, parts_of
from modules.sdk.declaration import HandlesFromInput, Module

_CODES = {"required": Code.INPUT_MISSING, "additionalProperties": Code.INPUT_UNKNOWN}
_SCHEMA_FIELDS = frozenset(("schema", "json_schema"))


class _Open(str):
    """A text with expressions: what it becomes is known at run time. `kind` says how open it is."""

    __slots__ = ()


class _OpenText(_Open):
    __slots__ = ()


def check(subject: Subject) -> Iterator[Finding]:
    checkers: dict[str, Conformance] = {}
    nodes = [*subject.outline.triggers.values(), *subject.outline.steps.values()]
    for node in nodes:
        if node.name is None:
            continue
        if node.module is None:
            yield from _missing(subject, node)
            continue
        yield from _place(subject, node, node.module)
        module = node.module
        if module.key not in checkers:
            checkers[module.key] = Conformance(module.input_schema, _hole)
        yield from _inputs(node, module, checkers[module.key])
        yield from _inputs_of_others(subject, node, module)


def _missing(subject: Subject, node: Node) -> Iterator[Finding]:
    assert node.name is not None
    newest = subject.catalog.newest(node.name)
    if newest is None:
        message = f"there is no module {node.name!r}"
        near = subject.suggest(node.name, subject.catalog.names())
        yield Finding(Code.MODULE_UNKNOWN, f"{node.path}/module", message, near or "`module list` shows all modules")
        return
    version = version_number(node.source.get("version"))
    if version is not None:
        message = f"{node.name!r} has no version {version}"
        yield Finding(Code.MODULE_VERSION_UNKNOWN, f"{node.path}/version", message, f"the newest is {newest}")


def _place(subject: Subject, node: Node, module: Module) -> Iterator[Finding]:
    if node.is_trigger and module.kind != "trigger":
        message = f"{module.name!r} doesn't start runs, so it can't be a trigger"
        yield Finding(Code.MODULE_KIND, f"{node.path}/module", message, "move it to `steps`")
    if not node.is_trigger and module.kind == "trigger":
        message = f"{module.name!r} starts runs, so it can't be a step"
        yield Finding(Code.MODULE_KIND, f"{node.path}/module", message, "move it to `triggers`")
    newest = subject.catalog.newest(module.name)
    if node.source.get("version") is None and subject.purpose == "deploy":
        message = f"{node.id!r} names no version of {module.name!r}"
        yield Finding(Code.MODULE_VERSION_MISSING, node.path, message, f"add `version: {newest}`, or save the draft")
    elif newest is not None and module.version < newest:
        message = f"there is a newer version of {module.name!r}: {newest}"
        yield Finding(Code.MODULE_VERSION_OLD, f"{node.path}/version", message, "look at what changed", "info")


def _inputs(node: Node, module: Module, checker: Conformance) -> Iterator[Finding]:
    if not isinstance(node.source.get("inputs", {}), dict):
        return  # said by the shape
    base = f"{node.path}/inputs"
    yield from _faults(node, module, node.inputs, checker, base)
    for field in sorted(_SCHEMA_FIELDS & node.inputs.keys()):
        schema = node.inputs[field]
        if isinstance(schema, dict):
            yield from check_schema(schema, child(base, field))
    handles = module.handles
    listed = node.inputs.get(handles.field) if isinstance(handles, HandlesFromInput) else None
    if isinstance(handles, HandlesFromInput) and isinstance(listed, str) and "{{" in listed:
        message = f"{handles.field!r} says which handles the step has, so it must be written out"
        yield Finding(Code.INPUT_CONSTANT, child(base, handles.field), message, "write a list")


def _inputs_of_others(subject: Subject, node: Node, module: Module) -> Iterator[Finding]:
    """An input that holds the inputs of another module, as its schema says by `x-inputs-of: app.action@version`."""
    properties = module.input_schema.get("properties")
    for field, schema in properties.items() if isinstance(properties, dict) else ():
        named = schema.get("x-inputs-of") if isinstance(schema, dict) else None
        inputs = node.inputs.get(field)
        if isinstance(named, str) and isinstance(inputs, dict):
            name, _, version = named.partition("@")
            other = subject.catalog.get(name, int(version))
            if other is not None:
                base = child(f"{node.path}/inputs", field)
                yield from _faults(node, other, inputs, Conformance(other.input_schema, _hole), base)


def _faults(node: Node, module: Module, inputs: JsonObject, checker: Conformance, base: str) -> Iterator[Finding]:
    literals: list[str] = []
    for fault in checker.faults(_opened(inputs, module, base, literals), base):
        yield _finding(node, module, fault, base, literals)


def _finding(node: Node, module: Module, fault: Fault, base: str, literals: list[str]) -> Finding:
    code = _CODES.get(fault.keyword, Code.INPUT_SCHEMA)
    path, message, hint = fault.pointer, fault.message, fault.hint
    for literal in literals:
        if path.startswith(literal + "/"):
            path = f"{literal}/{LITERAL}{path[len(literal) :]}"
    if fault.keyword == "required" and fault.key is not None:
        where = f"{node.id!r} needs the input" if fault.pointer == base else "an input here needs"
        message = f"{where} {fault.key!r}"
        if fault.pointer == base and "inputs" not in node.source:
            path = node.path
    elif fault.keyword == "additionalProperties" and fault.key is not None and fault.pointer == child(base, fault.key):
        message = f"{module.name!r} has no input {fault.key[:80]!r}"
    return Finding(code, path, message, hint)


def _opened(inputs: JsonObject, module: Module, base: str, literals: list[str]) -> Json:
    """The inputs with each text that holds expressions marked as open, and literals in place of their wrappers."""
    raw = {part.pointer for part in parts_of(module.input_schema, inputs) if part.when == "raw"}

    def opened(value: Json, pointer: str) -> Json:
        if pointer in raw:
            return value
        if isinstance(value, str):
            return _open(value) if "{{" in value else value
        if isinstance(value, list):
            return [opened(item, child(pointer, index)) for index, item in enumerate(value)]
        if isinstance(value, dict):
            if len(value) == 1 and LITERAL in value:
                literals.append(base + pointer)
                return value[LITERAL]
            return {key: opened(item, child(pointer, key)) for key, item in value.items()}
        return value

    return {key: opened(item, child("", key)) for key, item in inputs.items()}


def _open(text: str) -> str:
    """`"{{ a }}"` may become anything, text around expressions stays text. Where that isn't plain, anything."""
    whole = text.startswith("{{") and text.endswith("}}")
    return _Open(text) if whole else _OpenText(text)


def _hole(value: Json) -> Hole | None:
    if isinstance(value, _OpenText):
        return "text"
    return "anything" if isinstance(value, _Open) else None
