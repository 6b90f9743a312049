"""Checks a value against a JSON Schema, with a sentence for people for each fault, and with holes.

Why not a library: a document is checked while it is being written, so the faults must read well, a thousand steps must take
milliseconds, and a step's inputs must be checked *with the expressions still in them*. An expression is a hole: it may become
anything (`"{{ a }}"`) or any text (`"a {{ b }}"`). A fault is told only when it is one whatever the holes become. So every
check has three answers: it fits, it doesn't, or it can't be known (`sure` is false).

Keywords of 2020-12 that have no place in declarations (`unevaluated*`, `dependentSchemas`, `contains`, `$dynamicRef`, remote `$ref`s)
are taken as unknowable, never as a fault. `format` is a note, as the standard has it. Patterns are ECMAScript's: `$` is the end.
The tests hold this file equal to the jsonschema library wherever no hole is involved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from engine.expressions.nearest import nearest
from engine.expressions.values import Json
from engine.spec.canonical import canonical_bytes
from engine.spec.pointer import child, tokens_of
from engine.spec.schema_words import (
    TYPES,
    above,
    below,
    count,
    did_you_mean,
    expected,
    is_type,
    listed,
    not_above,
    not_below,
    pattern_of,
    purpose,
    same,
    several,
    shown,
    type_names,
)

Hole: TypeAlias = Literal["anything", "text"]
Schema: TypeAlias = "dict[str, Json]"

_UNKNOWABLE = frozenset(
    ("unevaluatedProperties", "unevaluatedItems", "dependentSchemas", "contains", "$dynamicRef", "if")
)
_SCALAR_WORDS = frozenset(
    [
        "const",
        "enum",
        "minLength",
        "maxLength",
        "pattern",
        "multipleOf",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
    ]
)
_BRANCH_WORDS = frozenset(("allOf", "anyOf", "oneOf", "not"))
_MOST_FAULTS = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """`keyword` is the schema's word that doesn't hold; `key` the member that is meant by `required` and unknown ones.

    `code` is the nearest `x-finding` above, if there is one.
    """

    pointer: str
    keyword: str
    message: str
    hint: str | None = None
    code: str | None = None
    key: str | None = None


def no_holes(value: Json) -> Hole | None:
    """For values that hold no expressions."""
    del value
    return None


class Conformance:
    """One schema, ready to check values. `hole` says of a text or object what it may become at run time."""

    def __init__(
        self, schema: Schema, hole: Callable[[Json], Hole | None] = no_holes, *, suggestions: int = 20
    ) -> None:
        self._root = schema
        self._hole = hole
        self._suggestions = suggestions
        self._targets: dict[str, Json] = {}

    def faults(self, value: Json, pointer: str = "") -> list[Fault]:
        """What is wrong with `value` for certain; pointers begin with `pointer`. At most 200."""
        found: list[Fault] = []
        self._check(self._root, value, pointer, None, found)
        return found[:_MOST_FAULTS]

    def _check(self, schema: Json, value: Json, at: str, code: str | None, out: list[Fault], depth: int = 0) -> bool:
        """Adds the faults of `value` to `out`. False: some part can't be known."""
        if schema is True or not isinstance(schema, dict):
            if schema is False:
                out.append(Fault(at, "false", "nothing may stand here", code=code))
            return True
        if len(out) > _MOST_FAULTS or depth > 400:
            return False
        own_code = schema.get("x-finding")
        code = own_code if isinstance(own_code, str) else code
        if isinstance(value, str | dict) and (hole := self._hole(value)) is not None:
            return self._check_hole(schema, hole, at, code, out, depth)
        sure = True
        target = schema.get("$ref")
        if isinstance(target, str):
            referred = self._referred(target)
            sure = self._check(referred, value, at, code, out, depth + 1) if referred is not None else False
        faults = len(out)
        types = schema.get("type")
        names = () if types is None else (types,) if isinstance(types, str) else type_names(types)
        if types is not None and not any(is_type(value, name) for name in names):
            out.append(Fault(at, "type", self._said(schema, expected(type_names(types), value)), code=code))
            return sure
        if not _SCALAR_WORDS.isdisjoint(schema):
            self._check_scalar(schema, value, at, code, out)
        if isinstance(value, dict):
            sure &= self._check_object(schema, value, at, code, out, depth)
        elif isinstance(value, list):
            sure &= self._check_list(schema, value, at, code, out, depth)
        if len(out) == faults and not _BRANCH_WORDS.isdisjoint(
            schema
        ):  # what is wrong already would only be said again in other words
            sure &= self._check_branches(schema, value, at, code, out, depth)
        return sure and _UNKNOWABLE.isdisjoint(schema)

    def _check_hole(self, schema: Schema, hole: Hole, at: str, code: str | None, out: list[Fault], depth: int) -> bool:
        """Text with expressions in it must at least be allowed to be text."""
        if hole == "text" and not self._admits_text(schema, depth):
            names = type_names(schema.get("type"))
            wanted = listed([TYPES.get(name, name) for name in names]) if names else "something else than text"
            hint = "let one expression be the whole value: then it keeps its type"
            out.append(
                Fault(at, "type", self._said(schema, f"{wanted} is needed, and this is always text"), hint, code)
            )
        return False

    def _admits_text(self, schema: Json, depth: int) -> bool:
        if not isinstance(schema, dict):
            return schema is not False
        if depth > 400:
            return True
        types = schema.get("type")
        if types is not None and "string" not in type_names(types):
            return False
        for keyword in ("anyOf", "oneOf"):
            branches = schema.get(keyword)
            if isinstance(branches, list) and not any(self._admits_text(branch, depth + 1) for branch in branches):
                return False
        target = schema.get("$ref")
        referred = self._referred(target) if isinstance(target, str) else None
        return referred is None or self._admits_text(referred, depth + 1)

    def _check_scalar(self, schema: Schema, value: Json, at: str, code: str | None, out: list[Fault]) -> None:
        if "const" in schema and not same(schema["const"], value):
            out.append(Fault(at, "const", self._said(schema, f"this must be {shown(schema['const'])}"), code=code))
        choices = schema.get("enum")
        if isinstance(choices, list) and not any(same(choice, value) for choice in choices):
            names = [choice for choice in choices if isinstance(choice, str)]
            near = self._nearest(value, names) if isinstance(value, str) else None
            one_of = f"this must be {listed([shown(choice) for choice in choices])}"
            out.append(Fault(at, "enum", self._said(schema, one_of), did_you_mean(near), code))
        if isinstance(value, str):
            self._check_text(schema, value, at, code, out)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            for keyword, broken, text in (
                ("minimum", below, "at least"),
                ("maximum", above, "at most"),
                ("exclusiveMinimum", not_above, "more than"),
                ("exclusiveMaximum", not_below, "less than"),
            ):
                bound = schema.get(keyword)
                if isinstance(bound, int | float) and broken(value, bound):
                    out.append(Fault(at, keyword, self._said(schema, f"this must be {text} {bound}"), code=code))
            step = schema.get("multipleOf")
            if isinstance(step, int | float) and step > 0 and value % step != 0:
                out.append(Fault(at, "multipleOf", self._said(schema, f"this must be a multiple of {step}"), code=code))

    def _check_text(self, schema: Schema, value: str, at: str, code: str | None, out: list[Fault]) -> None:
        least, most, pattern = schema.get("minLength"), schema.get("maxLength"), schema.get("pattern")
        if isinstance(least, int) and len(value) < least:
            message = "this text must not be empty" if least == 1 else f"this text needs at least {least} characters"
            out.append(Fault(at, "minLength", self._said(schema, message), code=code))
        if isinstance(most, int) and len(value) > most:
            message = f"this text has {len(value):,} characters, at most {most:,} are allowed"
            out.append(Fault(at, "maxLength", message, code=code))
        if isinstance(pattern, str) and not pattern_of(pattern).search(value):
            message = self._said(schema, f"this text must match {pattern}")
            out.append(Fault(at, "pattern", f"{shown(value)} is not allowed: {message}", code=code))

    def _check_object(
        self, schema: Schema, value: dict[str, Json], at: str, code: str | None, out: list[Fault], depth: int
    ) -> bool:
        sure = True
        required = schema.get("required")
        properties = schema.get("properties")
        known = properties if isinstance(properties, dict) else {}
        out.extend(
            Fault(at, "required", f"{key!r} is missing", purpose(known.get(key)), code, key)
            for key in (required if isinstance(required, list) else ())
            if isinstance(key, str) and key not in value
        )
        least, most = schema.get("minProperties"), schema.get("maxProperties")
        if isinstance(least, int) and len(value) < least:
            out.append(Fault(at, "minProperties", f"this object needs at least {count(least, 'key')}", code=code))
        if isinstance(most, int) and len(value) > most:
            out.append(Fault(at, "maxProperties", f"this object may have at most {count(most, 'key')}", code=code))
        patterns = schema.get("patternProperties")
        by_pattern = patterns if isinstance(patterns, dict) else {}
        names, others = schema.get("propertyNames"), schema.get("additionalProperties")
        for key, item in value.items():
            here = child(at, key)
            if names is not None:
                about: list[Fault] = []
                self._check(names, key, here, code, about, depth + 1)
                out.extend(about)
            listed = key in known
            if listed:
                sure &= self._check(known[key], item, here, code, out, depth + 1)
            for pattern, rule in by_pattern.items():
                if pattern_of(pattern).search(key):
                    listed = True
                    sure &= self._check(rule, item, here, code, out, depth + 1)
            if listed or others is None:
                continue
            if others is False:
                near = self._nearest(key, known)
                hint = did_you_mean(near) or (f"allowed: {', '.join(known)}" if 0 < len(known) <= 20 else None)
                out.append(Fault(here, "additionalProperties", f"unknown key {shown(key)}", hint, code, key))
            else:
                sure &= self._check(others, item, here, code, out, depth + 1)
        needs = schema.get("dependentRequired")
        for key, also in needs.items() if isinstance(needs, dict) else ():
            out.extend(
                Fault(at, "required", f"with {key!r}, {other!r} is needed too", code=code, key=other)
                for other in (also if key in value and isinstance(also, list) else ())
                if isinstance(other, str) and other not in value
            )
        return sure

    def _check_list(
        self, schema: Schema, value: list[Json], at: str, code: str | None, out: list[Fault], depth: int
    ) -> bool:
        sure = True
        least, most = schema.get("minItems"), schema.get("maxItems")
        if isinstance(least, int) and len(value) < least:
            message = (
                "this list must not be empty" if least == 1 else f"this list needs at least {count(least, 'item')}"
            )
            out.append(Fault(at, "minItems", message, code=code))
        if isinstance(most, int) and len(value) > most:
            out.append(Fault(at, "maxItems", f"this list may have at most {count(most, 'item')}", code=code))
        prefix, items = schema.get("prefixItems"), schema.get("items")
        first = prefix if isinstance(prefix, list) else []
        for index, item in enumerate(value):
            rule = first[index] if index < len(first) else items
            if rule is not None:
                sure &= self._check(rule, item, child(at, index), code, out, depth + 1)
        if schema.get("uniqueItems") is True:
            seen: dict[bytes, int] = {}
            for index, item in enumerate(value):
                if isinstance(item, str | dict) and self._hole(item) is not None:
                    sure = False
                    continue
                text = canonical_bytes(item)
                if text in seen:
                    message = f"{shown(item)} stands in this list twice"
                    out.append(Fault(child(at, index), "uniqueItems", message, code=code))
                seen[text] = index
        return sure

    def _check_branches(
        self, schema: Schema, value: Json, at: str, code: str | None, out: list[Fault], depth: int
    ) -> bool:
        sure = True
        every = schema.get("allOf")
        for branch in every if isinstance(every, list) else ():
            sure &= self._check(branch, value, at, code, out, depth + 1)
        for keyword in ("anyOf", "oneOf"):
            branches = schema.get(keyword)
            if not isinstance(branches, list):
                continue
            tried = [self._tried(branch, value, at, code, depth) for branch in branches]
            fitting = [known for faults, known in tried if not faults]
            if not fitting:
                out.extend(self._best(schema, branches, [faults for faults, _ in tried], value, at, code))
            elif keyword == "oneOf" and sum(fitting) > 1:
                message = self._said(schema, several(branches))
                out.append(Fault(at, "oneOf", message, code=code))
            sure &= all(known for _, known in tried) or (keyword == "anyOf" and any(fitting))
        if "not" in schema:
            faults, known = self._tried(schema["not"], value, at, code, depth)
            if not faults and known:
                out.append(Fault(at, "not", self._said(schema, "this is not allowed here"), code=code))
            sure &= known or bool(faults)
        return sure

    def _tried(self, branch: Json, value: Json, at: str, code: str | None, depth: int) -> tuple[list[Fault], bool]:
        faults: list[Fault] = []
        known = self._check(branch, value, at, code, faults, depth + 1)
        return faults, known

    def _best(
        self, schema: Schema, branches: list[Json], tried: list[list[Fault]], value: Json, at: str, code: str | None
    ) -> list[Fault]:
        """The faults of the branch that was most likely meant: one whose type fits, with the fewest faults."""
        said = schema.get("x-message")
        if isinstance(said, str):
            return [Fault(at, "anyOf", said, code=code)]
        meant = [
            faults for faults in tried if not any(each.keyword == "type" and each.pointer == at for each in faults)
        ]
        if meant and not all(len(faults) == 1 and faults[0].keyword == "required" for faults in meant):
            deepest = [faults for faults in meant if any(each.pointer != at for each in faults)]
            return min(deepest or meant, key=len)
        if meant:
            keys = [repr(faults[0].key) for faults in meant]
            return [Fault(at, "anyOf", f"{listed(keys)} is missing", code=code)]
        names = [name for branch in branches if isinstance(branch, dict) for name in type_names(branch.get("type"))]
        return [Fault(at, "anyOf", expected(list(dict.fromkeys(names)), value), code=code)]

    def _said(self, schema: Schema, otherwise: str) -> str:
        said = schema.get("x-message")
        return said if isinstance(said, str) else otherwise

    def _nearest(self, name: str, among: Iterable[str]) -> str | None:
        if self._suggestions <= 0:
            return None
        self._suggestions -= 1
        return nearest(name, among)

    def _referred(self, target: str) -> Json:
        """The schema that a local `$ref` names; None for one that isn't there."""
        if target not in self._targets:
            here: Json = self._root if target == "#" or target.startswith("#/") else None
            for token in tokens_of(target[1:]):
                here = here.get(token) if isinstance(here, dict) else None
            self._targets[target] = here
        return self._targets[target]
