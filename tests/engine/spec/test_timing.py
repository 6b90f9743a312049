"""When schedules are due, over both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.spec.timing import BadTiming, Timing, timing_of
from tests.engine.spec.wall_clock import due

BERLIN = ZoneInfo("Europe/Berlin")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def clock(timing: Timing, start: str, count: int) -> list[str]:
    """The next times as a clock on the wall in Berlin shows them."""
    times = islice(timing.after(local(start)), count)
    return [time.astimezone(BERLIN).strftime("%d %H:%M %z") for time in times]


@pytest.mark.parametrize(
    ("cron", "start", "times"),
    [
        # 2026-03-29: 02:00 to 03:00 doesn't come.
        ("30 2 * * *", "2026-03-28T12:00", ["29 03:00 +0200", "30 02:30 +0200"]),
        ("0 3 * * *", "2026-03-28T12:00", ["29 03:00 +0200", "30 03:00 +0200"]),
        ("*/30 * * * *", "2026-03-29T01:00", ["29 01:30 +0100", "29 03:00 +0200", "29 03:30 +0200"]),
        # 2026-10-25: 02:00 to 03:00 comes twice.
        ("30 2 * * *", "2026-10-24T12:00", ["25 02:30 +0200", "26 02:30 +0100"]),
        ("30 * * * *", "2026-10-25T01:00", ["25 01:30 +0200", "25 02:30 +0200", "25 02:30 +0100", "25 03:30 +0100"]),
        ("0 0 * * mon", "2026-10-24T12:00", ["26 00:00 +0100"]),
        ("0 9 L * *", "2026-02-01T00:00", ["28 09:00 +0100"]),
    ],
)
def test_clocks_go_forward_and_back(cron: str, start: str, times: list[str]) -> None:
    assert clock(timing_of({"cron": cron, "timezone": "Europe/Berlin"}), start, len(times)) == times


@given(
    st.sampled_from(["* * * * *", "*/7 * * * *", "30 2 * * *", "0 3 * * 1-5", "15 */6 1 * *"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 - given its zone below
)
def test_times_only_grow_and_come_out_the_same_from_any_point(cron: str, zone: str, start: datetime) -> None:
    timing = timing_of({"cron": cron, "timezone": zone})
    times = list(islice(timing.after(start.replace(tzinfo=UTC)), 20))
    assert all(one < two for one, two in pairwise(times))
    assert times[0] > start.replace(tzinfo=UTC)
    for number in (0, 5, 18):
        assert next(timing.after(times[number])) == times[number + 1]
    assert list(timing.between(times[3], times[9])) == times[3:10]


FIELD = {
    "minute": st.sampled_from(["*", "*/7", "*/20", "0", "30", "15,45", "50-59"]),
    "hour": st.sampled_from(["*", "*/2", "0", "1", "2", "3", "1-3", "0,2,22"]),
    "day": st.sampled_from(["* * *", "* * 0", "* * 1-5", "29,25,8,1 * *", "* 3,10,11 *"]),
}
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 6, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),  # by half an hour
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 3, 29, tzinfo=UTC)),
]


@settings(max_examples=100)
@given(FIELD["minute"], FIELD["hour"], FIELD["day"], st.sampled_from(CHANGES), st.integers(-120, 600))
def test_they_are_due_when_a_look_at_every_minute_says_so(
    minute: str, hour: str, day: str, change: tuple[str, datetime], lead: int
) -> None:
    """The changes of six nights, one of them by half an hour, and a place without any."""
    (zone, moment), cron = change, f"{minute} {hour} {day}"
    start = moment - timedelta(minutes=lead)
    end = start + timedelta(hours=16)
    found = takewhile(lambda time: time <= end, timing_of({"cron": cron, "timezone": zone}).after(start))
    assert list(found) == due(cron, zone, start, end)


@given(st.sampled_from([1.0, 7.0, 60.0, 900.0, 86_400.0]), st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001
def test_every_counts_from_the_epoch(every: float, start: datetime) -> None:
    timing = timing_of({"every": every})
    one, two = islice(timing.after(start.replace(tzinfo=UTC)), 2)
    assert start.replace(tzinfo=UTC) < one <= start.replace(tzinfo=UTC) + timedelta(seconds=every)
    assert two - one == timedelta(seconds=every)
    assert one.timestamp() % every == 0


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({}, None),
        ({"cron": "* * * * *", "every": "1m"}, None),
        ({"cron": "* * * *"}, "cron"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": "* * * * * *"}, "cron"),
        ({"cron": 7}, "cron"),
        ({"cron": "* * * * *", "timezone": "Mars/Phobos"}, "timezone"),
        ({"every": "0.5s"}, "every"),
        ({"every": "soon"}, "every"),
        ({"every": []}, "every"),
    ],
)
def test_what_is_no_timing_says_so(inputs: dict[str, object], field: str | None) -> None:
    with pytest.raises(BadTiming) as caught:
        timing_of(inputs)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert caught.value.hint
