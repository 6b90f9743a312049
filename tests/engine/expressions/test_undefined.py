import pytest

from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError
from engine.expressions.template import compile_value
from tests.engine.expressions.evaluating import evaluate, failure

SCOPE = {
    "trigger": {"body": {"amount": 3, "lines": [1], "nothing": None, "name": "x"}},
    "steps": {"total": {"output": {"amount": 1}}},
}


@pytest.mark.parametrize(
    ("source", "message", "nearest"),
    [
        ("triger.body", "'triger' is not known here; did you mean 'trigger'?", "trigger"),
        ("steps.total.output.amuont", "steps.total.output has no key 'amuont'; did you mean 'amount'?", "amount"),
        ("steps['totl'].output", "steps has no key 'totl'; did you mean 'total'?", "total"),
        ("trigger.body.zzz", "trigger.body has no key 'zzz'", None),
        ("trigger.body.zzz.deeper.still", "trigger.body has no key 'zzz'", None),
        ("trigger.body.nothing.x", "trigger.body.nothing is null, so it has no key 'x'", None),
        ("trigger.body.amount.x", "trigger.body.amount is a number, so it has no key 'x'", None),
        ("trigger.body.lines[3]", "trigger.body.lines has 1 item, so there is none at index 3", None),
        ("trigger.body.lines.x", "trigger.body.lines is a list, so it has no key 'x'", None),
        ("trigger['body']['a-b']", "trigger.body has no key 'a-b'", None),
        ("[]|first", "there is no first item: the list is empty", None),
        ("[]|min", "there is no min: the list is empty", None),
        ("trigger.body.zzz|upper", "trigger.body has no key 'zzz'", None),
        ("trigger.body.zzz is none", "trigger.body has no key 'zzz'", None),
    ],
)
def test_the_error_names_what_is_missing_and_the_nearest(source: str, message: str, nearest: str | None) -> None:
    error = failure(source, **SCOPE)
    assert (error.code, error.message, error.details.get("nearest")) == ("expression.undefined", message, nearest)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("missing|default(1)", 1),
        ("missing.a['b'][0].c|default(1)", 1),
        ("trigger.body.nothing.x.y|default(1)", 1),
        ("trigger.body.amount.x|default(1)", 1),
        ("trigger.body.nothing|default(1)", None),
        ("missing|default", ""),
        ("trigger.body.nothing|default(1, true)", 1),
        ("''|default('d', boolean=true)", "d"),
        ("0|default(5, true)", 5),
        ("missing|upper|default('d')", "d"),
        ("missing.x[1:]|join|default('d')", "d"),
        ("[]|first|default(0)", 0),
        ("missing|default(other)|default(2)", 2),
        ("missing|default(trigger.body.amount)", 3),
        ("3|default(missing)", 3),
        ("(missing if true else 1)|default(2)", 2),
        ("(1 if false)|default(2)", 2),
        ("missing is defined", False),
        ("missing.x is undefined", True),
        ("trigger.body.nothing is defined", True),
        ("trigger.body.nothing.x is defined", False),
        ("trigger.body.lines[0] is defined", True),
        ("missing is not defined", True),
        ("trigger.body|get('zzz.y', 4)", 4),
        ("trigger.body|get('zzz')", None),
        ("trigger.body|get('nothing.x', 1)", 1),
        ("trigger.body|get('lines.0')", 1),
        ("'x' if missing is defined else 'y'", "y"),
    ],
)
def test_default_and_defined(source: str, value: object) -> None:
    assert evaluate(source, **SCOPE) == value


@pytest.mark.parametrize(
    "source", ["missing|default(other)", "(missing + 1)|default(2)", "[missing]|default(2)", "missing > 1 or true"]
)
def test_what_default_does_not_cover(source: str) -> None:
    assert failure(source, **SCOPE).code == "expression.undefined"


def test_missing_attributes_in_lists() -> None:
    rows = [{"n": 2, "g": "a"}, {"g": "b"}, {"n": 1, "g": "a"}, {"n": None}]
    for source, value in [
        ("rows|selectattr('n')|list", [rows[0], rows[2]]),
        ("rows|rejectattr('n')|list", [rows[1], rows[3]]),
        ("rows|selectattr('n', 'eq', 1)", [rows[2]]),
        ("rows|rejectattr('n', 'eq', 1)", [rows[0], rows[1], rows[3]]),
        ("rows|selectattr('n', 'defined')", [rows[0], rows[2], rows[3]]),
        ("rows|selectattr('n', 'undefined')", [rows[1]]),
        ("rows|map(attribute='n')", [2, None, 1, None]),
        ("rows|map(attribute='n', default=0)", [2, 0, 1, None]),
        ("rows|map(attribute='n.x.y')", [None] * 4),
        ("rows|sort_by('n')", [rows[2], rows[0], rows[1], rows[3]]),
        ("rows|sort_by('n', reverse=true)", [rows[0], rows[2], rows[1], rows[3]]),
        (
            "rows|group_by('g')",
            [
                {"key": "a", "items": [rows[0], rows[2]]},
                {"key": "b", "items": [rows[1]]},
                {"key": None, "items": [rows[3]]},
            ],
        ),
    ]:
        assert evaluate(source, rows=rows) == value, source
    assert failure("rows|sum(attribute='n')", rows=rows).code == "expression.undefined"


def test_the_pointer_and_the_expression_stand_in_the_error() -> None:
    template = compile_value({"a/b": ["ok", "x {{ trigger.bdy }}"]})
    with pytest.raises(ExpressionError) as caught:
        template.render({"trigger": {"body": 1}}, Budget())
    assert caught.value.details == {
        "pointer": "/a~1b/1",
        "expression": "x {{ trigger.bdy }}",
        "name": "bdy",
        "path": "trigger",
        "nearest": "body",
    }
