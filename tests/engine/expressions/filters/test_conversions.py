import pytest

from tests.engine.expressions.evaluating import evaluate, failure


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("'42'|to_int", 42),
        ("' -42 '|to_int", -42),
        ("'42.9'|to_int", 42),
        ("-3.9|to_int", -3),
        ("true|to_int", 1),
        ("'1e3'|to_number", 1000.0),
        ("'+.5'|to_number", 0.5),
        ("7|to_number", 7),
        ("'18446744073709551615'|to_number", 2**64 - 1),
        ("'YES'|to_bool", True),
        ("'off'|to_bool", False),
        ("''|to_bool", False),
        ("none|to_bool", False),
        ("2|to_bool", True),
        ("'x'|int", 0),
        ("'x'|int(none)", None),
        ("'42.9'|int", 42),
        ("'ff'|int(0, 16)", 255),
        ("none|int", 0),
        ("[]|int(3)", 3),
        ("'x'|float", 0.0),
        ("'inf'|float", 0.0),
        ("'nan'|float(1)", 1),
        ("'1e999'|float", 0.0),
        ("true|float", 1.0),
        ("none|to_json", "null"),
        ("1.0|to_json", "1.0"),
        ("'é\"'|to_json", '"é\\""'),
        ("{'b': [1, none], 'a': true}|to_json", '{"b":[1,null],"a":true}'),
        ("[1]|to_json(2)", "[\n  1\n]"),
        ("'{\"a\": [1, 2.5, null]}'|from_json", {"a": [1, 2.5, None]}),
        ("' 1 '|from_json", 1),
        ("4.5|string", "4.5"),
        ("none|string", ""),
        ("[1]|string", "[1]"),
        ("true|string", "true"),
    ],
)
def test_converts(source: str, value: object) -> None:
    result = evaluate(source)
    assert (result, type(result)) == (value, type(value))


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("'x'|to_int", "value"),
        ("''|to_number", "value"),
        ("'1_0'|to_number", "value"),
        ("'٣'|to_number", "value"),
        ("'nan'|to_number", "value"),
        ("'1e999'|to_number", "value"),
        ("('1' * 400)|to_number", "value"),
        ("('1' * 401)|to_number", "value"),
        ("none|to_number", "type"),
        ("[]|to_int", "type"),
        ("'maybe'|to_bool", "value"),
        ("[]|to_bool", "type"),
        ("('9' * 30)|int", "value"),
        ("1e300|int", "value"),
        ("'{'|from_json", "value"),
        ("'NaN'|from_json", "value"),
        ("'[1e999]'|from_json", "value"),
        ("'18446744073709551616'|from_json", "value"),
        ("('[' * 300)|from_json", "value"),
        ("5|from_json", "type"),
        ("'1'|int(0, 99)", "value"),
        ("[]|to_json(99)", "value"),
    ],
)
def test_refuses(source: str, code: str) -> None:
    assert failure(source).code == f"expression.{code}"


def test_no_error_repeats_the_data() -> None:
    for source in (
        "secret|to_number",
        "secret|to_bool",
        "secret|from_json",
        "secret|to_datetime",
        "secret|b64decode",
        "secret + 1",
        "secret.x",
    ):
        error = failure(source, secret="hunter2!")
        assert "hunter2" not in error.message
        assert "hunter2" not in str(error.details)
