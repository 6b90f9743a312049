"""`data.format`: what it writes, `data.parse` reads back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.data.format import MODULE
from modules.data.formats.reading import parse
from modules.data.formats.writing import write
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import ModuleError
from tests.fixtures.module_host import ModuleHost
from tests.modules.values import VALUES


def written(form: str, rows: list[Json], **options: Json) -> str:
    output = write({"format": form, "rows": rows, "options": options})
    assert isinstance(output, dict)
    text = output["text"]
    assert isinstance(text, str)
    return text


def read_back(form: str, text: str, **options: Json) -> Json:
    output = parse({"format": form, "text": text, "options": options})
    assert isinstance(output, dict)
    return output["rows"]


@given(st.lists(VALUES, max_size=4), st.integers(0, 3))
@settings(max_examples=100)
def test_json_comes_back(rows: list[Json], indent: int) -> None:
    assert read_back("json", written("json", rows, indent=indent)) == rows
    assert read_back("jsonl", written("jsonl", rows)) == rows


# What YAML can say: no control characters but those that are escaped, and no lone surrogates
YAML_TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=10
) | st.sampled_from(
    [
        "on",
        "no",
        "true",
        "null",
        "~",
        "1",
        "0o7",
        "0x1f",
        "1e3",
        ".5",
        ".inf",
        "<<",
        "12:30",
        "2020-01-02",
        "- a",
        "a: b",
        "#",
        "",
        " ",
        "\n",
        "!x",
    ]
)
YAML_VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | YAML_TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(YAML_TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(YAML_VALUES, max_size=3))
@settings(max_examples=200)
def test_yaml_comes_back(rows: list[Json]) -> None:
    assert read_back("yaml", written("yaml", rows)) == rows


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    st.lists(CELLS, min_size=1, max_size=4, unique=True),
    st.data(),
    st.sampled_from([(",", '"'), (";", "'"), ("\t", '"'), ("|", "|")]),
)
@settings(max_examples=100)
def test_csv_comes_back(columns: list[str], data: st.DataObject, marks: tuple[str, str]) -> None:
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, CELLS)), min_size=1, max_size=4))
    options: JsonObject = {"delimiter": marks[0], "quote": marks[1]}
    given_rows: list[Json] = [dict(row) for row in rows]
    if marks[0] == marks[1]:
        with pytest.raises(ModuleError):
            written("csv", given_rows, **options)
        return
    assert read_back("csv", written("csv", given_rows, **options), **options) == rows


NAMES = st.from_regex(r"[a-z_][a-z0-9_.-]{0,5}", fullmatch=True)
# Texts that XML can hold; a node that is only text keeps its white space
XML_TEXTS = st.text(st.sampled_from("ab <>&\"'\n\t\rü\U0001f600]"), min_size=1, max_size=8)
XML_NODES: st.SearchStrategy[Json] = st.recursive(
    XML_TEXTS | st.just(""),
    lambda inner: st.dictionaries(
        NAMES | NAMES.map(lambda name: f"@{name}"),
        inner | st.lists(inner, min_size=2, max_size=3),
        min_size=1,
        max_size=3,
    ).map(
        lambda node: {
            key: ("x" if key.startswith("@") and not isinstance(value, str) else value) for key, value in node.items()
        }
    ),
    max_leaves=8,
)


@given(NAMES, XML_NODES)
@settings(max_examples=200)
def test_xml_comes_back(name: str, node: Json) -> None:
    assert read_back("xml", written("xml", [{name: node}])) == [{name: node}]


def test_yaml_that_only_looks_like_half_a_pair() -> None:
    rows: list[Json] = ["a\\ud800", '"\\ud800"', "\x07\\ud800", {"\\uD800\x07": "\U0001f600"}]
    assert read_back("yaml", written("yaml", rows)) == rows


def test_xml_of_rows() -> None:
    text = written("xml", [{"sku": "a", "n": 2}, {"sku": "<b>", "n": None}], root="orders", row="order", indent=2)
    assert text == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<orders>\n  <order>\n    <sku>a</sku>\n    <n>2</n>\n  </order>\n'
        "  <order>\n    <sku>&lt;b&gt;</sku>\n    <n/>\n  </order>\n</orders>\n"
    )
    assert read_back("xml", text, path="orders.order") == [{"sku": "a", "n": "2"}, {"sku": "<b>", "n": ""}]


async def test_csv_cells(module_host: ModuleHost) -> None:
    rows: list[Json] = [{"a": 1, "b": [1, "x"]}, {"a": True, "c": 'say "hi", now'}]
    result = await module_host.run(MODULE, {"format": "csv", "rows": rows})
    assert result.output == {"text": 'a,b,c\n1,"[1,""x""]",\ntrue,,"say ""hi"", now"\n'}
    chosen = await module_host.run(
        MODULE, {"format": "csv", "rows": rows, "options": {"columns": ["c", "a"], "header": False}}
    )
    assert chosen.output == {"text": ',1\n"say ""hi"", now",true\n'}
    lists = await module_host.run(MODULE, {"format": "csv", "rows": [[1, 2], [3]], "options": {"header": False}})
    assert lists.output == {"text": "1,2\n3\n"}


@pytest.mark.parametrize(
    ("form", "rows", "options"),
    [
        ("csv", [1], {}),
        ("csv", [[1], {}], {"header": False}),
        ("csv", [[1]], {}),
        ("csv", [{"a": 1}], {"delimiter": '"'}),
        ("csv", [{"a": 1}], {"indent": 2}),
        ("xml", [{"a b": 1}], {}),
        ("xml", [{"a": {"@<": 1}}], {}),
        ("xml", [{"a": [[1]]}, 1], {}),
        ("xml", [{"a": "\x00"}], {}),
        ("xml", [1], {"root": "1x"}),
        ("yaml", ["\ud800"], {}),
    ],
)
async def test_what_a_format_cannot_say(
    module_host: ModuleHost, form: str, rows: list[Json], options: JsonObject
) -> None:
    with pytest.raises(ModuleError) as caught:
        await module_host.run(MODULE, {"format": form, "rows": rows, "options": options})
    assert caught.value.code in ("input.invalid", "data.invalid")
