"""The published JSON Schema of documents.

`schema.json` is the one description of a document's shape: editors read it, and the validator's shape findings are made from it.
Two keywords of ours stand in it: `x-finding`, the code that a fault at or below it gets, and `x-message`, the sentence for people.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from engine.spec.document import JsonObject
from modules.sdk.strict_json import parse_json


@cache
def document_schema() -> JsonObject:
    """The schema. It is shared: whoever wants to change it copies it first."""
    schema = parse_json(resources.files("engine.spec").joinpath("schema.json").read_bytes())
    assert isinstance(schema, dict)
    return schema
