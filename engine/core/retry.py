"""Whether and when a failed attempt is made again.

The interpreter and whoever writes the row of a failed attempt ask the same function, so the row's `retry_at` is what
then happens. Attempts that
were lost with their worker aren't counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar, cast

from engine.core.errors import StepError
from engine.expressions.values import Json
from engine.spec.document import OnLost, Retry

T = TypeVar("T")

RETRYABLE = ("http.408", "http.425", "http.429", "http.5*", "http.connect", "*.timeout")
"""Codes that are tried again where the author doesn't say which."""

DEFAULT_ATTEMPTS = 3
"""For what has no effect, only reads, or is idempotent by itself; anything else is tried once."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """One step's rules. Seconds. `on` None: the engine's list, with the module's `more`."""

    max_attempts: int
    initial: float = 1.0
    backoff: float = 2.0
    max_interval: float = 60.0
    jitter: float = 0.2
    on: tuple[str, ...] | None = None
    never_on: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    on_lost: OnLost = "retry"

    def to_json(self) -> dict[str, Json]:
        """For `ModuleCall.retry`."""
        return {
            "max_attempts": self.max_attempts,
            "initial": self.initial,
            "backoff": self.backoff,
            "max_interval": self.max_interval,
            "jitter": self.jitter,
            "on": None if self.on is None else list(self.on),
            "never_on": list(self.never_on),
            "more": list(self.more),
            "on_lost": self.on_lost,
        }

    @staticmethod
    def from_json(data: Mapping[str, Json]) -> RetryPolicy:
        """The inverse of `to_json`; other keys are ignored."""
        on = data["on"]
        return RetryPolicy(
            max_attempts=cast("int", data["max_attempts"]),
            initial=cast("float", data["initial"]),
            backoff=cast("float", data["backoff"]),
            max_interval=cast("float", data["max_interval"]),
            jitter=cast("float", data["jitter"]),
            on=None if on is None else tuple(cast("list[str]", on)),
            never_on=tuple(cast("list[str]", data["never_on"])),
            more=tuple(cast("list[str]", data["more"])),
            on_lost=cast("OnLost", data["on_lost"]),
        )


def policy_of(written: Retry, defaults: Mapping[str, Json], attempts: int) -> RetryPolicy:
    """What the author wrote over the module's `defaults` (`initial backoff max_interval jitter on`); `attempts` where neither says how many."""
    declared = defaults.get("max_attempts")
    return RetryPolicy(
        max_attempts=_first(written.max_attempts, cast("int | None", declared), attempts),
        initial=_first(written.initial, cast("float", defaults["initial"])),
        backoff=_first(written.backoff, cast("float", defaults["backoff"])),
        max_interval=_first(written.max_interval, cast("float", defaults["max_interval"])),
        jitter=_first(written.jitter, cast("float", defaults["jitter"])),
        on=written.on,
        never_on=written.never_on,
        more=tuple(cast("list[str]", defaults["on"])),
        on_lost=written.on_lost,
    )


def retryable(code: str, policy: RetryPolicy, verdict: bool | None = None) -> bool:
    """Whether an error of this code may be tried again. `verdict` is what the module said itself; the author's lists come first."""
    if matches(code, policy.never_on):
        return False
    if policy.on is not None:
        return matches(code, policy.on)
    if verdict is not None:
        return verdict
    return matches(code, RETRYABLE) or matches(code, policy.more)


def decide(error: StepError, counted: int, policy: RetryPolicy, random: float) -> float | None:
    """Seconds until the next attempt, or None. `error.retryable` must be what `retryable` said.

        `counted` is how many attempts were made that count, this one included; `random` is in [0, 1). A time that the
    target asked for is kept, also
    beyond `max_interval`.
    """
    if counted >= policy.max_attempts or not error.retryable:
        return None
    try:
        delay = min(policy.initial * policy.backoff ** (counted - 1), policy.max_interval)
    except OverflowError:
        delay = policy.max_interval
    delay = max(delay * (1.0 + policy.jitter * (2.0 * random - 1.0)), 0.0)
    return delay if error.retry_after is None else max(delay, error.retry_after)


def matches(code: str, globs: tuple[str, ...]) -> bool:
    """Whether `code` fits one of the globs (`http.5*`)."""
    return any(fnmatchcase(code, glob) for glob in globs)


def _first(*values: T | None) -> T:
    return next(value for value in values if value is not None)
