"""What a run writes down while it goes: rows of its log, its state, its end. One call of one function, one commit.

Repeating a call changes nothing: rows are keyed by (path, attempt), and a row or a run in a terminal state never changes. Rows that
were refused for that are named in the answer; `db.steps.one` gives what stands there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from db import log_seal
from db.connection import Connection
from db.data import Payload, json_or_none
from db.ids import RunId, WorkspaceId
from db.json import Json, plain_text
from db.log_seal import LogPlace, LogSeal
from db.search_words import words_of
from db.statements import rows, values

StepStatus = Literal["running", "waiting", "succeeded", "failed", "skipped", "cancelled"]
RunStatus = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled", "timed_out"]
EndStatus = Literal["succeeded", "failed", "cancelled", "timed_out"]
WaitKind = Literal["event", "timer", "child", "retry", "throttle"]
Mocked = Literal["mock", "last_output", "example", "schema", "replay"]


class UnknownRun(LookupError):
    """There is no such run; there was one, if it was purged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    """One attempt of one step as it stands now. `attempt` counts from 1; 0 for a skipped step.

    Terminal states have `finished_at`. References to payloads in data are the caller's: a row takes any JSON.
    """

    path: str
    attempt: int
    step: str
    module: str
    status: StepStatus
    started_at: datetime
    finished_at: datetime | None = None
    iteration: int | None = None
    input: Json = None
    output: Json = None
    error: Json = None
    handle: str | None = None
    logs: Json = None
    wait_kind: WaitKind | None = None
    wait_reason: str | None = None
    wait_until: datetime | None = None
    resume_url: str | None = None
    child_run_id: UUID | None = None
    mocked: Mocked | None = None
    idempotency_key: str | None = None
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """A run's terminal state. `output` is kept only where the run succeeded; `warnings` replace earlier ones if given."""

    status: EndStatus
    finished_at: datetime
    output: Json = None
    error: Json = None
    warnings: Json = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """How the run stands after the call. `finished_now`: this call ended it. `next_run`: that run waited for its key and may go now.

    `refused_paths` and `refused_attempts` name, side by side, rows that had ended before; None where there are none.
    """

    status: RunStatus
    finished_now: bool
    last_seq: int
    cancel_requested: bool
    cancel_reason: str | None
    next_run: RunId | None
    refused_paths: Sequence[str] | None
    refused_attempts: Sequence[int] | None

    @property
    def refused(self) -> tuple[tuple[str, int], ...]:
        """The rows that were not written, as (path, attempt)."""
        return tuple(zip(self.refused_paths or (), self.refused_attempts or (), strict=True))


_RECORD = rows("record", "record", Recorded)
_HOLD = values("record", "hold", UUID)


async def record(
    connection: Connection,
    workspace_id: WorkspaceId,
    run_id: RunId,
    steps: Sequence[NewStep],
    *,
    waiting: bool | None = None,
    began_at: datetime | None = None,
    end: End | None = None,
    payloads: Sequence[Payload] = (),
) -> Recorded:
    """Write `steps` in their order (of two with one key the later counts), then the run's state, then its end.

    `waiting` true or false sets the state so, None leaves it; a queued run becomes running with its first record, begun at
    `began_at` or now. Raises `UnknownRun`. Use it on `Database.single()`: one trip, one commit.
    """
    distinct = {(step.path, step.attempt): step for step in steps}
    given = list(distinct.values())
    seal = await log_seal.wanted(connection.seal, workspace_id)
    rows_words = (
        words_of(*(data for step in given for data in (step.input, step.output, step.error))) if seal is None else []
    )
    end_words = (words_of(end.output, end.error) if seal is None else []) if end else None
    given = [await _closed_step(seal, workspace_id, run_id, step) for step in given]
    end = None if end is None else await _closed_end(seal, workspace_id, run_id, end)
    found = await connection.maybe(
        _RECORD,
        workspace_id=workspace_id,
        run_id=run_id,
        paths=[step.path for step in given],
        attempts=[step.attempt for step in given],
        steps=[step.step for step in given],
        modules=[step.module for step in given],
        iterations=[step.iteration for step in given],
        statuses=[step.status for step in given],
        starts=[step.started_at for step in given],
        ends=[step.finished_at for step in given],
        inputs=[json_or_none(step.input) for step in given],
        outputs=[json_or_none(step.output) for step in given],
        errors=[json_or_none(step.error) for step in given],
        handles=[_plain(step.handle) for step in given],
        logs=[json_or_none(step.logs) for step in given],
        wait_kinds=[step.wait_kind for step in given],
        wait_reasons=[_plain(step.wait_reason) for step in given],
        wait_untils=[step.wait_until for step in given],
        resume_urls=[step.resume_url for step in given],
        child_run_ids=[step.child_run_id for step in given],
        mocks=[step.mocked for step in given],
        keys=[_plain(step.idempotency_key) for step in given],
        retry_ats=[step.retry_at for step in given],
        refs=[payload.ref for payload in payloads],
        media_types=[payload.media_type for payload in payloads],
        bodies=[await log_seal.closed_body(seal, workspace_id, one.ref, one.body) for one in payloads],
        waiting=waiting,
        began_at=began_at,
        end_status=end.status if end else None,
        end_output=json_or_none(end.output) if end else None,
        end_error=json_or_none(end.error) if end else None,
        end_warnings=json_or_none(end.warnings) if end else None,
        end_at=end.finished_at if end else None,
        words=end_words,
        step_words=rows_words,
    )
    if found is None:
        raise UnknownRun(f"there is no run {run_id}")
    return found


async def hold(connection: Connection, run_id: RunId) -> None:
    """Lock the run's row until the transaction's end, before whatever is done in one transaction with its log."""
    await connection.maybe(_HOLD, run_id=run_id)


async def _closed_step(seal: LogSeal | None, workspace_id: WorkspaceId, run_id: RunId, step: NewStep) -> NewStep:
    def at(column: str) -> LogPlace:
        return log_seal.of_step(workspace_id, column, run_id, step.path, step.attempt)

    return replace(
        step,
        input=await log_seal.closed(seal, at("input"), step.input),
        output=await log_seal.closed(seal, at("output"), step.output),
        error=await log_seal.closed(seal, at("error"), step.error),
        logs=await log_seal.closed(seal, at("logs"), step.logs),
    )


async def _closed_end(seal: LogSeal | None, workspace_id: WorkspaceId, run_id: RunId, end: End) -> End:
    def at(column: str) -> LogPlace:
        return log_seal.of_run(workspace_id, column, run_id)

    return replace(
        end,
        output=await log_seal.closed(seal, at("output"), end.output),
        error=await log_seal.closed(seal, at("error"), end.error),
        warnings=await log_seal.closed_lines(seal, at("warnings"), end.warnings),
    )


def _plain(text: str | None) -> str | None:
    return None if text is None else plain_text(text)
