import pytest

from tests.engine.expressions.evaluating import evaluate, failure


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 + 2", 3),
        ("1 + 2.5", 3.5),
        ("2 ** 63", 2**63),
        ("2 ** -1", 0.5),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("6 / 3", 2.0),
        ("'a' * 3", "aaa"),
        ("2 * [1]", [1, 1]),
        ("'a' * -1", ""),
        ("[1] + ['x']", [1, "x"]),
        ("'' * 18446744073709551615", ""),
        ("1 ~ none ~ 'x' ~ [1, 'é'] ~ false", '1x[1,"é"]false'),
        ("1 < 2 < 3", True),
        ("1 < 3 < 2", False),
        ("'a' < 'b'", True),
        ("[1, 2] < [1, 3]", True),
        ("[1] < [1, 0]", True),
        ("9007199254740993 == 9007199254740992.0", False),
        ("false < true", True),
        ("1 == true", False),
        ("0 == false", False),
        ("[1, {'a': true}] == [1.0, {'a': 1}]", False),
        ("[1] == [1.0]", True),
        ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", True),
        ("1 == '1'", False),
        ("none == none", True),
        ("none == false", False),
        ("true in [1, 2]", False),
        ("1 in [1.0]", True),
        ("'b' in 'abc'", True),
        ("'b' in {'b': 0}", True),
        ("1 in {'1': 0}", False),
        ("[] or 'x'", "x"),
        ("0 and missing", 0),
        ("'a' and 'b'", "b"),
        ("not none", True),
        ("1 if 0 else 2", 2),
        ("true or missing", True),
        ("1 if true else missing", 1),
        ("-(3)", -3),
        ("+2.5", 2.5),
        ("'a' 'b'", "ab"),
        ("(1, 2)", [1, 2]),
        ("{'k': 1, 'k': 2}", {"k": 2}),
        ("{'a': 1}['a']", 1),
        ("0x10 + 1_000", 1016),
    ],
)
def test_gives(source: str, value: object) -> None:
    result = evaluate(source)
    assert (result, type(result)) == (value, type(value))


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("1 + true", "type", "number and boolean"),
        ("1 + '1'", "type", "to_number"),
        ("none + 1", "type", "null"),
        ("'a' < 1", "type", "no order"),
        ("true > 0", "type", "no order"),
        ("{} < {}", "type", "no order"),
        ("'%s' % 1", "type", "%"),
        ("-'a'", "type", "number"),
        ("1 in 5", "type", "right"),
        ("1 in 'abc'", "type", "string"),
        ("1 / 0", "value", "zero"),
        ("1 % 0.0", "value", "zero"),
        ("0 ** -1", "value", "zero"),
        ("2 ** 64", "value", "64 bits"),
        ("9 ** 9 ** 9", "value", "64 bits"),
        ("-9223372036854775808 - 1", "value", "64 bits"),
        ("1e308 * 10", "value", "finite"),
        ("1e308 ** 2", "value", "too large"),
        ("(-8) ** 0.5", "value", "power"),
        ("missing == 1", "undefined", "missing"),
        ("not missing", "undefined", "missing"),
        ("[missing]", "undefined", "missing"),
        ("{1: 2}", "type", "key"),
        ("'a' * 10 ** 9", "budget", "larger"),
        ("[0] * 10 ** 9", "budget", "steps"),
        ("1 if false", "undefined", "else"),
        ("[1][1:2:0]", "value", "step"),
        ("[1]['a':]", "type", "bound"),
        ("5[1:]", "type", "sliced"),
    ],
)
def test_refuses(source: str, code: str, said: str) -> None:
    error = failure(source)
    assert error.code == f"expression.{code}"
    assert said in error.message


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("trigger.items()", "| items"),
        ("range(3)", "no calls"),
        ("a(1)(2)", "no calls"),
        ("x|upper()()", "no calls"),
        ("1 +", "unexpected"),
        ("", "empty"),
        ("a b", "expected"),
        ("'open", "unexpected"),
        ("a..b", "expected"),
        ("x|replace(*a)", "*"),
        ("x|replace(**a)", "*"),
        ("a[1, 2]", "one value"),
        ("1 }} {{ 2", "not one"),
        ("x|replace(old='a', old='b')", "twice"),
        ("99999999999999999999", "64 bits"),
        ("1e999", "finite"),
        ("(" * 40 + "1" + ")" * 40, "nested"),
        ("not " * 600 + "a", "nested"),
        ("- " * 600 + "1", "nested"),
        ("1 if a else " * 600 + "1", "nested"),
        ("1 + " * 600 + "1", "nested"),
        ("a" + ".b" * 600, "nested"),
        ("a" + "|upper" * 600, "nested"),
        ("x" * 70_000, "characters"),
        ("(" * 30_000, "expected"),
        ("[" * 30_000, "expected"),
        ("1" * 500, "digits"),
        ("a := 1", "expected"),
        ("lambda: 1", "expected"),
        ("{% if a %}", "unexpected"),
    ],
)
def test_has_no(source: str, said: str) -> None:
    error = failure(source)
    assert error.code == "expression.syntax"
    assert said in error.message


def test_long_flat_expressions_are_fine() -> None:
    assert evaluate(" ~ ".join(["'x'"] * 2000)) == "x" * 2000
    assert evaluate("[" + ", ".join(["-1", "not a"] * 1000) + "]", a=0) == [-1, True] * 1000
    assert evaluate("(" * 30 + "1" + ")" * 30) == 1
    assert evaluate(" + ".join(["1"] * 60)) == 60
