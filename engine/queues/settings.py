"""The settings of an app queue as callers give them: names, limits, and which of them can't be meant together.

Times are seconds or durations (`5m`) in, seconds out. Order is what a queue is for, so what would break it is refused: `lifo` with
ordering keys, and several batches at once without them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TypeVar, cast
from uuid import UUID

from db.app_queues import Queue, QueueSettings, Status
from engine.expressions.durations import parse_duration
from engine.expressions.values import Json
from engine.mistakes import Mistakes

JsonObject = Mapping[str, Json]
Word = TypeVar("Word", bound=str)

_WHOLE = {
    "flush_batch_size": (1, 10_000),
    "flush_rate_limit_max_flush_count": (1, 100_000),
    "max_parallel_batches": (1, 1_000),
    "max_attempts": (1, 100),
}
_SECONDS = {
    "flush_record_max_age": (1.0, 86_400.0),
    "flush_rate_limit_time_window": (0.001, 86_400.0),
    "dedupe_window": (0.0, 365 * 86_400.0),
}
_WORDS: dict[str, tuple[str, ...]] = {
    "flush_strategy": ("fifo", "lifo"),
    "ordering": ("queue", "key"),
    "on_failure": ("block", "dead_letter", "bisect"),
}
_STATUS = ("running", "paused")
NAMES = (*_WHOLE, *_SECONDS, *_WORDS)
"""Of all settings but `status`."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def settings_of(queue: Queue) -> QueueSettings:
    """Those that a queue has."""
    return QueueSettings(**{name: getattr(queue, name) for name in asdict(QueueSettings())})


def read_name(given: Json, mistakes: Mistakes) -> str:
    """A new queue's name. A name that reads as an id would make references ambiguous."""
    if not isinstance(given, str) or _NAME.fullmatch(given) is None:
        mistakes.add(
            "/name",
            "a name has 1 to 63 lower-case letters, digits, `-` and `_`, and begins with a letter or digit",
        )
        return ""
    try:
        UUID(given)
    except ValueError:
        return given
    mistakes.add("/name", f"{given!r} reads as an id", "choose a name that doesn't")
    return given


def read_status(given: JsonObject, mistakes: Mistakes) -> Status | None:
    """None where it isn't given."""
    return None if "status" not in given else cast("Status | None", _word("status", given["status"], _STATUS, mistakes))


def read_settings(given: JsonObject, present: QueueSettings, mistakes: Mistakes) -> QueueSettings:
    """`present` with what is given changed. Other names in `given` are not looked at."""
    changed: dict[str, object] = {}
    for name in NAMES:
        if name not in given:
            continue
        value = given[name]
        if name in _WHOLE:
            read: object = _whole(name, value, mistakes)
        elif name in _SECONDS:
            read = _seconds(name, value, mistakes)
        else:
            read = _word(name, value, _WORDS[name], mistakes)
        if read is not None:
            changed[name] = read
    settings = replace(present, **changed)  # pyright: ignore[reportArgumentType]  # each was read by its own kind
    _agree(settings, given, mistakes)
    return settings


def seconds(given: Json) -> float:
    """Of a number or a duration. Raises ValueError with a text for people."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise ValueError("this is not a duration: write it as '10s', '5m', '1h', or as a number of seconds")  # noqa: TRY004
    return parse_duration(given)


def _agree(settings: QueueSettings, given: JsonObject, mistakes: Mistakes) -> None:
    if settings.flush_strategy == "lifo" and settings.ordering == "key":
        mistakes.add(
            "/flush_strategy" if "flush_strategy" in given else "/ordering",
            "`lifo` breaks the order of keys, so it goes with `ordering: queue` only",
            "use `fifo`, or `ordering: queue`",
        )
    if settings.max_parallel_batches > 1 and settings.ordering == "queue":
        mistakes.add(
            "/max_parallel_batches" if "max_parallel_batches" in given else "/ordering",
            "several batches at once would break the order of the queue, so they need `ordering: key`",
            "use `max_parallel_batches: 1`, or `ordering: key`",
        )


def _whole(name: str, value: Json, mistakes: Mistakes) -> int | None:
    low, high = _WHOLE[name]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        mistakes.add(f"/{name}", f"{name!r} is a whole number from {low:,} to {high:,}")
        return None
    return value


def _seconds(name: str, value: Json, mistakes: Mistakes) -> float | None:
    low, high = _SECONDS[name]
    try:
        read = seconds(value)
    except ValueError as error:
        mistakes.add(f"/{name}", str(error))
        return None
    if not low <= read <= high:
        mistakes.add(f"/{name}", f"{name!r} is from {low:g} to {high:,.0f} seconds")
        return None
    return read


def _word(name: str, value: Json, words: Sequence[str], mistakes: Mistakes) -> str | None:
    if not isinstance(value, str) or value not in words:
        mistakes.add(f"/{name}", f"{name!r} is one of {', '.join(words)}")
        return None
    return value
