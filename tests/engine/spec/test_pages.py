"""The pages about documents and findings can't lie."""

import re
from pathlib import Path

import pytest

from engine.spec.document import JsonObject
from engine.spec.finding import Code
from engine.spec.parse import parse
from engine.spec.schema import document_schema
from engine.spec.validate import validate
from modules.registry import load_registry
from tests.engine.spec.findings_cases import CASES

DOCS = Path(__file__).parents[3] / "docs"
DOCUMENTS = (DOCS / "documents.md").read_text()
ROWS = re.findall(
    r"^\| `([a-z_.]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", (DOCS / "findings.md").read_text(), re.MULTILINE
)
EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOCUMENTS, re.DOTALL)


def test_each_code_has_one_row_with_cause_and_cure() -> None:
    assert sorted(row[0] for row in ROWS) == sorted(code.value for code in Code)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{case.path}")
def test_the_page_tells_the_severity(case: object) -> None:
    severity = next(row[1] for row in ROWS if row[0] == case.code)  # type: ignore[attr-defined]
    assert case.severity in severity  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.splitlines()[1])
def test_every_example_can_be_deployed(text: str) -> None:
    parsed = parse(text, "yaml")
    assert parsed.findings == ()
    assert validate(parsed.document, load_registry(), None, "deploy") == ()


def test_every_key_of_the_schema_is_named() -> None:
    schema = document_schema()
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    named = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]*)`", DOCUMENTS))))
    for holder in (schema, definitions["step"], definitions["trigger"], definitions["edge"]):
        assert isinstance(holder, dict)
        assert set(_properties(holder)) <= named
    for section in ("settings", "requires"):
        below = _properties(schema)[section]
        assert isinstance(below, dict)
        assert set(_properties(below)) <= named


def _properties(schema: JsonObject) -> JsonObject:
    properties = schema["properties"]
    assert isinstance(properties, dict)
    return properties
