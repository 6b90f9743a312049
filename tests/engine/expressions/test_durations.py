import pytest

from engine.expressions.durations import parse_duration


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("500ms", 0.5),
        ("10s", 10),
        ("5m", 300),
        ("1h", 3600),
        ("7d", 604800),
        ("1.5h", 5400),
        (" 2s ", 2),
        (0, 0),
        (2.5, 2.5),
        ("0s", 0),
    ],
)
def test_durations(value: str | float, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "10",
        "s",
        "1 h",
        "1w",
        "1H",
        "-1s",
        -1,
        "1h30m",
        True,
        None,
        [],
        "٣s",
        "9" * 400 + "s",
        "999999999999999d",
        float("nan"),
        float("inf"),
        "1e3s",
    ],
)
def test_no_durations(value: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(value)  # type: ignore[arg-type]


def test_negative_ones_where_they_mean_something() -> None:
    assert parse_duration("-2h", signed=True) == -7200
    assert parse_duration(-1, signed=True) == -1
