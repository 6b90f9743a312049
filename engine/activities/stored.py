"""Values that are too large to travel, by reference.

    up to 32 KiB      inline everywhere
    over 32 KiB       the workflow sees `Ref`; the bytes lie in `workflow_payloads` under their own hash
    over 256 KiB      the log's row shows the reference too
    over 20 MB        `payload.too_large`

The address is the hash of the bytes, so one value of a run is stored once, whoever stores it and however often.

A reference that the run doesn't have is no reference: some data of a user (an answer of our own API, say) has the same shape. It is
given back as the object that it is.
"""

from __future__ import annotations

from typing import Protocol, cast

from db.data import ref_of
from engine.expressions.values import Json, Ref, Value, refs_in, to_json
from modules.sdk.json_bytes import dumps, loads

INLINE = 32 * 1024
IN_LOG = 256 * 1024
LIMIT = 20 * 2**20
_REF_BYTES = 120
"""A reference as JSON, roughly."""


class Payloads(Protocol):
    """The payloads of one run."""

    async def put(self, data: bytes) -> str:
        """The address of JSON bytes; the same for the same bytes."""
        ...

    async def get(self, address: str) -> bytes | None: ...


async def kept(value: Json, data: bytes, payloads: Payloads, over: int) -> Value:
    """`value` itself, or a reference to it when its JSON `data` is larger than `over` bytes."""
    if len(data) <= over:
        return cast("Value", value)
    return Ref(await payloads.put(data), len(data), kind_of(value))


async def thinned(value: Json, data: bytes, payloads: Payloads, over: int) -> Value:
    """As `kept`, but an object stays one: its largest members become references until the rest is small enough.

    So whoever asks for a step's inputs gets them by name, however large one of them is.
    """
    if len(data) <= over or not isinstance(value, dict):
        return await kept(value, data, payloads, over)
    members = {key: dumps(member) for key, member in value.items()}
    left = len(data)
    thin = cast("dict[str, Value]", dict(value))
    for key in sorted(members, key=lambda key: -len(members[key])):
        if left <= over or len(members[key]) <= _REF_BYTES:
            break
        thin[key] = await kept(value[key], members[key], payloads, _REF_BYTES)
        left -= len(members[key]) - _REF_BYTES
    return thin if left <= over else await kept(value, data, payloads, over)


def referred(value: Json, data: bytes, over: int) -> tuple[Value, tuple[bytes, ...]]:
    """As `kept`, for whoever stores the bytes together with other things: the value or its reference, and what to store."""
    if len(data) <= over:
        return cast("Value", value), ()
    return Ref(ref_of(data), len(data), kind_of(value)), (data,)


async def whole(value: Value, payloads: Payloads) -> Json:
    """`value` with every reference in it replaced by what it stands for."""
    loaded: dict[str, Json] = {}
    for ref in refs_in(value):
        if ref.ref not in loaded:
            data = await payloads.get(ref.ref)
            loaded[ref.ref] = to_json(ref) if data is None else loads(data)
    return _filled(value, loaded) if loaded else cast("Json", value)


def has_refs(value: Value) -> bool:
    return next(iter(refs_in(value)), None) is not None


def kind_of(value: Json) -> str:
    """The JSON type of a value that may be large."""
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "string"


def _filled(value: Value, loaded: dict[str, Json]) -> Json:
    if isinstance(value, Ref):
        return loaded[value.ref]
    if isinstance(value, dict):
        return {key: _filled(item, loaded) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, loaded) for item in value]
    return value
