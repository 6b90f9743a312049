from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.engine.expressions.evaluating import evaluate, failure

times = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("'2026-03-01T10:00:00+02:00'|to_datetime", "2026-03-01T08:00:00Z"),
        ("'2026-03-01 10:00'|to_datetime", "2026-03-01T10:00:00Z"),
        ("'2026-03-01'|to_datetime(tz='Europe/Berlin')", "2026-02-28T23:00:00Z"),
        ("'2026-03-01t10:00:00.5z'|to_datetime", "2026-03-01T10:00:00.500Z"),
        ("'2026-03-01T10:00:00.123456789Z'|to_datetime", "2026-03-01T10:00:00.123456Z"),
        ("0|to_datetime", "1970-01-01T00:00:00Z"),
        ("1.5|to_datetime", "1970-01-01T00:00:01.500Z"),
        ("'2016-12-31T23:59:60Z'|to_datetime", "2017-01-01T00:00:00Z"),
        ("'1 March 2026, 3 PM'|to_datetime('%d %B %Y, %I %p')", "2026-03-01T15:00:00Z"),
        ("'12 am'|to_datetime('%I %p')", "1970-01-01T00:00:00Z"),
        ("'060/26 +0530'|to_datetime('%j/%y %z')", "2026-02-28T18:30:00Z"),
        ("'1700000000'|to_datetime('%s')", "2023-11-14T22:13:20Z"),
        ("'100%'|to_datetime('%f%%')", "1970-01-01T00:00:00.100Z"),
        ("'Sun, 01 Mar 2026'|to_datetime('%a, %d %b %Y')", "2026-03-01T00:00:00Z"),
        ("'2026-10-25 02:30'|to_datetime(none, 'Europe/Berlin')", "2026-10-25T00:30:00Z"),
        ("'2026-03-29 02:30'|to_datetime(tz='Europe/Berlin')", "2026-03-29T01:30:00Z"),
        ("'2026-07-01T12:00:00Z'|format_datetime(tz='Asia/Kolkata')", "2026-07-01T17:30:00+05:30"),
        ("'2026-07-01T12:00:00Z'|format_datetime", "2026-07-01T12:00:00Z"),
        (
            "'2026-07-01T00:05:09Z'|format_datetime('%Y%m%d %H:%M:%S.%f %I%p %j %b %B %a %A %z %s %y %%')",
            "20260701 00:05:09.000000 12AM 182 Jul July Wed Wednesday +00:00 1782864309 26 %",
        ),
        ("'2026-01-31T00:00:00Z'|add_duration('1d')", "2026-02-01T00:00:00Z"),
        ("'2026-01-31T00:00:00Z'|add_duration(-0.5)", "2026-01-30T23:59:59.500Z"),
        ("'2026-01-31'|add_duration('500ms')", "2026-01-31T00:00:00.500Z"),
        ("'2026-01-02'|date_diff('2026-01-01')", 86400),
        ("'2026-01-01'|date_diff('2026-01-02T12:00:00Z', 'd')", -1.5),
        ("'2026-01-15'|date_diff('2026-01-01', unit='week')", 2),
    ],
)
def test_gives(source: str, value: object) -> None:
    result = evaluate(source)
    assert (result, type(result)) == (value, type(value))


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("'tomorrow'|to_datetime", "value", "format"),
        ("'2026-02-30'|to_datetime", "value", "no such day"),
        ("'2026-01-01T25:00Z'|to_datetime", "value", "no such"),
        ("'x'|to_datetime('%Q')", "value", "%Q"),
        ("'x'|to_datetime('%')", "value", "%"),
        ("'2 2'|to_datetime('%d %d')", "value", "twice"),
        ("'x'|to_datetime('%d')", "value", "'%d'"),
        ("'2026-01-01'|to_datetime(tz='Europe/Brelin')", "value", "'Europe/Berlin'"),
        ("'2026-01-01'|format_datetime(tz='Berlin')", "value", "'Europe/Berlin'"),
        ("'2026-01-01'|format_datetime(tz='../../etc/passwd')", "value", "time zone"),
        ("'13 PM'|to_datetime('%I %p')", "value", "between"),
        ("'366/2025'|to_datetime('%j/%Y')", "value", "no day"),
        ("none|to_datetime", "type", "null"),
        ("1e300|to_datetime", "value", "between the years"),
        ("'9999-12-31T23:59:59Z'|add_duration('1h')", "value", "years"),
        ("'2026-01-01'|add_duration('1 week')", "value", "duration"),
        ("'2026-01-01'|add_duration(true)", "type", "duration"),
        ("'2026-01-01'|date_diff('2026-01-01', 'hour ')", "value", "hours"),
        ("'0001-01-01T00:00:00Z'|format_datetime(tz='America/New_York')", "value", "years"),
        ("'0001-01-01T00:00:00+10:00'|to_datetime", "value", ""),
        ("'2026-01-01T00:00:00+99:00'|to_datetime", "value", "offset"),
        ("('1' * 5000)|to_datetime", "value", ""),
    ],
)
def test_refuses(source: str, code: str, said: str) -> None:
    error = failure(source)
    assert error.code == f"expression.{code}"
    assert said in error.message


@example(datetime(1935, 1, 1, tzinfo=UTC), "America/St_Johns")  # its offset had seconds then
@given(times, st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu"]))
def test_a_formatted_time_reads_back(time: datetime, zone: str) -> None:
    text = time.isoformat()
    stamp = evaluate("t|to_datetime", t=text)
    assert datetime.fromisoformat(stamp) == time
    assert evaluate("t|format_datetime(tz=z)|to_datetime", t=text, z=zone) == stamp
    form = "%d.%m.%Y %H:%M:%S.%f %z"
    assert evaluate("t|format_datetime(f, z)|to_datetime(f)", t=text, z=zone, f=form) == stamp


@given(times, st.integers(-(10**6), 10**6))
def test_adding_and_taking_the_difference(time: datetime, seconds: int) -> None:
    later = evaluate("t|add_duration(n)", t=time.isoformat(), n=seconds)
    assert datetime.fromisoformat(later) == time + timedelta(seconds=seconds)
    assert evaluate("l|date_diff(t)", l=later, t=time.isoformat()) == seconds
