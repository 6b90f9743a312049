"""What the model is given keeps its beginning, and parts no call from its result."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from copilot.core.history import PastCall, PastStep, PastTurn, messages_of, older, size
from modules.sdk.json_bytes import loads

CALLS = st.builds(
    PastCall,
    st.text(max_size=5),
    st.sampled_from(["workflows", "runs"]),
    st.text(max_size=20),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    st.booleans(),
)
STEPS = st.builds(PastStep, st.text(max_size=20), st.lists(CALLS, max_size=3).map(tuple))
TURNS = st.lists(
    st.builds(PastTurn, st.just("t"), st.text(max_size=20), st.lists(STEPS, max_size=3).map(tuple), st.none()),
    max_size=5,
)


@given(TURNS)
def test_each_call_stands_before_its_result(turns: list[PastTurn]) -> None:
    messages = messages_of("be good", "", None, turns)
    waiting: list[object] = []
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] == waiting.pop(0)
            loads(str(message["content"]).encode())
            continue
        assert waiting == []
        calls = message.get("tool_calls")
        waiting = [call["id"] for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    assert waiting == []


@given(TURNS, st.builds(PastTurn, st.just("t"), st.text(max_size=20)))
def test_what_was_said_before_stays_the_beginning(turns: list[PastTurn], later: PastTurn) -> None:
    before = messages_of("be good", "about it", "a summary", turns)
    after = messages_of("be good", "about it", "a summary", [*turns, later])
    assert after[: len(before)] == before or not turns


def test_a_call_that_was_not_made_says_so() -> None:
    [*_, result] = messages_of("", "", None, [PastTurn("t", "q", (PastStep("", (PastCall("1", "runs", "{}"),)),))])
    assert (result["role"], "not_made" in str(result["content"])) == ("tool", True)


@given(TURNS, st.integers(0, 4), st.integers(0, 200))
def test_the_newest_turns_stay_and_the_rest_fits_or_is_summed_up(turns: list[PastTurn], keep: int, room: int) -> None:
    count = older(turns, keep, room)
    assert 0 <= count <= max(0, len(turns) - keep)
    if count < len(turns) - keep:
        # Sizes of parts are rounded one by one.
        assert size(messages_of("", "", None, turns[count:])) <= room + 10 * len(turns) + 20
