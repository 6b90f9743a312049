"""The page for users is true: each example in its tables gives what stands beside it, and no filter or test is left out."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from engine.expressions.budget import Budget
from engine.expressions.filters.registry import NAMES
from engine.expressions.template import compile_value
from engine.expressions.tests import TESTS
from engine.expressions.text_template import compile_text_template
from engine.expressions.values import as_value

PAGE = (Path(__file__).parents[3] / "docs" / "expressions.md").read_text(encoding="utf-8")
_SCOPE = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])  # type: ignore[index]
_CELL = re.compile(r"(?<!\\)\|")


def _rows() -> list[list[str]]:
    lines = [line for line in PAGE.splitlines() if line.startswith("| `")]
    return [[cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]] for line in lines]


def _code(cell: str) -> str:
    return cell.removeprefix("`").removesuffix("`")


EXAMPLES = [(_code(row[-2]), _code(row[-1])) for row in _rows() if "{{" in row[-2] and len(row) in (2, 4)]


def test_examples_are_found() -> None:
    assert len(EXAMPLES) > 110


@pytest.mark.parametrize(("written", "result"), EXAMPLES)
def test_example(written: str, result: str) -> None:
    document: Any = json.loads(written) if written.startswith(('"', '{"')) else written
    value = compile_value(document).render({name: as_value(data) for name, data in _SCOPE.items()}, Budget())
    assert json.dumps(value, ensure_ascii=False) == json.dumps(json.loads(result), ensure_ascii=False)


def test_every_filter_and_test_has_its_line() -> None:
    names = {re.match(r"\w+", _code(row[0]))[0] for row in _rows() if len(row) == 4}  # type: ignore[index]
    assert names == {*NAMES, *TESTS}


def test_the_template_on_the_page() -> None:
    source = re.search(r"```jinja\n(.*?)```", PAGE, re.DOTALL)[1]  # type: ignore[index]
    data = {"lines": as_value(_SCOPE["trigger"]["body"]["lines"])}
    assert compile_text_template(source).render(data, Budget()) == "1 of 1: a-1\n"
