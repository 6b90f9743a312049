"""`data.parse`: each format, its options, and what is no text of it."""

from __future__ import annotations

import pytest

from modules.data.parse import MODULE
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import ModuleError
from tests.fixtures.module_host import ModuleHost


async def rows(host: ModuleHost, form: str, text: str, **options: Json) -> Json:
    inputs: JsonObject = {"format": form, "text": text, "options": options}
    output = (await host.run(MODULE, inputs)).output
    assert isinstance(output, dict)
    return output["rows"]


@pytest.mark.parametrize(
    ("form", "text", "options", "expected"),
    [
        ("json", '[1, "a", null]', {}, [1, "a", None]),
        ("json", '{"a": 1}', {}, [{"a": 1}]),
        ("json", '{"a": {"b": [1, 2]}}', {"path": "a.b"}, [1, 2]),
        ("json", '{"a": {}}', {"path": "a.b"}, []),
        ("json", "\ufeff[9007199254740993, 18446744073709551615]", {}, [9007199254740993, 18446744073709551615]),
        ("json", '["\\ud800", "\\u0000"]', {}, ["\ud800", "\x00"]),
        ("jsonl", '{"a":1}\n\n{"a":2}\r\n', {}, [{"a": 1}, {"a": 2}]),
        ("jsonl", "", {}, []),
        ("csv", "a,b\r\n1,x\r\n2\r\n", {}, [{"a": "1", "b": "x"}, {"a": "2", "b": None}]),
        ("csv", "\ufeffa;b\n'1;2';'it''s'\n\n", {"delimiter": ";", "quote": "'"}, [{"a": "1;2", "b": "it's"}]),
        ("csv", "1,2\n3,4", {"header": False}, [["1", "2"], ["3", "4"]]),
        ("csv", "1,2\n3,4", {"header": ["x", "y"]}, [{"x": "1", "y": "2"}, {"x": "3", "y": "4"}]),
        (
            "csv",
            "a,b,c,d,e,f\n1,1.5,true,,007,x",
            {"infer": True},
            [{"a": 1, "b": 1.5, "c": True, "d": None, "e": "007", "f": "x"}],
        ),
        ("csv", 'a\n"one\ntwo"', {}, [{"a": "one\ntwo"}]),
        ("csv", "", {}, []),
        (
            "yaml",
            "[on, 2020-01-02, 0o17, 0x1f, 1_000, ~, 'true', true, .5]",
            {},
            ["on", "2020-01-02", 15, 31, "1_000", None, "true", True, 0.5],
        ),
        ("yaml", "a: &x {b: 1}\nc: *x\n404: no", {}, [{"a": {"b": 1}, "c": {"b": 1}, "404": "no"}]),
        ("yaml", "a: 1\n---\na: 2", {}, [{"a": 1}, {"a": 2}]),
        ("yaml", "x: {rows: [1]}", {"path": "x.rows"}, [1]),
        ("yaml", "", {}, [None]),
        ("xml", '<o id="7"><l>a</l><l>b</l><n/></o>', {}, [{"o": {"@id": "7", "l": ["a", "b"], "n": ""}}]),
        ("xml", "<o><l>a</l></o>", {"lists": ["l"], "path": "o.l"}, ["a"]),
        ("xml", "<o><l>a</l></o>", {"path": "o.l"}, ["a"]),
        ("xml", '<?xml version="1.0" encoding="ISO-8859-1"?><a>ü &lt; <![CDATA[<b>]]></a>', {}, [{"a": "ü < <b>"}]),
        (
            "xml",
            '<s:a xmlns:s="u"><s:b x="1">t</s:b></s:a>',
            {},
            [{"s:a": {"@xmlns:s": "u", "s:b": {"@x": "1", "#text": "t"}}}],
        ),
        ("xml", "<a> one <b/> two </a>", {}, [{"a": {"b": "", "#text": "one  two"}}]),
    ],
)
async def test_rows(module_host: ModuleHost, form: str, text: str, options: JsonObject, expected: Json) -> None:
    assert await rows(module_host, form, text, **options) == expected


@pytest.mark.parametrize(
    ("form", "text", "line"),
    [
        ("json", '{"a": 1,\n}', 2),
        ("json", "", 1),
        ("json", "[NaN]", 1),
        ("json", "[\n1e999]", 2),
        ("json", "[123456789012345678901234567890]", 1),
        ("json", "[" * 300 + "]" * 300, None),
        ("json", "[" * 100_000, None),
        ("jsonl", '{"a":1}\n{', 2),
        ("csv", "a,b\n1,2,3", 2),
        ("csv", "a,a\n1,2", 1),
        ("csv", 'a\n"open', 2),
        ("yaml", "a: [", 2),
        ("yaml", "a: 1\na: 2", 2),
        ("yaml", "a: &x {b: 1}\nc:\n  <<: *x", 3),
        ("yaml", "a: !!int x", 1),
        ("yaml", "a: *nothing", 1),
        ("yaml", "&a [*a]", 1),
        ("yaml", "!!python/object:os.system {}", 1),
        ("yaml", "- .inf", 1),
        ("yaml", "? [a]\n: b", 1),
        ("yaml", "a: \x01", None),
        ("yaml", "[" * 300, 1),
        ("xml", "<a><b></a>", 1),
        ("xml", "", 1),
        ("xml", "<a/><b/>", 1),
        ("xml", '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', None),
        ("xml", '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', None),
        ("xml", "<a>" * 300 + "</a>" * 300, None),
        ("xml", "<a>\x00</a>", 1),
    ],
)
async def test_what_cannot_be_read_is_told_with_its_line(
    module_host: ModuleHost, form: str, text: str, line: int | None
) -> None:
    with pytest.raises(ModuleError) as caught:
        await rows(module_host, form, text)
    assert (caught.value.code, caught.value.retryable) == ("data.invalid", False)
    if line is not None:
        assert caught.value.details["line"] == line


async def test_bombs_of_aliases_do_not_unfold(module_host: ModuleHost) -> None:
    layers = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    layers += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ModuleError) as caught:
        await rows(module_host, "yaml", "\n".join(layers))
    assert caught.value.code == "data.invalid"


async def test_an_option_of_another_format_is_refused(module_host: ModuleHost) -> None:
    with pytest.raises(ModuleError) as caught:
        await rows(module_host, "json", "[]", delimiter=";")
    assert caught.value.code == "input.invalid"


@pytest.mark.parametrize(
    ("offset", "limit", "expected", "following"),
    [
        (0, None, [0, 1, 2, 3, 4], None),
        (0, 2, [0, 1], 2),
        (2, 2, [2, 3], 4),
        (4, 2, [4], None),
        (3, 2, [3, 4], None),
        (9, 2, [], None),
    ],
)
async def test_parts(
    module_host: ModuleHost, offset: int, limit: int | None, expected: list[int], following: int | None
) -> None:
    inputs: JsonObject = {"format": "json", "text": "[0,1,2,3,4]", "offset": offset}
    if limit is not None:
        inputs["limit"] = limit
    output = (await module_host.run(MODULE, inputs)).output
    assert output == {"rows": expected, "next": following, "total": 5}


async def test_a_large_file_is_read_in_time(module_host: ModuleHost) -> None:
    text = "sku,n\n" + "".join(f"article-{n},{n}\n" for n in range(200_000))
    output = (await module_host.run(MODULE, {"format": "csv", "text": text, "limit": 1})).output
    assert output == {"rows": [{"sku": "article-0", "n": "0"}], "next": 1, "total": 200_000}
