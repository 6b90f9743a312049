import pytest

from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError, NeedsData
from engine.expressions.template import compile_expression, compile_value
from engine.expressions.values import Ref, from_json, to_json
from tests.engine.expressions.evaluating import evaluate, failure

REF = Ref("r1", 300_000, "object")


@pytest.mark.parametrize(
    "source",
    [
        "'a' * 1000000 * 1000000",
        "[big, big, big]",
        "[[[0] * 1000] * 1000] * 1000",
        "n|select('in', n)",
        "n|map('replace', 'a', 'b')|sort(attribute='x,y')",
        "text ~ text ~ text",
        "text|replace('x', 'yy')",
        "text|replace('', 'yyy')",
        "[big]|batch(1000000, big)",
        "n|map('merge', big)",
        "n|map(attribute='x', default=big)",
        "[1]|slice(1000000, big)",
        "{'a': big, 'b': big, 'c': big}",
        "n|zip(n, n, n, n, n, n, n)",
        "text|urlencode",
        "('x\\n' * 10000)|indent(1000000)",
        "big|to_json ~ big|to_json ~ big|to_json",
    ],
)
def test_what_costs_too_much_ends(source: str) -> None:
    scope = {"n": [{}] * 60_000, "big": {"k": ["x" * 1000] * 9_000}, "text": "x" * 15_000_000}
    if "n|map('replace'" in source or "in', n" in source:
        scope["n"] = [str(number) for number in range(60_000)]  # type: ignore[assignment]
    assert failure(source, **scope).code in ("expression.budget", "expression.undefined", "expression.type")


@pytest.mark.parametrize(
    "source",
    [
        "rows|sum(attribute='a')",
        "rows|map(attribute='a')|sum",
        "rows|selectattr('a', 'gt', 5)|list|length",
        "rows|sort_by('a')|length",
        "rows|group_by('k')|length",
        "rows|map(attribute='k')|unique|length",
        "rows|to_json|length",
        "rows|sort(attribute='k,a')|length",
    ],
)
def test_a_list_of_50_000_rows_is_within_the_budget(source: str) -> None:
    rows = [{"a": number, "k": f"k{number % 7}"} for number in range(50_000)]
    assert evaluate(source, rows=rows) > 0


def test_what_passes_through_is_free() -> None:
    big = [list(range(1000)) for _ in range(1000)]
    budget = Budget()
    assert compile_value({"a": "{{ x }}", "b": "{{ x[3] }}"}).render({"x": big}, budget)["a"] is big  # type: ignore[index,call-overload]
    assert budget.used < 10


def test_deep_data_pass_through_and_cannot_be_walked() -> None:
    deep: list[object] = []
    for _ in range(3000):
        deep = [deep]
    assert evaluate("x", x=deep) is deep
    for source in ("[x]", "x|to_json", "'a' ~ x", "[x]|unique", "x|merge({}, true)", "[x, x]|sort"):
        assert failure(source, x=deep).code in ("expression.value", "expression.type")
    assert evaluate("x == x", x=deep) is True


@pytest.mark.parametrize(
    "source",
    [
        "r",
        "[r]",
        "{'a': r}",
        "r if 1 else 2",
        "r|default(1)",
        "[r, 1]|first",
        "[1, r]|reverse|first",
        "[{'a': r}]|map(attribute='a')|first",
        "o.r",
        "none or r",
        "[r]|length",
    ],
)
def test_references_pass_through(source: str) -> None:
    result = evaluate(source, r=REF, o={"r": REF})
    assert result in (REF, [REF], {"a": REF}, 1)


@pytest.mark.parametrize(
    "source",
    [
        "r.x",
        "r['x']",
        "r[0]",
        "r[1:]",
        "r == 1",
        "[r] == [1]",
        "r ~ 'a'",
        "[r]|to_json",
        "r|length",
        "r|upper",
        "not r",
        "r and 1",
        "r|default(1, true)",
        "r is string",
        "r is none",
        "[r, 1]|sort",
        "[r]|unique",
        "r in [1]",
        "1 in r",
        "r + 1",
        "-r",
        "[r]|sum",
        "[r]|select",
        "{r: 1}",
        "o[r]",
        "r|get('a')",
        "[r]|map('upper')",
        "r.x is defined",
        "r.x|default(1)",
        "[r]|flatten",
        "{'a': r}|merge({'a': {}}, true)",
        "'a'|replace('a', r)",
        "[1]|join(r)",
    ],
)
def test_references_are_asked_for(source: str) -> None:
    with pytest.raises(NeedsData) as caught:
        compile_expression(source).evaluate({"r": REF, "o": {}}, Budget())
    assert caught.value.ref == REF


def test_the_json_form_of_a_reference() -> None:
    value = {"a": [REF, 1], "b": {"$ref": "x"}}
    data = to_json(value)  # type: ignore[arg-type]
    assert data == {"a": [{"$ref": "r1", "size": 300_000, "type": "object"}, 1], "b": {"$ref": "x"}}
    assert from_json(data) == value


def test_errors_of_the_budget_say_which() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression("[1, 2, 3]|sum").evaluate({}, Budget(steps=3))
    assert caught.value.details["limit"] == "steps"
    with pytest.raises(ExpressionError) as caught:
        compile_expression("'x' * 100").evaluate({}, Budget(size=50))
    assert caught.value.details["limit"] == "size"
