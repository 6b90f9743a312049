"""Every code that the product can give has its line in docs/errors.md, and the page names none that it can't."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from tests.docs.source_codes import codes, source, sources

ROOT = Path(__file__).parents[2]
SHAPES = """
class Base(Exception):
    def __init__(self, status, code, detail): ...
class Sub(Base):
    def __init__(self, code): ...
class Own(Base):
    def __init__(self):
        super().__init__(1, "own.code", "…")
@dataclass
class Value:
    code: str
LATE = "late.code"
def made(code, other): ...
raise Base(404, "base.code", "")
raise Sub("sub.code" if x else error.code)
Value(code="value.code")
Value(LATE)
made(f"{app}.varies", 1)
{"code": "dict.code"}
NotFound("api key", name)
Example({"code": "of.example"})
other("not.code")
"""


def test_all_ways_of_giving_a_code_are_read() -> None:
    expected = {"base", "sub", "own", "value", "late", "dict"}
    assert set(codes([source("shapes.py", SHAPES)])) == {f"{each}.code" for each in expected} | {
        "*.varies",
        "api_key.unknown",
    }


def test_each_code_of_the_product_has_a_line() -> None:
    named = _named()
    missing = {code: place for code, place in _given().items() if not _stands_for(code, named)}
    assert not missing, "give each of these a line in docs/errors.md, with what happened and what to do"


def test_the_page_names_no_code_that_nothing_gives() -> None:
    given = set(_given())
    findings = set(re.findall(r'= "([a-z_]+(?:\.[a-z_]+)+)"', (ROOT / "engine/spec/finding.py").read_text()))
    unknown = {code for code in _named() if not _stands_for(code, given | findings)}
    assert not unknown, "docs/errors.md names codes that no source gives"


@cache
def _given() -> dict[str, str]:
    return codes(sources(ROOT))


def _named() -> set[str]:
    """The codes in the first cells of the page's tables; `<…>` is what varies."""
    cells = re.findall(r"^\| (`[^|]+`) \|", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE)
    return {re.sub(r"<\w+>", "*", code) for cell in cells for code in re.findall(r"`([^`]+)`", cell)}


def _stands_for(code: str, others: set[str]) -> bool:
    """Whether it is one of them, or one form of `*.timeout`; `http.*` stands for its numbers alone, and so for no other code."""
    forms = {each for each in others if each.startswith("*")}
    if code.startswith("*"):
        return code in others or any(fnmatchcase(each, code) for each in others)
    return code in others or any(fnmatchcase(code, form) for form in forms)
