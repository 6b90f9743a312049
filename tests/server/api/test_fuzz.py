"""Made-up requests of every operation, by the OpenAPI document: none breaks the server, and all answer as they declare."""

from __future__ import annotations

import asyncio
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fixtures.api import Api

FEW, MANY = 2, 12
STREAMS = ("/api/v1/runs/events", "/metrics")
"""Streams never end; what Prometheus gets has no shape to hold it against."""


@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
async def test_no_made_up_request_breaks_the_server(api: Api, examples: int) -> None:
    schema = schemathesis.openapi.from_dict(api.openapi)
    headers = {"Authorization": f"Bearer {api.keys['foreign']}"}
    await asyncio.to_thread(_fuzz, schema, api.url, headers, examples)


def _fuzz(schema: Any, url: str, headers: dict[str, str], examples: int) -> None:
    count = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in STREAMS:
            continue
        count += 1
        hooks = operation.path.startswith("/hooks/")
        checks = [not_a_server_error] if hooks else CHECKS

        @hypothesis.seed(7)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=_cases(operation))
        def hold(case: Any) -> None:
            case.call_and_validate(base_url=url, headers=headers, checks=checks, timeout=30)  # noqa: B023  # it is run here and now

        hold()
    assert count > 40


def _cases(operation: Any) -> Any:
    """As the document says, and against it."""
    return operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
