"""Checks data from outside against a JSON Schema that an author wrote, within bounds.

Both sides are foreign: the data may be 20 MB of anything, the schema may hold patterns that backtrack for ever. So
patterns run on RE2, which is linear (one that RE2 lacks, with lookaround or back references, is an error of the check, not a pass);
`uniqueItems` compares canonical bytes instead of each with each; nothing is fetched: a `$ref` leads only inside the schema; and large data is
checked in a thread, so that others are served meanwhile.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Protocol, cast

import re2
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable

from engine.expressions.values import Json
from engine.spec.canonical import canonical_bytes

MOST_ERRORS = 20
_IN_PLACE = 64 * 1024
"""Bytes up to which a check in the event loop is cheaper than a thread."""

JsonObject = dict[str, Json]


class _Validator(Protocol):
    def descend(
        self, instance: object, schema: object, path: object = None, schema_path: object = None
    ) -> Iterator[ValidationError]: ...
    def iter_errors(self, instance: object) -> Iterator[ValidationError]: ...


class SchemaFault(Exception):
    """The schema itself can't be applied; the message says why."""


async def check(schema: JsonObject, data: Json, *, size: int, base: str = "") -> list[Json]:
    """What is wrong with `data`: at most 20 of `{path, message}`, `path` a JSON Pointer below `base`. `size` is its bytes, roughly."""
    if size <= _IN_PLACE:
        return check_now(schema, data, base)
    return await asyncio.to_thread(check_now, schema, data, base)


def check_now(schema: JsonObject, data: Json, base: str = "") -> list[Json]:
    found: list[Json] = []
    try:
        for error in _validator(canonical_bytes(schema)).iter_errors(data):
            found.append({"path": base + _pointer(error), "message": _message(error)})
            if len(found) == MOST_ERRORS:
                break
    except SchemaFault as fault:
        return [{"path": base, "message": str(fault)}]
    except Unresolvable:
        return [{"path": base, "message": "The schema refers by `$ref` to something outside itself."}]
    except RecursionError:
        return [{"path": base, "message": "The data is nested too deeply for this schema."}]
    return found


def _pointer(error: ValidationError) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in error.absolute_path)


def _message(error: ValidationError) -> str:
    """What the rule asks for, in one line; the data itself is shown only where it is short."""
    rule = cast("object", error.validator_value)
    text = str(error.message)
    if len(text) <= 200:
        return text
    return f"is not valid: the schema's {error.validator!r} asks for {str(rule)[:120]}"


def _pattern(validator: _Validator, pattern: str, instance: object, schema: object) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _found(pattern, instance):
        yield ValidationError(f"does not match the pattern {pattern!r}")


def _pattern_properties(
    validator: _Validator, patterns: Mapping[str, object], instance: object, schema: object
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, below in patterns.items():
        for key, value in cast("dict[str, object]", instance).items():
            if _found(pattern, key):
                yield from validator.descend(value, below, path=key, schema_path=pattern)


def _additional_properties(
    validator: _Validator, rule: object, instance: object, schema: Mapping[str, object]
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known = cast("dict[str, object]", schema.get("properties", {}))
    patterns = cast("dict[str, object]", schema.get("patternProperties", {}))
    for key, value in cast("dict[str, object]", instance).items():
        if key in known or any(_found(pattern, key) for pattern in patterns):
            continue
        if rule is False:
            yield ValidationError(f"has the key {key!r}, which the schema doesn't allow")
        elif isinstance(rule, dict):
            yield from validator.descend(value, cast("object", rule), path=key)


def _unique_items(validator: _Validator, rule: object, instance: object, schema: object) -> Iterator[ValidationError]:
    if rule is not True or not isinstance(instance, list):
        return
    items = cast("list[Json]", instance)
    if len({canonical_bytes(item) for item in items}) < len(items):
        yield ValidationError("has an item twice")


class _Pattern(Protocol):
    def search(self, text: str) -> object | None: ...


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> _Pattern:
    options = re2.Options()
    options.log_errors = False
    try:
        return cast("_Pattern", re2.compile(pattern, options))  # pyright: ignore[reportUnknownMemberType]  # re2 has no types
    except re2.error:  # pyright: ignore[reportUnknownMemberType]  # re2 has no types
        raise SchemaFault(
            f"The schema's pattern {pattern!r} can't be used: lookaround and back references don't exist here."
        ) from None


def _found(pattern: str, text: str) -> bool:
    """Lone surrogates have no UTF-8 form; they match as the replacement character."""
    return _compiled(pattern).search(text.encode("utf-8", "replace").decode()) is not None


class _Bound(Protocol):
    def __call__(self, schema: object, *, registry: object) -> _Validator: ...


_extend = cast(
    "Callable[[object, Mapping[str, object]], _Bound]",
    validators.extend,  # pyright: ignore[reportUnknownMemberType]  # its stub leaves the types out
)
_Bounded = _extend(
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    },
)


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> _Validator:
    if b'"unevaluatedProperties"' in schema and b'"patternProperties"' in schema:
        # The library matches these two together by itself, with patterns that backtrack.
        raise SchemaFault("The schema uses `unevaluatedProperties` together with `patternProperties`; use one of them.")
    parsed = cast("dict[str, object]", json.loads(schema))
    try:
        Draft202012Validator.check_schema(parsed)
    except SchemaError as error:
        raise SchemaFault(f"The schema itself is not valid: {error.message[:200]}") from None
    # With a registry of its own the library fetches nothing; without, it opens what `$ref` names.
    return _Bounded(_undialected(parsed), registry=REGISTRY)


def _undialected(schema: object) -> object:
    """Without `$schema`: below one, the library goes over to its own rules, whose patterns backtrack."""
    if isinstance(schema, list):
        return [_undialected(item) for item in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value if key in ("const", "enum") else _undialected(value)
        for key, value in cast("dict[str, object]", schema).items()
        if key != "$schema" or not isinstance(value, str)
    }
