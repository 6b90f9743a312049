"""How routes say what they take and give, for the OpenAPI document alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from pydantic import BaseModel

from engine.expressions.values import Json
from server.api.shapes import Schema, ref

Gives: TypeAlias = Mapping[int, str | None]
"""By status: the name of a shape, a media type (it has a slash), `Problem` for a refusal that isn't every route's, or None for no body."""

JSON = "application/json"
YAML = "application/yaml"


def answering(gives: Gives) -> dict[str, object]:
    """The `responses` of an operation; problems are added to all of them alike."""
    return {"responses": {str(status): _answer(status, shape) for status, shape in gives.items()}}


def answering_pages(gives: Gives) -> dict[str, object]:
    """The same where a browser gets each of these as a page instead."""
    described: dict[str, Json] = {}
    for status, shape in gives.items():
        media = "application/problem+json" if shape == "Problem" else JSON
        content: dict[str, Json] = {media: {"schema": ref(shape or "Problem")}, "text/html": {"schema": {}}}
        described[str(status)] = {"description": shape or "Nothing.", "content": content}
    return {"responses": described}


def taking(shape: str | type[BaseModel], *, required: bool = True, yaml: bool = False) -> dict[str, object]:
    """The `requestBody`: a shape by name, or what a model takes. With `yaml`, a document alone may come as YAML."""
    schema: object = ref(shape) if isinstance(shape, str) else shape.model_json_schema()
    content: dict[str, object] = {JSON: {"schema": schema}}
    if yaml:
        content[YAML] = {"schema": {"type": "string"}}
    return {"requestBody": {"required": required, "content": content}}


def taking_any(**media: Schema) -> dict[str, object]:
    """The `requestBody` of an address that takes whatever comes."""
    return {"requestBody": {"required": False, "content": {"*/*": {"schema": {}}, **media}}}


def _answer(status: int, shape: str | None) -> dict[str, Json]:
    if shape == "Problem":
        return {"$ref": f"#/components/responses/{status}"}
    if shape is None:
        return {"description": "Nothing."}
    if "/" in shape:
        return {"description": "As it was stored or happens.", "content": {shape: {"schema": {}}}}
    return {"description": shape, "content": {JSON: {"schema": ref(shape)}}}
