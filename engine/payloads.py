"""How values become Temporal's payloads: plain JSON on both sides, no classes, no type hints.

All that workflows, activities and signals exchange is JSON (`engine/wire.py` gives it its shapes), so one converter serves all, and what
is in a history can be read without our code once it is opened. Values may hold lone surrogates, NUL and integers of 64 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    BinaryNullPayloadConverter,
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    EncodingPayloadConverter,
    PayloadCodec,
)

from engine.sealing import IN_PROCESS
from modules.sdk.json_bytes import dumps, loads

_ENCODING = "json/plain"


@dataclass(frozen=True, slots=True)
class InProcess:
    """Arguments of a local activity. They never leave the process, so they are neither closed nor left in PostgreSQL."""

    value: object


class JsonConverter(EncodingPayloadConverter):
    """JSON values, as they are."""

    @property
    def encoding(self) -> str:
        return _ENCODING

    def to_payload(self, value: Any) -> Payload | None:
        if isinstance(value, InProcess):
            return Payload(metadata={"encoding": b"json/plain", IN_PROCESS: b"1"}, data=dumps(value.value))
        return Payload(metadata={"encoding": b"json/plain"}, data=dumps(value))

    def from_payload(self, payload: Payload, type_hint: type[Any] | None = None) -> Any:
        return loads(payload.data)


class Converter(CompositePayloadConverter):
    """None, and JSON."""

    def __init__(self) -> None:
        super().__init__(BinaryNullPayloadConverter(), JsonConverter())


def data_converter(codec: PayloadCodec | None) -> DataConverter:
    """The converter of every client, worker and replayer. Without a codec payloads stay readable."""
    return DataConverter(
        payload_converter_class=Converter,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
