"""A rate limit admits what it promises and never more."""

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.triggers.rate import RateLimits


@settings(max_examples=200)
@given(st.integers(1, 5), st.floats(0.5, 10), st.lists(st.floats(0, 3), max_size=60))
def test_a_window_never_sees_much_more_than_its_count(count: int, per: float, gaps: list[float]) -> None:
    limits, now = RateLimits(), 0.0
    admitted: list[float] = []
    for gap in gaps:
        now += gap
        wait = limits.admit("k", count, per, now)
        if wait == 0:
            admitted.append(now)
        else:
            assert limits.admit("k", count, per, now + wait + 1e-6) == 0, "after the time it said, one is admitted"
            now += wait + 1e-6
            admitted.append(now)
    for start in admitted:
        window = [moment for moment in admitted if start <= moment < start + per]
        assert len(window) <= 2 * count


def test_a_burst_of_the_count_is_admitted_at_once_and_the_next_one_waits_its_share() -> None:
    limits = RateLimits()
    assert [limits.admit("k", 3, 6.0, 100.0) for _ in range(3)] == [0, 0, 0]
    assert limits.admit("k", 3, 6.0, 100.0) == 2.0
    assert limits.admit("other", 3, 6.0, 100.0) == 0
    assert limits.admit("k", 3, 6.0, 102.0) == 0
