"""What people expect of a step in JavaScript."""

from __future__ import annotations

import pytest

from modules.code.javascript import MODULE
from modules.sdk.json import Json
from modules.sdk.verdicts import ModuleError
from tests.fixtures.module_host import ModuleHost


async def value(host: ModuleHost, source: str, given: Json = None, **inputs: Json) -> Json:
    return (await host.run(MODULE, {"source": source, "input": given, **inputs})).output


async def test_the_language_is_as_people_know_it(module_host: ModuleHost) -> None:
    source = """
    class Line { #n; constructor(n) { this.#n = n } get double() { return this.#n * 2 } }
    const main = async ({ lines, ...rest }) => {
      const made = await Promise.all(lines.map(async (n) => new Line(n).double));
      const { a = 3 } = rest;
      return { made, a, at: made.at(-1), group: Object.groupBy ? 1 : 1, text: `${a ?? 0}`.padStart(3, '0'),
               date: new Date(0).toISOString(), re: 'x1y2'.match(/(?<n>\\d)/).groups.n, none: undefined, big: String(2n ** 70n) };
    };
    """
    assert await value(module_host, source, {"lines": [1, 2]}) == {
        "made": [2, 4],
        "a": 3,
        "at": 4,
        "group": 1,
        "text": "003",
        "date": "1970-01-01T00:00:00.000Z",
        "re": "1",
        "big": "1180591620717411303424",
    }
    assert await value(module_host, "function main() {}") is None


@pytest.mark.parametrize(
    ("source", "line", "kind", "text"),
    [
        ("function main(input) {\n  return input.a.b;\n}", 2, "TypeError", "cannot read property"),
        ("\nfunction main() {\n  let x = ;\n}", 3, "SyntaxError", "unexpected token"),
        ("function main() {\n  throw new RangeError('odd');\n}", 2, "RangeError", "odd"),
        ("async function main() {\n\n  await null; throw new TypeError('late');\n}", 3, "TypeError", "late"),
        ("function main() { throw 'text' }", None, "Error", "text"),
        ("const other = 1", None, "ReferenceError", "no function `main(input)`"),
        ("function main() { return 1n }", None, "TypeError", "BigInt"),
        ("function main() { return new Promise(() => {}) }", None, "Error", "will ever settle"),
        ("function main() { return main() + 1 }", 1, "RangeError", "call stack"),
    ],
)
async def test_an_error_tells_where_and_what(
    module_host: ModuleHost, source: str, line: int | None, kind: str, text: str
) -> None:
    with pytest.raises(ModuleError) as caught:
        await value(module_host, source)
    details = caught.value.details
    assert (caught.value.code, details["line"], details["type"]) == ("code.error", line, kind)
    assert text in str(details["text"])


async def test_limits_have_codes_of_their_own(module_host: ModuleHost) -> None:
    for code, source, inputs in (
        ("code.timeout", "function main() { for (;;); }", {"timeout": 0.3}),
        (
            "code.memory",
            "function main() { const a = []; for (;;) a.push(new Array(1000).fill(1)) }",
            {"memory_mb": 32},
        ),
        ("payload.too_large", "function main() { return 'x'.repeat(2 ** 20) }", {}),
    ):
        with pytest.raises(ModuleError) as caught:
            await value(module_host, source, None, **inputs)
        assert caught.value.code == code
