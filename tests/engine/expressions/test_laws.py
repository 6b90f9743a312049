"""Laws over any text and any data: an evaluation ends in a JSON value or a known error, and is always the same."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError, NeedsData
from engine.expressions.filters.registry import NAMES
from engine.expressions.template import compile_expression, compile_text, compile_value
from engine.expressions.tests import TESTS
from engine.expressions.text_template import compile_text_template
from engine.expressions.values import Ref, to_json

CODES = {f"expression.{end}" for end in ("undefined", "type", "budget", "syntax", "filter", "value")}
HOSTILE = ["__class__", "__mro__", "mro", "format", "_x", "items", "keys", "pop", "__globals__", "upper", "__init__"]

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=12) | st.sampled_from(["", "a", "1", "42.5", "2026-01-02T03:04:05Z", "\ud800", "[1]", "a.b"])
data = st.recursive(
    scalars | texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*"abc", "0", "items"]), inner, max_size=4)
    ),
    max_leaves=12,
)
scopes = st.fixed_dictionaries({"a": data, "b": data, "c": data})


def _literals() -> st.SearchStrategy[str]:
    numbers = st.integers(-3, 10).map(str) | st.sampled_from(["0", "2.5", "1e308", "18446744073709551615"])
    words = st.sampled_from(
        ["''", "'a'", "'a.b'", "'%Y-%m-%d'", r"'(\w)+'", "'-2h'", "'UTC'", "'eq'", "'upper'", "'odd'"]
    )
    return numbers | words | st.sampled_from(["true", "false", "none", "a", "b", "c", "missing", "[1, a]", "{'a': b}"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.sampled_from(
        ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", "in", "not in", "and", "or"]
    )
    keys = st.sampled_from([*HOSTILE, "a", "b"])
    calls = st.builds(
        lambda base, name, args: f"({base})|{name}({', '.join(args)})",
        inner,
        st.sampled_from(NAMES),
        st.lists(inner, max_size=2),
    )
    return st.one_of(
        st.builds(lambda left, op, right: f"({left}) {op} ({right})", inner, binary, inner),
        st.builds(lambda base, key: f"({base}).{key}", inner, keys),
        st.builds(lambda base, key: f"({base})[{key}]", inner, inner),
        st.builds(lambda base, low, high: f"({base})[{low}:{high}]", inner, inner, inner),
        st.builds(lambda base, name: f"({base})|{name}", inner, st.sampled_from(NAMES)),
        calls,
        calls,
        st.builds(lambda base, name, arg: f"({base}) is {name}({arg})", inner, st.sampled_from(sorted(TESTS)), inner),
        st.builds(lambda base, name: f"({base}) is not {name}", inner, st.sampled_from(sorted(TESTS))),
        st.builds(lambda base, name: f"({base})|map(attribute='{name}')", inner, keys),
        st.builds(lambda base, name: f"({base})|map('{name}')", inner, st.sampled_from(NAMES)),
        st.builds(lambda one, test, other: f"({one}) if ({test}) else ({other})", inner, inner, inner),
        st.builds(lambda base: f"not ({base})", inner),
        st.builds(lambda one, other: f"[{one}, {other}]", inner, inner),
        st.builds(lambda one: f"{{'k': {one}}}", inner),
    )


expressions = st.recursive(_literals(), _grown, max_leaves=6)
mutated = st.builds(
    lambda text, at, junk: text[: at % (len(text) + 1)] + junk + text[at % (len(text) + 1) :],
    expressions,
    st.integers(0, 200),
    st.sampled_from(["(", ")", "'", '"', "|", "{{", "}}", "{%", " ", "\\", "\0", "é", "."]),
)


def assert_json(value: object) -> None:
    """Nothing but exact JSON types, finite and of 64 bits."""
    work = [value]
    while work:
        each = work.pop()
        assert type(each) in (type(None), bool, int, float, str, list, dict), type(each)
        if type(each) is float:
            assert math.isfinite(each)
        elif type(each) is int:
            assert -(2**63) <= each < 2**64
        elif isinstance(each, list):
            work += each
        elif isinstance(each, dict):
            assert all(type(key) is str for key in each)
            work += each.values()


def outcome(source: str, scope: Any, budget: Budget) -> object:
    """The value, or the code of the error."""
    try:
        value = compile_text(source).evaluate(scope, budget)
    except ExpressionError as error:
        failed = error
    else:
        assert_json(value)
        return ("value", json.dumps(value))
    assert failed.code in CODES
    assert failed.message
    assert_json(failed.details)
    return ("error", failed.code, failed.message)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), scopes)
def test_any_text_ends(text: str, scope: Any) -> None:
    outcome(text, scope, Budget())
    outcome("{{" + text + "}}", scope, Budget())


@settings(max_examples=400, deadline=None)
@given(expressions | mutated, scopes)
def test_any_expression_ends_the_same_twice(source: str, scope: Any) -> None:
    before = json.dumps(scope)
    first = outcome(source, scope, Budget(steps=5_000, size=50_000))
    assert json.dumps(scope) == before, "data was changed"
    assert outcome(source, scope, Budget(steps=5_000, size=50_000)) == first


@settings(max_examples=150, deadline=None)
@given(expressions, scopes, st.integers(1, 200))
def test_a_larger_budget_changes_only_what_ran_out(source: str, scope: Any, steps: int) -> None:
    small = outcome(source, scope, Budget(steps=steps, size=2_000))
    large = outcome(source, scope, Budget(steps=steps * 100, size=2_000_000))
    if small[1] != "expression.budget":  # type: ignore[index]
        assert small == large


@settings(max_examples=100, deadline=None)
@given(st.lists(expressions, max_size=3), scopes)
def test_any_template_ends(parts: list[str], scope: Any) -> None:
    source = "".join(
        f"{{% for x in {part} %}}{{% if {part} %}}{{{{ x }}}}{{% endif %}}{{% endfor %}}" for part in parts
    )
    try:
        text = compile_text_template(source).render(scope, Budget(steps=5_000, size=50_000))
    except ExpressionError as error:
        text = error.code
    assert type(text) is str


without_braces = st.recursive(
    scalars | texts.filter(lambda text: "{{" not in text),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(texts.filter(lambda key: key != "$literal"), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(without_braces)
def test_data_without_braces_stand_for_themselves(value: Any) -> None:
    template = compile_value(value)
    assert template.constant
    assert template.references == ()
    assert template.render({}, Budget()) == value


@given(data)
def test_one_expression_gives_the_value_itself(value: Any) -> None:
    assert compile_value("{{ a }}").render({"a": value}, Budget()) is value
    assert compile_value({"$literal": value}).render({}, Budget()) is value


@given(data)
def test_default_gives_what_is_there_and_else_its_argument(value: Any) -> None:
    def evaluate(source: str) -> object:
        return compile_expression(source).evaluate({"a": value, "o": {"n": None, "v": value}}, Budget())

    assert evaluate("a|default('d')") is value
    assert evaluate("o.v|default('d')") is value
    assert evaluate("o.v|default('d', true)") == (value or "d")
    assert evaluate("missing|default(a)") is value
    assert evaluate("o.missing.x.y|default(a)") is value
    assert evaluate("o.n.x['y'][0]|default(a)") is value
    assert evaluate("a is defined") is True
    assert evaluate("o.n.x is defined") is False


@given(
    st.sampled_from(HOSTILE), data, st.sampled_from(["a.{}", "a['{}']", "a|get('{}')", "[a]|map(attribute='{}')|first"])
)
def test_names_of_python_are_only_keys(name: str, value: Any, form: str) -> None:
    source = form.format(name) + "|default('nothing')"
    found = compile_expression(source).evaluate({"a": value}, Budget())
    there = value[name] if isinstance(value, dict) and name in value else None
    assert found == there or found in ("nothing", None)


@settings(max_examples=60, deadline=None)
@given(expressions)
def test_a_value_kept_elsewhere_is_passed_or_asked_for(source: str) -> None:
    ref = Ref("r1", 50_000, "object")
    try:
        value = compile_expression(source).evaluate({"a": ref, "b": {"x": ref}, "c": [ref]}, Budget(steps=5_000))
        assert_json(to_json(value))
    except (ExpressionError, NeedsData):
        pass


@pytest.mark.slow
def test_another_process_gives_the_same() -> None:
    """With another seed of hashes, in another process."""
    script = """
import json
from engine.expressions.budget import Budget
from engine.expressions.template import compile_expression
from engine.expressions.errors import ExpressionError
scope = {"a": {k: i for i, k in enumerate("zyxwvutsrq")}, "b": ["q", "a", "q", 1, 1.0, None], "c": "b a c"}
out = []
for source in ["a|dictsort", "a|items", "b|unique", "a|omit('z')|keys", "a.zz", "missing", "b|group_by('x')", "a|to_json",
               "c|regex_search('(?P<x>a)(?P<y>.)')", "'x'|upper2", "a|merge({'k': 1})", "b|sort", "a|pick('y', 'z')"]:
    try:
        out.append(compile_expression(source).evaluate(scope, Budget()))
    except ExpressionError as error:
        out.append([error.code, error.message, error.details])
print(json.dumps(out))
"""
    root = Path(__file__).parents[3]
    results = {
        subprocess.run(
            [sys.executable, "-c", script], cwd=root, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "77")
    }
    assert len(results) == 1
