"""A value that fits a JSON Schema, for want of a real one: what a simulated step gives when it never ran and has no example.

The same schema always gives the same sample. It is plausible rather than proven: patterns and cross-field rules are not solved. What the
author says comes first: `const`, `default`, `examples`, `enum`. Never raises, whatever the schema.
"""

from __future__ import annotations

from engine.expressions.values import Json

_DEEPEST = 12
_MOST = 5_000
"""Schemas looked at: one that refers to itself twice would otherwise double at each level."""

_FORMATS: dict[str, str] = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample(schema: Json) -> Json:
    """A value for `schema`; null where anything goes."""
    return _Sampler(schema).of(schema, 0)


class _Sampler:
    def __init__(self, root: Json) -> None:
        self._root = root
        self._left = _MOST

    def of(self, schema: Json, depth: int) -> Json:
        self._left -= 1
        if not isinstance(schema, dict) or depth > _DEEPEST or self._left < 0:
            return None
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        for key in ("examples", "enum"):
            listed = schema.get(key)
            if isinstance(listed, list) and listed:
                return listed[0]
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self.of(self._resolved(reference), depth + 1)
        for key in ("oneOf", "anyOf"):
            choices = schema.get(key)
            if isinstance(choices, list) and choices:
                return self._merged([{**schema, key: None}, choices[0]], depth)
        parts = schema.get("allOf")
        if isinstance(parts, list) and parts:
            return self._merged([{**schema, "allOf": None}, *parts], depth)
        return self._typed(schema, depth)

    def _merged(self, schemas: list[Json], depth: int) -> Json:
        """Objects together; of anything else the last that says something."""
        merged: Json = None
        for schema in schemas:
            one = self.of(schema, depth + 1)
            if isinstance(merged, dict) and isinstance(one, dict):
                merged = {**merged, **one}
            elif one is not None:
                merged = one
        return merged

    def _typed(self, schema: dict[str, Json], depth: int) -> Json:
        named = schema.get("type")
        if isinstance(named, list):
            named = next((one for one in named if one != "null"), "null")
        if named == "object" or (named is None and "properties" in schema):
            return self._object(schema, depth)
        if named == "array" or (named is None and "items" in schema):
            least = schema.get("minItems")
            count = min(max(least if isinstance(least, int) else 1, 1), 10)
            return [self.of(schema.get("items"), depth + 1) for _ in range(count)]
        if named == "string":
            return _text(schema)
        if named in ("integer", "number"):
            return _number(schema)
        return True if named == "boolean" else None

    def _object(self, schema: dict[str, Json], depth: int) -> Json:
        properties = schema.get("properties")
        known = properties if isinstance(properties, dict) else {}
        made = {name: self.of(below, depth + 1) for name, below in known.items()}
        required = schema.get("required")
        for name in required if isinstance(required, list) else []:
            if isinstance(name, str):
                made.setdefault(name, self.of(schema.get("additionalProperties"), depth + 1))
        return made

    def _resolved(self, reference: str) -> Json:
        if not reference.startswith("#"):
            return None
        found = self._root
        for part in reference[1:].split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, dict) else None
        return found


def _text(schema: dict[str, Json]) -> str:
    named = schema.get("format")
    text = _FORMATS.get(named, "text") if isinstance(named, str) else "text"
    least, most = schema.get("minLength"), schema.get("maxLength")
    if isinstance(least, int) and len(text) < least:
        text = text.ljust(min(least, 1000), "t")
    if isinstance(most, int) and 0 <= most < len(text):
        text = text[:most]
    return text


def _number(schema: dict[str, Json]) -> Json:
    whole = schema.get("type") == "integer"
    lowest, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    highest, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    step = schema.get("multipleOf")
    if isinstance(lowest, (int, float)):
        number: Json = lowest
    elif isinstance(above, (int, float)):
        number = above + 1
    elif isinstance(highest, (int, float)):
        number = min(highest, 1)
    elif isinstance(below, (int, float)):
        number = min(below - 1, 1)
    else:
        number = step if isinstance(step, (int, float)) else 1
    return int(number) if whole and isinstance(number, float) else number
