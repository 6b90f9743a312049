from typing import Any

import pytest

from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError
from engine.expressions.text_template import compile_text_template


def render(source: str, **data: Any) -> str:
    return compile_text_template(source).render(data, Budget())


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            "Hi {{ name|title }},\n{% for l in lines %}- {{ l.sku }}: {{ l.n }}\n{% endfor %}",
            "Hi Ann,\n- a: 1\n- b: null-free\n",
        ),
        ("{{ missing|default('-') }}{{ none }}{{ [1, 'x'] }}", '-[1,"x"]'),
        (
            "{% for a in lines %}{% for b in lines %}{{ loop.index }}{% endfor %}/{{ loop.index }} {% endfor %}",
            "12/1 12/2 ",
        ),
        ("{% set total = lines|length * 2 %}{{ total }}\n", "4\n"),
    ],
)
def test_renders(source: str, text: str) -> None:
    assert render(source, name="ann", lines=[{"sku": "a", "n": 1}, {"sku": "b", "n": "null-free"}]) == text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% include 'a' %}", "include"),
        ("{% extends 'a' %}", "extends"),
        ("{% import 'a' as b %}", "import"),
        ("{% from 'a' import b %}", "fromimport"),
        ("{% macro m() %}{% endmacro %}", "macro"),
        ("{% call f() %}{% endcall %}", "call"),
        ("{% block b %}{% endblock %}", "block"),
        ("{% filter upper %}x{% endfilter %}", "filter"),
        ("{% with a=1 %}{% endwith %}", "with"),
        ("{% do x %}", "unknown tag"),
        ("{% for x in a recursive %}{% endfor %}", "recursive"),
        ("{% set a.b = 1 %}", "names"),
        ("{% for a.b in c %}{% endfor %}", "expected"),
        ("{% autoescape true %}{% endautoescape %}", "scope"),
        ("{{ loop.cycle('a') }}", "calls"),
        ("{{ range(3) }}", "calls"),
        ("{% if a %}", "end"),
        ("{% for x in a %}" * 40 + "{% endfor %}" * 40, "nested"),
        ("{% if a %}" * 5000, "nested"),
        ("{% set x %}" * 500, "nested"),
        ("{# open", "comment"),
        ("x" * 1_100_000, "characters"),
        ("{% break %}", "unknown tag"),
        ("{% continue %}", "unknown tag"),
    ],
)
def test_has_no(source: str, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_text_template(source)
    assert caught.value.code == "expression.syntax"
    assert said in caught.value.message.lower()


def test_errors_say_the_line() -> None:
    with pytest.raises(ExpressionError) as caught:
        render("one\n{% if true %}\n{{ nmae }}{% endif %}", name=1)
    assert caught.value.details == {"line": 3, "name": "nmae", "nearest": "name"}
    with pytest.raises(ExpressionError) as caught:
        render("{% for a, b in x %}{% endfor %}", x=[[1]])
    assert caught.value.code == "expression.type"


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in n %}{% for b in n %}{% for c in n %}x{% endfor %}{% endfor %}{% endfor %}",
        "{% set x = 'a' %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}",
        "{% set x = [1] %}" + "{% set x = [x, x] %}" * 40 + "{{ x }}",
        "{% for a in n %}{{ big }}{% endfor %}",
    ],
)
def test_ends_within_its_budget(source: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        render(source, n=list(range(1000)), big="x" * 100_000)
    assert caught.value.code == "expression.budget"


def test_the_data_stay_as_they_are() -> None:
    data: dict[str, Any] = {"x": 1}
    assert compile_text_template("{% set x = 2 %}{{ x }}").render(data, Budget()) == "2"
    assert data == {"x": 1}
