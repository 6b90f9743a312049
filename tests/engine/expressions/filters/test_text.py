import pytest

from tests.engine.expressions.evaluating import evaluate, failure


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("5|upper", "5"),
        ("true|upper", "TRUE"),
        ("[1, none, 'x', true]|join('-')", "1--x-true"),
        ("[[1]]|join", "[1]"),
        ("'a/b c&d'|urlencode", "a/b%20c%26d"),
        ("[['a b', 'c d'], ['é', none]]|urlencode", "a+b=c+d&%C3%A9="),
        ("5|urlencode", "5"),
        ("'aaa'|replace('a', 'b', 2)", "bba"),
        ("'a1'|replace(1, 2)", "a2"),
        ("'abc'|replace('b', 'x', count=18446744073709551615)", "axc"),
        ("'x'|indent(3, first=true)", "   x"),
        ("''|indent", ""),
        ("'ß'|upper", "SS"),
        ("'abc'|trim('ac')", "b"),
    ],
)
def test_gives(source: str, value: object) -> None:
    assert evaluate(source) == value


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("none|upper", "type"),
        ("[]|trim", "type"),
        ("none|urlencode", "type"),
        ("[1]|urlencode", "type"),
        ("5|join", "type"),
        ("'\\ud800'|urlencode", "value"),
        ("'abc'|truncate(1)", "value"),
        ("'abc'|truncate(-1)", "value"),
        ("'a'|trim('x' * 2000)", "value"),
        ("('x' * 10000000)|replace('x', 'yyy')", "budget"),
        ("('x\\n' * 1000)|indent(1000000)", "budget"),
        ("'a'|replace('a')", "filter"),
        ("'a'|upper(1)", "filter"),
        ("'a'|replace('a', 'b', cuont=1)", "filter"),
        ("'a'|format", "filter"),
        ("'a'|attr('x')", "filter"),
    ],
)
def test_refuses(source: str, code: str) -> None:
    assert failure(source).code == f"expression.{code}"


def test_unknown_filters_and_arguments_name_the_nearest() -> None:
    assert failure("'a'|uper").message == "there is no filter 'uper'; did you mean 'upper'?"
    assert failure("'a'|deflaut").details == {"name": "deflaut", "nearest": "default"}
    assert (
        failure("'a'|replace('a', 'b', cuont=1)").message == "'replace' has no argument 'cuont'; did you mean 'count'?"
    )
    assert failure("1 is od").message == "there is no test 'od'; did you mean 'odd'?"
    assert failure("[1]|map('uper')").details["nearest"] == "upper"
    assert failure("[1]|select('evn')").details["nearest"] == "even"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("'abc'|regex_match('b')", False),
        ("'abc'|regex_match('a')", True),
        ("'abc'|regex_search('x')", None),
        ("'xéy'|regex_search('é(.)?(z)?')", {"match": "éy", "groups": ["y", None], "named": {}}),
        ("'a1b22'|regex_replace('\\d+', '<\\g<0>>')", "a<1>b<22>"),
        ("'ab'|regex_replace('', '-')", "-a-b-"),
        ("'aaa'|regex_replace('a', 'b', 2)", "bba"),
        ("'a'|regex_replace('a', '\\\\\\\\1')", "\\1"),
        ("'ab'|regex_replace('(?P<x>a)(c)?', '\\2\\g<x>')", "ab"),
        ("'A b'|regex_replace('(?i)[a-z]+', 'w')", "w w"),
        ("12|regex_match('\\d')", True),
        ("'one two'|regex_search('\\btwo')|get('match')", "two"),
    ],
)
def test_patterns(source: str, value: object) -> None:
    assert evaluate(source) == value


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("'a'|regex_match('(')", "value"),
        ("'a'|regex_match('(a)\\1')", "value"),
        ("'a'|regex_match('a' * 3000)", "value"),
        ("'a'|regex_match('(?i)\\pL{900}')", "value"),
        ("'a'|regex_replace('a', '\\1')", "value"),
        ("'a'|regex_replace('a', '\\g<x>')", "value"),
        ("'\\ud800'|regex_match('a')", "value"),
        ("'a'|regex_match(1)", "type"),
        ("('a' * 100000)|regex_replace('a(?:.*b)?', 'x')", "budget"),
        ("('a' * 1000000)|regex_replace('a', 'x' * 1000)", "budget"),
    ],
)
def test_patterns_refused(source: str, code: str) -> None:
    assert failure(source).code == f"expression.{code}"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("'Zoë'|b64encode|b64decode", "Zoë"),
        ("'Wm/D\\nqw=='|b64decode", "Zoë"),
        ("'a'|hmac_sha256('k')|length", 64),
        ("'é'|sha256", "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"),
        ("5|sha256 == '5'|sha256", True),
    ],
)
def test_bytes(source: str, value: object) -> None:
    assert evaluate(source) == value


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("'\\ud800'|sha256", "value"),
        ("'\\ud800'|b64encode", "value"),
        ("'a'|hmac_sha256('\\ud800')", "value"),
        ("'!'|b64decode", "value"),
        ("'/w=='|b64decode", "value"),
        ("'abcde'|b64decode", "value"),
        ("'a'|hmac_sha256('k', 'oct')", "value"),
        ("'a'|hmac_sha256", "filter"),
    ],
)
def test_bytes_refused(source: str, code: str) -> None:
    assert failure(source).code == f"expression.{code}"
