"""Values survive the way from a webhook through the run and its log to whoever reads it."""

from __future__ import annotations

import json

import pytest

from tests.fixtures.api import JSON, Api, encoded
from tests.fixtures.flows import flow, step


def deep(levels: int) -> object:
    value: object = "end"
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


VALUES: dict[str, object] = {
    "text": 'a\x00b \ud800 \udfff\ud800 \ud83d\ude00 \u2028 \ufeff é € \x7f \x1b \\u0000 \\ " / {{ not.an.expression }}',
    "names": {
        "": 1,
        "a\x00": 2,
        "\ud800": 3,
        "$literal": {"{{ x }}": "{{ y }}"},
        "$ref": "nothing",
        "__proto__": {},
        "é": 4,
    },
    "integers": [0, -1, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, True, False],
    "numbers": [1e308, -1e308, 5e-324, 0.1, 1.0, -0.0, 1e16, 123456789.123456789, 1.7976931348623157e308],
    "nothing": [None, [], {}, "", [[]], {"a": {}}, [None]],
    "deep": deep(100),
    "wide": {f"key {n}": n for n in range(2000)},
    "long": "ü\x00\ud800" * 60_000,
    "reference": {"$ref": "a" * 64, "size": 7, "type": "object"},
}


@pytest.mark.parametrize("kind", VALUES)
async def test_a_body_comes_back_as_it_was(api: Api, kind: str) -> None:
    value = {"value": VALUES[kind]}
    inputs = {"mode": "sync", "timeout": "60s"}
    document = flow("{{ steps.a.output.seen }}", a=step("core.set", values={"seen": "{{ input.value }}"}))
    name = await api.create(
        document | {"triggers": {"hook": {"module": "webhook.trigger", "version": 1, "inputs": inputs}}}
    )
    answer = await api.hook(name, content=encoded(value), headers=JSON)
    assert answer.status_code == 200, answer.text
    assert exact(answer.text) == exact(json.dumps(value["value"]))
    run = await api.owner.get(f"/runs/{answer.headers['x-run-id']}")
    (row,) = await api.steps(answer.headers["x-run-id"])
    if kind == "long":
        ref = run.json()["output"]
        assert set(ref) == {"$ref", "size", "type"}
        whole = await api.owner.get(f"/runs/{answer.headers['x-run-id']}/payloads/{ref['$ref']}")
        assert exact(whole.text) == exact(json.dumps(value["value"]))
        return
    assert exact(json.dumps(run.json()["output"])) == exact(json.dumps(value["value"]))
    assert exact(json.dumps(run.json()["input"])) == exact(json.dumps(value))
    assert exact(json.dumps(row["output"])) == exact(json.dumps({"seen": value["value"]}))


def exact(text: str) -> str:
    """One form for one value: `1` and `1.0`, `true` and `1` stay apart, which Python's `==` would not tell."""
    return json.dumps(json.loads(text))
