"""What is written into histories and rows reads back as it was."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.effects import CallOutcome
from engine.core.errors import StepError
from engine.core.records import LogLine, RunEnd, RunStatus, StepRecord, StepStatus
from engine.expressions.values import Ref
from engine.wire import dump_end, dump_outcome, dump_record, load_end, load_outcome, load_record
from modules.sdk.json_bytes import dumps, loads

texts = st.text(st.characters(exclude_categories=()), max_size=10)
times = st.floats(0, 4e9)
numbers = st.integers(-(2**63), 2**64 - 1)
"""Others are refused where data comes in."""
values = st.recursive(
    st.none()
    | st.integers(-5, 5)
    | texts
    | st.builds(Ref, st.text("abc", min_size=1), st.integers(0, 9), st.just("object")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
errors = st.builds(
    StepError, texts, texts, st.none() | texts, st.booleans(), st.dictionaries(texts, numbers), st.none() | times
)
lines = st.lists(st.builds(LogLine, times, texts, texts, st.none() | numbers), max_size=3).map(tuple)
records = st.builds(
    StepRecord,
    path=texts,
    step=texts,
    module=texts,
    attempt=st.integers(0, 9),
    status=st.sampled_from(StepStatus),
    started_at=times,
    finished_at=st.none() | times,
    iteration=st.none() | st.integers(0, 9),
    input=values,
    output=values,
    error=st.none() | errors,
    handle=st.none() | texts,
    logs=lines,
    wait=st.none() | st.sampled_from(["event", "timer", "child", "retry"]),
    resume_url=st.none() | texts,
    mocked=st.none() | st.just("mock"),
    retry_at=st.none() | times,
)
ends = st.builds(RunEnd, st.sampled_from([RunStatus.SUCCEEDED, RunStatus.FAILED]), values, st.none() | errors, lines)
outcomes = st.builds(
    CallOutcome,
    output=values,
    handles=st.lists(texts).map(tuple),
    error=st.none() | errors,
    retry_at=st.none() | times,
    lost=st.booleans(),
)


@settings(max_examples=100)
@given(records, ends, outcomes)
def test_there_and_back(record: StepRecord, end: RunEnd, outcome: CallOutcome) -> None:
    assert load_record(loads(dumps(dump_record(record)))) == record  # type: ignore[arg-type]
    assert load_end(loads(dumps(dump_end(end)))) == end  # type: ignore[arg-type]
    assert load_outcome(loads(dumps(dump_outcome(outcome)))) == outcome  # type: ignore[arg-type]
