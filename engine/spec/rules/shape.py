"""The document's form, as its published schema has it; names that stand twice; limits by count."""

from __future__ import annotations

from collections.abc import Iterator

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from engine.expressions.values import Json
from engine.spec.conform import Conformance, Fault
from engine.spec.finding import Code, Finding
from engine.spec.pointer import pointer_of
from engine.spec.schema import document_schema
from engine.spec.subject import Subject

MAX_STEPS = 1000
MAX_NESTING = 8

_CODES = {"additionalProperties": Code.KEY_UNKNOWN, "required": Code.KEY_MISSING}


def check_form(document: Json) -> list[Finding]:
    """Faults against the schema. Any value may be given."""
    return [finding_of(fault) for fault in Conformance(document_schema()).faults(document)]


def finding_of(fault: Fault) -> Finding:
    code = _CODES.get(fault.keyword) or (Code(fault.code) if fault.code is not None else Code.SHAPE)
    return Finding(code, fault.pointer, fault.message, fault.hint)


def check(subject: Subject) -> Iterator[Finding]:
    document = subject.document
    steps, triggers = document.get("steps"), document.get("triggers")
    if isinstance(steps, dict):
        if len(steps) > MAX_STEPS:
            message = f"the document has {len(steps):,} steps; at most {MAX_STEPS:,} are allowed"
            yield Finding(Code.LIMIT_STEPS, "/steps", message, "move parts into sub-workflows")
        for id_ in steps:
            if isinstance(triggers, dict) and id_ in triggers:
                message = f"{id_!r} is both a step and a trigger; they share one name space"
                yield Finding(Code.ID_TAKEN, pointer_of("steps", id_), message, "rename one of them")
    for id_ in subject.outline.steps:
        depth = len(subject.outline.ancestors(id_))
        if depth > MAX_NESTING:
            message = f"{id_!r} is nested {depth} levels deep; at most {MAX_NESTING} are allowed"
            yield Finding(
                Code.LIMIT_NESTING, pointer_of("steps", id_), message, "move the inner part into a sub-workflow"
            )
    schema = document.get("input_schema")
    if isinstance(schema, dict):
        yield from check_schema(schema, "/input_schema")


def check_schema(schema: dict[str, Json], path: str) -> Iterator[Finding]:
    """A schema that an author wrote must be one."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        yield Finding(
            Code.SCHEMA_INVALID,
            path + pointer_of(*error.absolute_path),
            f"this is not a JSON Schema 2020-12: {error.message[:300]}",
        )
    except RecursionError:
        yield Finding(Code.SCHEMA_INVALID, path, "this schema is nested too deeply")
