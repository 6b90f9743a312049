"""The call of a step's module, as the carrier gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from engine.core.effects import ModuleCall
from engine.core.needs import pruned
from engine.core.outcome import OUT
from engine.core.throttle import limited_by
from engine.expressions.values import Json

if TYPE_CHECKING:
    from engine.core.activity import Activity
    from engine.core.plan import StepPlan
    from engine.core.retry import RetryPolicy


def call_of(at: Activity, idempotent: bool, policy: RetryPolicy) -> ModuleCall:
    """The attempt that is due. What its inputs refer to goes along, and nothing else."""
    plan, frame = at.plan, at.frame
    return ModuleCall(
        path=at.path,
        step=plan.id,
        module=plan.module.name,
        version=plan.module.version,
        attempt=at.attempt,
        iteration=frame.iteration,
        inputs=cast("dict[str, Json]", plan.inputs.value),
        scope=pruned(frame.scope(plan.call_needs), plan.call_needs),
        idempotency_key=at.key,
        timeout=plan.module.timeout if plan.step.timeout is None else plan.step.timeout,
        effect=at.effect,
        idempotent=idempotent,
        on_lost=policy.on_lost,
        long=plan.module.long,
        started_at=at.started_at,
        retry={**policy.to_json(), "counted": at.counted},
        failed_handle=",".join(handles_of_failure(plan)) or None,
        connection=plan.step.connection,
        throttled=plan.throttle is not None or limited_by(at) is not None,
    )


def handles_of_failure(plan: StepPlan) -> tuple[str, ...]:
    """What a step gives that failed."""
    on_error = plan.step.on_error
    return OUT if on_error == "continue" else ("error",) if on_error == "branch" else ()
