"""`data.transform`: both languages, and what they don't have here."""

from __future__ import annotations

import pytest

from modules.data.transform import MODULE
from modules.sdk.json import Json
from modules.sdk.verdicts import ModuleError
from tests.fixtures.module_host import ModuleHost

DATA: Json = {"lines": [{"sku": "a", "n": 2}, {"sku": "b", "n": 5}], "empty": []}


async def transform(host: ModuleHost, language: str, expression: str, data: Json = DATA, timeout: float = 10) -> Json:
    inputs: dict[str, Json] = {"language": language, "expression": expression, "data": data}
    return (await host.run(MODULE, inputs, timeout=timeout)).output


@pytest.mark.parametrize(
    ("language", "expression", "output"),
    [
        ("jsonata", "$sum(lines.n)", 7),
        ("jsonata", "lines[n > 2].sku", "b"),
        ("jsonata", "missing", None),
        ("jsonata", "lines.{'s': sku}", [{"s": "a"}, {"s": "b"}]),
        ("jsonata", "lines{sku: n}", {"a": 2, "b": 5}),
        ("jsonata", "empty", []),
        ("jsonata", "null", None),
        ("jsonata", "$toMillis('2020-01-02', '[Y]-[M01]-[D01]')", 1577923200000),
        ("jmespath", "lines[?n > `2`].sku", ["b"]),
        ("jmespath", "sum(lines[].n)", 7),
        ("jmespath", "missing", None),
    ],
)
async def test_results(module_host: ModuleHost, language: str, expression: str, output: Json) -> None:
    assert await transform(module_host, language, expression) == output


@pytest.mark.parametrize(
    "expression",
    [
        *["$now()", "$millis()", "$random()", "$shuffle([1, 2])", "$eval('1')", "$toMillis('12:30', '[H01]:[m01]')"],
        *["{", "1/0", "'a' - 1", "function($x){1}", "10000000000000000000 * 10000000000000000000", "$error('no')"],
    ],
)
async def test_what_jsonata_refuses(module_host: ModuleHost, expression: str) -> None:
    with pytest.raises(ModuleError) as caught:
        await transform(module_host, "jsonata", expression)
    assert (caught.value.code, caught.value.retryable) == ("data.expression", False)


@pytest.mark.parametrize("expression", ["lines[", "no_such_function(@)", "sum(@)", "to_number(lines) || sum(`1`)"])
async def test_what_jmespath_refuses(module_host: ModuleHost, expression: str) -> None:
    with pytest.raises(ModuleError) as caught:
        await transform(module_host, "jmespath", expression)
    assert caught.value.code == "data.expression"


async def test_a_pattern_without_end_is_stopped(module_host: ModuleHost) -> None:
    with pytest.raises(ModuleError) as caught:
        await transform(module_host, "jsonata", "$match($, /(a+)+$/)", "a" * 40 + "!", timeout=1)
    assert caught.value.code == "data.timeout"
