"""The loop ends, within its bounds, whatever the model and the tools do; and asks for nothing twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from copilot.core.loop import Action, Answered, Finish, Heard, Limits, State, Think, ToolDone, UseTool, begin, decide

LIMITS = Limits(steps=5, calls=8, tokens=1_000, cost=50, repeats=3)


def talk(*heard: Heard, limits: Limits = LIMITS) -> list[Action]:
    """What is done, from the beginning; what is heard after the end counts no more."""
    state, action = begin()
    done = [action]
    for one in heard:
        if isinstance(action, Finish):
            break
        state, action = decide(state, one, limits)
        done.append(action)
    return done


def test_an_answer_without_tools_ends_the_turn() -> None:
    assert talk(Answered(0, 10)) == [Think(1), Finish()]
    assert talk(Answered(0, 10, cut=True)) == [Think(1), Finish("length")]


def test_tools_are_used_in_their_order_and_then_the_model_is_asked_again() -> None:
    heard = (Answered(2, 10), ToolDone(), ToolDone(), Answered(1, 10), ToolDone(), Answered(0, 5))
    assert talk(*heard) == [
        Think(1),
        UseTool(1, 0),
        UseTool(1, 1),
        Think(2),
        UseTool(2, 0),
        Think(3),
        Finish(),
    ]


def test_what_a_person_decides_ends_the_turn_whatever_else_was_asked_for() -> None:
    assert talk(Answered(3, 1), ToolDone(ends=True)) == [Think(1), UseTool(1, 0), Finish()]


def test_the_same_failure_again_and_again_ends_it_and_different_ones_do_not() -> None:
    same = [one for _ in range(3) for one in (Answered(1, 1), ToolDone("edit draft.stale 1"))]
    assert talk(*same)[-1] == Finish("repeats")
    others = [one for number in range(3) for one in (Answered(1, 1), ToolDone(f"edit draft.stale {number}"))]
    assert talk(*others)[-1] == Think(4)


def test_each_bound_ends_it_and_says_so() -> None:
    assert talk(Answered(9, 1))[-1] == Finish("calls")
    assert talk(Answered(1, 1_000), ToolDone())[-1] == Finish("tokens")
    assert talk(Answered(1, 1, cost=50), ToolDone())[-1] == Finish("money")
    assert talk(*[Answered(1, 1), ToolDone()] * 5)[-1] == Finish("steps")


HEARD = st.one_of(
    st.builds(Answered, st.integers(0, 10), st.integers(0, 300), st.integers(0, 20), st.booleans()),
    st.builds(ToolDone, st.sampled_from([None, None, "a", "b"]), st.sampled_from([False, False, False, True])),
)


@given(st.lists(HEARD, min_size=60, max_size=60))
def test_whatever_is_heard_it_ends_within_its_bounds(heard: list[Heard]) -> None:
    answers = iter(one for one in heard if isinstance(one, Answered))
    results = iter(one for one in heard if isinstance(one, ToolDone))
    state, action = begin()
    done: list[Action] = []
    while not isinstance(action, Finish):
        done.append(action)
        assert len(done) <= LIMITS.steps + LIMITS.calls
        one = next(answers, Answered(0, 0)) if isinstance(action, Think) else next(results, ToolDone())
        before = state
        state, action = decide(state, one, LIMITS)
        assert (state.calls, state.tokens, state.cost) >= (before.calls, before.tokens, before.cost)
    assert len(set(done)) == len(done)
    assert len([one for one in done if isinstance(one, UseTool)]) <= LIMITS.calls


def test_a_state_is_plain() -> None:
    assert begin() == (State(), Think(1))
