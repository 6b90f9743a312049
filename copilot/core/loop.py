"""What a turn does next: pure, so that it is the same in a workflow that is replayed, in a test, and after a crash.

    begin ──► Think(1) ──► Answered, no calls ──────────────────────────► Finish
                 ▲             │ calls
                 │             ▼
                 │         UseTool(1, 0) ──► UseTool(1, 1) ──► … ──► one that ends the turn (an approval, a question) ──► Finish
                 │                                              │
                 └──────────────── Think(2) ◄───────────────────┘ none did

A turn is bounded on each side: steps, tool calls, tokens, money. What the model asks for beyond a bound isn't done; the turn ends and says so,
and the person may say *go on*. A call that fails again and again in the same way ends it as well: another try costs, and brings the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

Stop: TypeAlias = Literal["steps", "calls", "tokens", "money", "repeats", "length"]
"""Why a turn ended before the model was done; None where it was, or where a person is asked."""

SIGNATURES: Final = 20
"""Failures that are remembered."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one turn. `cost` in millionths of a dollar, None for no limit; `repeats`: so many equal failures end it."""

    steps: int = 30
    calls: int = 40
    tokens: int = 400_000
    cost: int | None = None
    repeats: int = 3


@dataclass(frozen=True, slots=True)
class State:
    """So far. `open_calls` are those of the present step, `position` the one that is made."""

    step: int = 1
    position: int = 0
    open_calls: int = 0
    calls: int = 0
    tokens: int = 0
    cost: int = 0
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """The model's answer: how many tools it asks for, and what it cost; `cut`: it ran into its own limit of length."""

    calls: int
    tokens: int
    cost: int = 0
    cut: bool = False


@dataclass(frozen=True, slots=True)
class ToolDone:
    """`failure`: what failed and how, in a text that is the same when the same fails again; None where it did what it should."""

    failure: str | None = None
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Think:
    step: int


@dataclass(frozen=True, slots=True)
class UseTool:
    step: int
    position: int


@dataclass(frozen=True, slots=True)
class Finish:
    stop: Stop | None = None


Heard: TypeAlias = Answered | ToolDone
Action: TypeAlias = Think | UseTool | Finish


def begin() -> tuple[State, Action]:
    """Of a new turn."""
    return State(), Think(1)


def decide(state: State, heard: Heard, limits: Limits) -> tuple[State, Action]:
    """What follows on what was heard."""
    if isinstance(heard, Answered):
        return _answered(state, heard, limits)
    return _done(state, heard, limits)


def _answered(state: State, heard: Answered, limits: Limits) -> tuple[State, Action]:
    state = replace(state, tokens=state.tokens + heard.tokens, cost=state.cost + heard.cost, open_calls=heard.calls)
    if heard.calls == 0:
        return state, Finish("length" if heard.cut else None)
    if state.calls + heard.calls > limits.calls:
        return state, Finish("calls")
    return replace(state, position=0), UseTool(state.step, 0)


def _done(state: State, heard: ToolDone, limits: Limits) -> tuple[State, Action]:
    state = replace(state, calls=state.calls + 1)
    if heard.ends:
        return state, Finish()
    if heard.failure is not None:
        state = replace(state, failures=(*state.failures, heard.failure)[-SIGNATURES:])
        if state.failures.count(heard.failure) >= limits.repeats:
            return state, Finish("repeats")
    if state.position + 1 < state.open_calls:
        state = replace(state, position=state.position + 1)
        return state, UseTool(state.step, state.position)
    if state.step >= limits.steps:
        return state, Finish("steps")
    if state.tokens >= limits.tokens:
        return state, Finish("tokens")
    if limits.cost is not None and state.cost >= limits.cost:
        return state, Finish("money")
    state = replace(state, step=state.step + 1, position=0, open_calls=0)
    return state, Think(state.step)
