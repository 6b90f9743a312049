"""The OpenAPI document: whole, and what a client can be made from."""

from __future__ import annotations

import re
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from server.api.app import BELOW, OUTSIDE, PREFIX
from tests.fixtures.api import Api


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(method.upper(), path): found for path, node in document["paths"].items() for method, found in node.items()}


async def test_every_route_is_in_it(api: Api) -> None:
    async with httpx.AsyncClient() as anybody:
        document = (await anybody.get(f"{api.url}{PREFIX}/openapi.json")).json()
    registered: set[tuple[str, str]] = set()
    for nouns, prefix in ((BELOW, PREFIX), (OUTSIDE, "")):
        for noun in nouns:
            for route in noun.router.routes:
                registered |= {(method, prefix + route.path) for method in route.methods}  # type: ignore[attr-defined]
    assert registered == set(operations(document))
    assert len(registered) > 45


def test_every_operation_says_what_it_takes_gives_and_needs(api: Api) -> None:
    ids: list[str] = []
    for (method, path), found in operations(api.openapi).items():
        ids.append(found["operationId"])
        below = path.startswith(PREFIX)
        assert found.get("security") == ([{"key": []}] if below else None)
        assert ("x-action" in found) == below
        assert (found.get("description") or "").strip(), path
        declared = {parameter["name"] for parameter in found["parameters"] if parameter["in"] == "path"}
        assert declared == set(re.findall(r"\{(\w+)\}", path))
        good = [status for status in found["responses"] if status.startswith("2")]
        assert good, path
        for status in good:
            assert "content" in found["responses"][status] or status == "204", (path, status)
        if below:
            assert {"401", "403", "503"} <= set(found["responses"])
            names = {parameter["name"] for parameter in found["parameters"]}
            assert ("Idempotency-Key" in names) == (method != "GET")
        bare = path.endswith(
            (
                *("/cancel", "/unpin", "/flush", "/pause", "/resume", "/clear", "/authorize", "/revoke"),
                *("{connection}/test", "{event_id}/replay", "{event_id}/drop", "{poll_id}/now"),
            )
        )
        if method in ("POST", "PUT", "PATCH") and not bare:
            assert "requestBody" in found, path
    assert len(ids) == len(set(ids))


def test_its_shapes_are_schemas_and_all_references_lead_somewhere(api: Api) -> None:
    for shape in api.openapi["components"]["schemas"].values():
        Draft202012Validator.check_schema(shape)
    text = str(api.openapi)
    for name in set(re.findall(r"#/components/schemas/(\w+)", text)):
        assert name in api.openapi["components"]["schemas"]
    for name in set(re.findall(r"#/components/responses/(\w+)", text)):
        content = api.openapi["components"]["responses"][name]["content"]
        assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert api.openapi["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert api.openapi["openapi"].startswith("3.1")
