from typing import Any

import pytest

from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError
from engine.expressions.references import Reference
from engine.expressions.template import compile_text, compile_value


def render(value: Any, **scope: Any) -> Any:
    return compile_value(value).render(scope, Budget())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ a }}", 1),
        ("{{a}}", 1),
        ("{{ a }} ", "1 "),
        ("{{ a }}{{ a }}", "11"),
        ("x", "x"),
        ("", ""),
        ("{{ n }}", None),
        ("<{{ n }}>", "<>"),
        ("{{ o }}!", '{"k":[1.5,true,null,"é"]}!'),
        ("{{ s }}!", 'say "hi"!'),
        ("{{ '}}' }}", "}}"),
        ("{{ '{{' }} }}", "{{ }}"),
        ('{{ "it\'s" }}', "it's"),
        ("{{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("{{ {'a': {'b': 1}}.a.b }}", 1),
        ("{% if a %} {# c #} }} {{ a }}", "{% if a %} {# c #} }} 1"),
        ("x {{- a -}} y", "x1y"),
        ("x\n {{- ' ' -}} \ny", "x y"),
        ("{{- a -}}", 1),
        ("a\r\n{{ a }}\r\n", "a\r\n1\r\n"),
        ("{{\n a\n}}", 1),
        ("{ { a } }", "{ { a } }"),
        ("{{ 'é\ud800' }}", "é\ud800"),
        ("\0{{ a }}", "\x001"),
    ],
)
def test_text(text: str, value: object) -> None:
    scope = {"a": 1, "n": None, "o": {"k": [1.5, True, None, "é"]}, "s": 'say "hi"'}
    assert render(text, **scope) == value


@pytest.mark.parametrize(
    "text",
    [
        "{{ }}",
        "{{",
        "{{ a",
        "{{ a }",
        "{{ ' }}",
        "{{ a ]}}",
        "{{ (a] }}",
        "{{ a }} {{",
        "{{-1}}",
        "{{ a|nope }}",
        "{{ f() }}",
    ],
)
def test_text_that_cannot_be_compiled_says_where(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_value({"in": [text]})
    assert caught.value.details["pointer"] == "/in/0"
    assert caught.value.code in ("expression.syntax", "expression.filter")


def test_values_keep_their_shape_and_keys_are_never_parsed() -> None:
    value = {"{{ a }}": ["{{ a }}", {"b": "n={{ a }}", "c": [1, None, True, 2.5]}]}
    assert render(value, a=[1]) == {"{{ a }}": [[1], {"b": "n=[1]", "c": [1, None, True, 2.5]}]}


def test_data_are_never_parsed() -> None:
    assert render("{{ a }}", a="{{ b }}", b=1) == "{{ b }}"
    assert render("-{{ a }}", a="{{ b }}", b=1) == "-{{ b }}"


def test_literal() -> None:
    assert render({"$literal": {"x": "{{ a }}", "$literal": 1}}) == {"x": "{{ a }}", "$literal": 1}
    assert render([{"$literal": "{{ a }}"}, "{{ a }}"], a=1) == ["{{ a }}", 1]
    assert render({"k": {"$literal": None}}) == {"k": None}
    with pytest.raises(ExpressionError, match="only key"):
        compile_value({"$literal": 1, "b": 2})


def test_constant_values() -> None:
    assert compile_value({"a": [1, "x"], "b": {"$literal": "{{ q }}"}}).constant
    assert compile_value("{{ 1 + 1 }}").constant
    assert not compile_value("{{ a }}").constant


def test_one_evaluate_for_texts_and_bare_expressions() -> None:
    assert compile_text("a + 1").evaluate({"a": 1}, Budget()) == 2
    assert compile_text("{{ a + 1 }}").evaluate({"a": 1}, Budget()) == 2
    assert compile_text("n={{ a + 1 }}").evaluate({"a": 1}, Budget()) == "n=2"


def reference(
    *path: str | int, guarded: bool = False, dynamic: bool = False, filtered: bool = False, pointer: str = ""
) -> Reference:
    return Reference(path, guarded, pointer, dynamic, filtered)


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("{{ steps.a.output.x }}", [reference("steps", "a", "output", "x")]),
        ("{{ steps['a']['out put'][0][-1] }}", [reference("steps", "a", "out put", 0, -1)]),
        ("t {{ vars.KEY }}", [reference("vars", "KEY")]),
        ("{{ 'k ' ~ vars.KEY }}", [reference("vars", "KEY")]),
        ("{{ vars.KEY|b64encode }}", [reference("vars", "KEY", filtered=True)]),
        ("{{ vars.KEY == 'x' }}", [reference("vars", "KEY", filtered=True)]),
        ("{{ a.b|default(c.d) }}", [reference("a", "b", guarded=True), reference("c", "d")]),
        ("{{ a.b|upper|default(1) }}", [reference("a", "b", guarded=True, filtered=True)]),
        ("{{ a.b is defined }}", [reference("a", "b", guarded=True, filtered=True)]),
        ("{{ a.b is odd }}", [reference("a", "b", filtered=True)]),
        ("{{ steps[name.x].output }}", [reference("steps", dynamic=True), reference("name", "x", filtered=True)]),
        (
            "{{ a[b[c]] }}",
            [reference("a", dynamic=True), reference("b", dynamic=True, filtered=True), reference("c", filtered=True)],
        ),
        ("{{ (a|first).b }}", [reference("a", filtered=True)]),
        ("{{ a.b[1:n] }}", [reference("a", "b", filtered=True), reference("n", filtered=True)]),
        ("{{ [a, {'k': b}] }}", [reference("a"), reference("b")]),
        ("{{ a if b else c }}", [reference("a"), reference("b", filtered=True), reference("c")]),
        (
            "{{ items|map(attribute='x')|select('gt', low) }}",
            [reference("items", filtered=True), reference("low", filtered=True)],
        ),
        ("{{ 1 }}", []),
    ],
)
def test_references(text: str, references: list[Reference]) -> None:
    assert list(compile_value(text).references) == references


def test_references_carry_the_pointer_of_their_string() -> None:
    pointers = [
        each.pointer for each in compile_value({"a": ["{{ x }}", {"b~/": "{{ x }}"}], "c": "{{ x }}"}).references
    ]
    assert pointers == ["/a/0", "/a/1/b~0~1", "/c"]
