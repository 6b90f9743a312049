"""Evidence in few bytes and without secrets: lists that are cut say how much is missing, fields named for a secret are masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from copilot.tools.marking import capped
from copilot.tools.secret_texts import HIDDEN, hidden, secrets_in
from engine.expressions.values import Json
from engine.spec.pointer import child, tokens_of
from modules.sdk.json_bytes import dumps

_HELD: Final = ("from", "to", "expected", "got")


def clean(value: Json) -> Json:
    """Without what looks like a secret, by its form or by the name of its field; of a change or a failure, of the field that it is about."""
    value = _by_path(value)
    masked = {at for at, _ in secrets_in(value)}
    return hidden(_masked(value, "", masked) if masked else value)


def _by_path(value: Json) -> Json:
    """`{"path": "/inputs/password", "to": …}`: the name of what `to` holds stands in `path`."""
    if isinstance(value, list):
        return [_by_path(item) for item in value]
    if not isinstance(value, dict):
        return value
    path = value.get("path")
    name = tokens_of(path)[-1] if isinstance(path, str) and path.startswith("/") else None
    made: dict[str, Json] = {}
    for key, item in value.items():
        if name is not None and key in _HELD:
            held: Json = {name: item}
            masked = {at for at, _ in secrets_in(held)}
            shown = _masked(held, "", masked)
            made[key] = shown[name] if isinstance(shown, dict) else item
        else:
            made[key] = _by_path(item)
    return made


@dataclass(frozen=True, slots=True)
class Listed:
    """`left` members are left out, `cut` of those that are kept are shortened."""

    kept: list[Json]
    left: int
    cut: int


def listed(values: Sequence[Json], most: int, each: int) -> Listed:
    """The first of them that go into `most` bytes as JSON, each in at most `each`."""
    kept: list[Json] = []
    size, cut = 2, 0
    for value in values:
        whole = clean(value)
        shown = capped(whole, each)
        size += len(dumps(shown)) + 1
        if size > most:
            break
        cut += shown is not whole
        kept.append(shown)
    return Listed(kept, len(values) - len(kept), cut)


def _masked(value: Json, at: str, masked: set[str]) -> Json:
    if isinstance(value, str):
        whole = at in masked and hidden(value) == value
        return HIDDEN if whole else value
    if isinstance(value, list):
        return [_masked(item, child(at, place), masked) for place, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: _masked(item, child(at, key), masked) for key, item in value.items()}
    return value
