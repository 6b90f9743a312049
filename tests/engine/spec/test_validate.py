import copy
import json
import random
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.expressions.values import Json
from engine.spec.document import JsonObject
from engine.spec.finding import Code, has_errors
from engine.spec.load import load
from engine.spec.parse import parse
from engine.spec.pointer import tokens_of
from engine.spec.validate import MAX_FINDINGS, validate
from modules.registry import load_registry
from tests.engine.spec.findings_cases import CASES, CLEAN, WORKSPACE, Case, doc, step, values
from tests.engine.spec.test_conform import FULL, JSON, mutated

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{case.path}")
def test_what_is_wrong_is_found_in_its_place(case: Case) -> None:
    findings = validate(case.document, load_registry(), WORKSPACE, "deploy" if case.deploy else "draft")
    found = [each for each in findings if each.code == case.code and each.path == case.path]
    assert len(found) == 1, findings
    assert found[0].severity == case.severity
    assert case.says in f"{found[0].message} {found[0].hint}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{case.path}")
def test_one_fault_is_told_once(case: Case) -> None:
    """No other error stands beside it; `purpose` is what differs between a warning and an error."""
    if case.severity == "error" and case.code not in ("connection.unlisted", "reference.unknown", "variable.missing"):
        findings = validate(case.document, load_registry(), WORKSPACE, "deploy" if case.deploy else "draft")
        assert {each.code for each in findings if each.severity == "error"} == {case.code}


@pytest.mark.parametrize("name", CLEAN)
def test_what_is_right_gives_no_finding(name: str) -> None:
    document = CLEAN[name]
    assert validate(document, load_registry(), WORKSPACE, "deploy") == ()
    assert load(document).name == document["name"]


@pytest.mark.parametrize("file", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda file: file.name)
def test_examples_are_clean(file: Path) -> None:
    parsed = parse(file.read_bytes(), "yaml")
    assert parsed.findings == ()
    assert validate(parsed.document, load_registry(), None, "deploy") == ()


def test_every_code_but_those_of_the_parser_has_a_case() -> None:
    """The rest need many findings, several versions of a module, a compiler, or a fault that only the evaluator knows."""
    elsewhere = {
        "document.key.duplicate",
        "document.key.merge",
        "limit.findings",
        "limit.depth",
        "module.version.old",
        "name.changed",
        "code.invalid",
    }
    only_at_run_time = {"expression.undefined", "expression.type", "expression.value", "expression.budget"}
    assert {code.value for code in Code} == {case.code for case in CASES} | elsewhere | only_at_run_time


def test_depth_costs_no_stack() -> None:
    value: Json = 1
    for _ in range(50_000):
        value = [value]
    (finding,) = validate(doc(output=value), load_registry(), None)
    assert finding.code == "limit.depth"
    while isinstance(value, list):  # taken apart by hand: freeing it at once would recurse
        value = value.pop()


def test_findings_are_counted_when_there_are_too_many() -> None:
    steps: JsonObject = {f"s{n}": values("{{ nothing }}") for n in range(700)}
    findings = validate(doc(steps), load_registry(), None)
    assert len(findings) == MAX_FINDINGS + 1
    assert (findings[-1].code, findings[-1].message) == ("limit.findings", "and 200 more findings")


def test_errors_come_first_and_numbers_count() -> None:
    steps: JsonObject = {"a": "set"}
    document = doc(steps, *(["a > nowhere"] * 12), requires={"variables": ["URL"]}, edges=[
        {"from": "a", "to": f"n{n}"} for n in range(12)
    ])  # fmt: skip
    findings = validate(document, load_registry(), WORKSPACE)
    assert [each.path for each in findings] == [*(f"/edges/{n}/to" for n in range(12)), "/requires/variables/0"]


@given(JSON)
@settings(max_examples=100)
def test_any_value_is_judged(value: Json) -> None:
    assert isinstance(validate(value, load_registry(), WORKSPACE), tuple)
    steps: Json = {"a": value, "b": {"module": "core.set", "inputs": value, "parent": value}}
    document: Json = {
        "schema_version": 1,
        "name": "x",
        "steps": steps,
        "edges": value,
        "tests": value,
        "requires": value,
    }
    assert has_errors(validate(document, load_registry(), WORKSPACE))


RICH: list[JsonObject] = [FULL, *CLEAN.values()]


@given(st.randoms(use_true_random=False), st.sampled_from(RICH))
@settings(max_examples=200)
def test_any_mutation_of_a_document_is_judged(chance: random.Random, document: JsonObject) -> None:
    """Findings point at something that is there, say something, and a document without errors loads."""
    changed = mutated(mutated(document, chance), chance)
    before = json.dumps(changed)
    findings = validate(changed, load_registry(), WORKSPACE, "deploy")
    assert json.dumps(changed) == before
    for finding in findings:
        assert finding.message
        here = changed
        for token in tokens_of(finding.path):
            assert isinstance(here, dict | list), finding
            here = here[int(token)] if isinstance(here, list) else here.get(token, "")
    if not has_errors(findings):
        load(changed)


@given(
    st.text(max_size=30).map(lambda text: "{{ " + text + " }}")
    | st.sampled_from(["{{ steps.a.output }}", "{{ loop.parent }}"])
)
@settings(max_examples=100)
def test_any_expression_is_judged(text: str) -> None:
    steps: JsonObject = {
        "a": values(text),
        "each": step("core.for_each", items=text, collect=text),
        "b": values(text, "each"),
    }
    validate(doc(steps, output=text, settings={"concurrency_key": text}), load_registry(), WORKSPACE)


def test_a_thousand_steps_take_no_time_worth_waiting_for() -> None:
    """A chain with long reach, then a knot of edges: work that grows with the square of the steps would take minutes."""
    steps: JsonObject = {
        f"s{n}": values(f"{{{{ steps.s{max(n - 1, 0)}.output }}}} {{{{ steps.s{n // 2}.output }}}}")
        for n in range(1, 1000)
    }
    edges: list[Json] = [{"from": f"s{n}", "to": f"s{n + 1}"} for n in range(1, 999)]
    document = doc(steps, edges=edges)
    started = time.process_time()
    validate(document, load_registry(), None)
    edges.extend({"from": f"s{n % 999 + 1}", "to": f"s{n * 7 % 999 + 1}"} for n in range(8000))
    validate(document, load_registry(), None)
    assert time.process_time() - started < 30


def test_a_document_is_not_changed() -> None:
    document = copy.deepcopy(FULL)
    validate(document, load_registry(), WORKSPACE)
    assert document == FULL


def test_messages_read_as_sentences() -> None:
    for case in CASES:
        for finding in validate(case.document, load_registry(), WORKSPACE):
            assert not finding.message.endswith((".", " ")), finding
            assert re.match(r"[^\s]", finding.message)
            assert len(finding.message) < 400
