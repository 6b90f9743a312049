"""Whether a declaration is complete and says what can be true."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import cast

from modules.sdk.declaration import Effect, EffectByInput, HandlesFromInput, Module
from modules.sdk.json import Json, JsonObject
from modules.sdk.schema import HANDLE_PATTERN

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\.[a-z][a-z0-9]*(_[a-z0-9]+)*")
_HANDLE = re.compile(HANDLE_PATTERN)
_RESERVED = "error"
_LONGEST_TIMEOUT = 3600.0
_VERSION = re.compile(r"[a-z_]+\.[a-z_]+@[1-9]\d*")
_EVAL = ("later", "raw")


def check_declaration(module: Module) -> Iterator[str]:
    """What is wrong, one sentence each."""
    yield from _identity(module)
    yield from _code(module)
    yield from _ways(module)
    yield from _schemas(module)


def _identity(module: Module) -> Iterator[str]:
    if _NAME.fullmatch(module.name) is None:
        yield f"the name {module.name!r} is not `app.action` in lower case"
    if module.version < 1:
        yield "the version is a positive integer"
    if not module.title.strip() or len(module.title) > 40:
        yield "the title is one to 40 characters"
    manual = module.manual
    if "\n" in manual or manual != manual.strip() or not 40 <= len(manual) <= 2000 or not manual.endswith((".", "`")):
        yield "the manual is one paragraph of 40 to 2,000 characters that ends with a full stop"
    if not 0 < module.timeout <= _LONGEST_TIMEOUT:
        yield f"the timeout is over 0 and at most {_LONGEST_TIMEOUT:g} seconds"


def _code(module: Module) -> Iterator[str]:
    if module.kind != "action":
        if module.run is not None or module.pure is not None:
            yield f"a {module.kind} has neither `run` nor `pure`: its behaviour is the engine's"
        return
    in_workflow = module.effect is Effect.NONE and not module.isolated
    if in_workflow and (module.pure is None or module.run is not None):
        yield "an action without effect has `pure`, or is `isolated` and has `run`"
    if not in_workflow and (module.run is None or module.pure is not None):
        yield "an action with an effect, or an isolated one, has `run` and not `pure`"
    if module.run is not None and not inspect.iscoroutinefunction(module.run):
        yield "`run` is an async function"
    if module.isolated and not _may_do_nothing(module.effect):
        yield "an isolated module has the effect none, by some of its inputs at least"


def _may_do_nothing(effect: Effect | EffectByInput) -> bool:
    """What has an effect is called with all of its context; only the rest of it is what simulations call for real."""
    if isinstance(effect, EffectByInput):
        return any(case.effect is Effect.NONE for case in (*effect.cases.values(), effect.default))
    return effect is Effect.NONE


def _ways(module: Module) -> Iterator[str]:
    fixed = module.handles.always if isinstance(module.handles, HandlesFromInput) else module.handles
    for kind, names in (("handle", fixed), ("slot", module.slots)):
        if len(set(names)) != len(names):
            yield f"a {kind} is named twice"
        yield from (f"{name!r} can't be the name of a {kind}" for name in names if _HANDLE.fullmatch(name) is None)
    if _RESERVED in fixed:
        yield f"the handle {_RESERVED!r} is the engine's own, for `on_error: branch`"
    if isinstance(module.handles, tuple) and module.example.runnable and module.example.handle not in fixed:
        yield f"the example gives the handle {module.example.handle!r}, which isn't declared"
    properties = _properties(module.input_schema)
    if isinstance(module.handles, HandlesFromInput) and module.handles.field not in properties:
        yield f"the handles come from the input {module.handles.field!r}, which isn't in the schema"
    if isinstance(module.effect, EffectByInput):
        if module.effect.field not in properties:
            yield f"the effect comes from the input {module.effect.field!r}, which isn't in the schema"
        yield from (f"the case {case!r} is not in upper case" for case in module.effect.cases if case != case.upper())


def _schemas(module: Module) -> Iterator[str]:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError, ValidationError
    from jsonschema_specifications import REGISTRY
    from referencing.exceptions import Unresolvable

    for name, schema, value in (
        ("input", module.input_schema, module.example.inputs),
        ("output", module.output_schema, module.example.output),
    ):
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            yield f"the {name} schema is wrong at {error.json_path}: {error.message[:200]}"
            continue
        yield from (
            f"the {name} schema, at {where or '/'}: {what}" for where, what in _marks(schema, "", name == "input")
        )
        # With a registry of its own the validator fetches nothing
        validator = Draft202012Validator(schema, registry=REGISTRY)
        errors_of = cast("Callable[[Json], Iterator[ValidationError]]", validator.iter_errors)
        try:
            for wrong in errors_of(value):
                yield f"the example doesn't fit the {name} schema at {wrong.json_path}: {wrong.message[:200]}"
        except Unresolvable as error:
            yield f"the {name} schema refers to {error.ref!r}, which it doesn't hold"
    if module.input_schema.get("type") != "object" or module.input_schema.get("additionalProperties") is not False:
        yield "the input schema is an object with `additionalProperties: false`, so that a mistyped input is found"


def _marks(schema: Json, where: str, inputs: bool) -> Iterator[tuple[str, str]]:
    """Our own keywords and references, in a schema and all that is below it."""
    if isinstance(schema, list):
        for index, item in enumerate(schema):
            yield from _marks(item, f"{where}/{index}", inputs)
    if not isinstance(schema, dict):
        return
    mark, scope = schema.get("x-eval"), schema.get("x-scope")
    if "x-eval" in schema and (mark not in _EVAL or not inputs):
        yield where, "`x-eval` is `later` or `raw`, and stands in input schemas only"
    if "x-scope" in schema and (mark != "later" or not isinstance(scope, list)):
        yield where, "`x-scope` is a list of names beside `x-eval: later`"
    others = schema.get("x-inputs-of")
    if others is not None and not (inputs and isinstance(others, str) and _VERSION.fullmatch(others)):
        yield where, "`x-inputs-of` is `app.action@version`, and stands in input schemas only"
    for key in schema:
        if key.startswith("x-") and key not in ("x-eval", "x-scope", "x-inputs-of"):
            yield where, f"the keyword {key!r} means nothing"
    reference = schema.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#/"):
        yield where, f"`$ref` {reference!r} leads out of the schema"
    for key, value in schema.items():
        if key in ("default", "const", "enum", "examples"):
            continue
        yield from _marks(value, f"{where}/{key}", inputs)


def _properties(schema: JsonObject) -> JsonObject:
    properties = schema.get("properties")
    return cast("JsonObject", properties) if isinstance(properties, dict) else {}
