"""What reaches Temporal can't be read there, opens only in its run, and comes back as it was, whatever it was."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.converter import ActivitySerializationContext, WorkflowSerializationContext

from engine.expressions.values import Json
from engine.payloads import Converter, InProcess, data_converter
from engine.sealing import CLAIM_OVER, SealingCodec, Unbound
from tests.engine.histories.stage import MASTER, ClaimsHere, OneKey, OneOwner
from workspace.keys import LocalKey, Unreadable, Vault

RUN = WorkflowSerializationContext("default", "0190-run")
CLAIMS = ClaimsHere({})
CODEC = SealingCodec(Vault(LocalKey(MASTER), OneKey([])), CLAIMS, OneOwner())

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=()), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


async def there_and_back(value: Json) -> Json:
    converter = data_converter(CODEC).with_context(RUN)
    (back,) = await converter.decode(await converter.encode([value]))
    return back


@settings(max_examples=150, deadline=None)
@given(json_values)
async def test_any_value_comes_back_as_it_was(value: Json) -> None:
    assert await there_and_back(value) == value


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\udfff\ud800", "é漢"])
async def test_text_that_other_stores_refuse_comes_back(text: str) -> None:
    assert await there_and_back({text: text}) == {text: text}


async def test_nothing_readable_leaves_the_process() -> None:
    (payload,) = await data_converter(CODEC).with_context(RUN).encode([{"secret": "s3cret words"}])
    assert b"s3cret" not in payload.SerializeToString()
    assert b"secret" not in payload.SerializeToString()


async def test_failures_are_closed_too() -> None:
    from temporalio.api.failure.v1 import Failure

    failure = Failure()
    await data_converter(CODEC).with_context(RUN).encode_failure(ValueError("s3cret words"), failure)
    assert b"s3cret" not in failure.SerializeToString()


async def test_a_payload_opens_in_its_own_run_only() -> None:
    payloads = await data_converter(CODEC).with_context(RUN).encode(["x"])
    for other in (WorkflowSerializationContext("default", "other"), WorkflowSerializationContext("ns", "0190-run")):
        with pytest.raises(Unreadable):
            await data_converter(CODEC).with_context(other).decode(payloads)


async def test_an_activity_of_the_run_opens_what_the_workflow_closed() -> None:
    activity = ActivitySerializationContext("default", "1", "run_module", "millstream", "0190-run", "run", True)
    payloads = await data_converter(CODEC).with_context(RUN).encode(["x"])
    assert await data_converter(CODEC).with_context(activity).decode(payloads) == ["x"]


async def test_what_is_large_stays_behind_and_only_its_address_travels() -> None:
    import random

    value = random.Random(1).randbytes(CLAIM_OVER).hex()  # doesn't compress below the limit
    (payload,) = await data_converter(CODEC).with_context(RUN).encode([value])
    assert payload.ByteSize() < 300
    assert await data_converter(CODEC).with_context(RUN).decode([payload]) == [value]


async def test_what_compresses_well_travels_whole() -> None:
    before = len(CLAIMS.data)
    (payload,) = await data_converter(CODEC).with_context(RUN).encode(["a" * 1_000_000])
    assert payload.ByteSize() < CLAIM_OVER
    assert len(CLAIMS.data) == before


async def test_arguments_that_stay_in_the_process_are_left_alone() -> None:
    payloads: Sequence[Payload] = [Converter().to_payload(InProcess({"a": 1}))]
    assert await CODEC.with_context(RUN).encode(payloads) == list(payloads)


async def test_a_payload_of_no_run_is_not_sent() -> None:
    with pytest.raises(Unbound):
        await data_converter(CODEC).encode(["x"])
