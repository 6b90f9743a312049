"""What stands in for a step: its mock, or a simulated output; and what may not run where nothing stands in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from engine.core.effects import RunOptions
from engine.core.errors import Failed, StepError
from engine.core.records import Mocked
from engine.expressions.values import Json, Value, as_value

if TYPE_CHECKING:
    from engine.core.activity import Activity


@dataclass(frozen=True, slots=True)
class Stand:
    """An output or an error in the place of an attempt. `handle` None: the usual one."""

    source: Mocked
    output: Value = None
    error: StepError | None = None
    handle: str | None = None


def stand_in(options: RunOptions, activity: Activity) -> Stand | None:
    """What stands in for this attempt; None where it is really made.

    Mocks are looked up by path, then by step id; a list is for successive attempts, its last entry for all further ones. Raises Failed with
    `mock.missing` for a read, a write or a wait for somebody outside that has none, where the run's options forbid the real thing.
    """
    step = activity.plan.id
    mock = options.mocks.get(activity.path, options.mocks.get(step))
    if mock is not None:
        return _mocked(mock, activity.counted, activity.path)
    node = activity.plan.node
    if activity.effect == "none" and not node.outside:
        return None
    if options.simulate:
        simulated = options.simulated.get(step)
        if simulated is not None:
            return Stand(simulated.source, as_value(simulated.output), handle=simulated.handle)
    elif options.unmocked == "run":
        return None
    raise Failed(
        StepError(
            "mock.missing",
            f"{step!r} ({activity.plan.module.name}) reaches outside and has no mock: give one under its id {step!r}",
        )
    )


def _mocked(mock: Json, attempt: int, path: str) -> Stand:
    if isinstance(mock, list):
        if not mock:
            raise Failed(
                StepError("mock.invalid", f"the list of mocks for {path!r} is empty: give one for each attempt")
            )
        mock = mock[min(attempt, len(mock)) - 1]
    if isinstance(mock, dict):
        handle = mock.get("handle")
        if "output" in mock:
            return Stand("mock", as_value(mock["output"]), handle=handle if isinstance(handle, str) else None)
        error = mock.get("error")
        if isinstance(error, dict):
            return Stand("mock", error=_error(error))
    raise Failed(StepError("mock.invalid", f"the mock for {path!r} must be an object with `output` or `error`"))


def _error(given: Mapping[str, Json]) -> StepError:
    code, message, after, details = (
        given.get("code"),
        given.get("message"),
        given.get("retry_after"),
        given.get("details"),
    )
    return StepError(
        code if isinstance(code, str) else "mock.error",
        message if isinstance(message, str) else "the mock says so",
        retryable=given.get("retryable") is True,
        details=cast("dict[str, Json]", details) if isinstance(details, dict) else {},
        retry_after=float(after) if isinstance(after, (int, float)) and not isinstance(after, bool) else None,
    )
