"""What is said once and kept nowhere: pieces of an answer that is being written, to those who watch.

A piece may be lost, by a connection that broke or a process that died; it says where in its text it belongs, so whoever misses one waits for
the whole, which is a fact (`copilot/core/facts.py`). In this process it is heard at once; to other processes pieces travel gathered, over
the hub's wire.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import cast

from copilot.core.facts import Delta
from engine.hub import Hub
from modules.sdk.json_bytes import dumps, loads

Listener = Callable[[Delta], None]
MOST_WAITING = 10_000
_PREFIX = "copilot"
_LONGEST = 700
"""Characters of a piece that travels: six bytes each, quoted twice, at the worst."""


class Whispers:
    """One per process."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._listeners: dict[str, set[Listener]] = {}
        hub.hear(_PREFIX, self._heard)

    def tell(self, topic: str, delta: Delta) -> None:
        """Never blocks, never raises."""
        self._deliver(topic, delta)
        for start in range(0, len(delta.text), _LONGEST):
            text = delta.text[start : start + _LONGEST]
            piece = dumps([topic, delta.message_id, delta.offset + start, text])
            self._hub.whisper(_PREFIX, piece.decode("utf-8", "replace"))

    @contextmanager
    def listening(self, topic: str) -> Generator[Pieces]:
        """Pieces of a topic while the block runs."""
        pieces = Pieces()
        self._listeners.setdefault(topic, set()).add(pieces.put)
        try:
            yield pieces
        finally:
            mine = self._listeners[topic]
            mine.discard(pieces.put)
            if not mine:
                del self._listeners[topic]

    def _heard(self, text: str) -> None:
        topic, message_id, offset, piece = cast("tuple[str, str, int, str]", loads(text.encode()))
        self._deliver(topic, Delta(message_id, offset, piece))

    def _deliver(self, topic: str, delta: Delta) -> None:
        for listener in tuple(self._listeners.get(topic, ())):
            listener(delta)


class Pieces:
    """What was heard and not taken yet; of what nobody takes, the oldest goes."""

    def __init__(self) -> None:
        self._waiting: deque[Delta] = deque(maxlen=MOST_WAITING)
        self.wake: Callable[[], None] = lambda: None

    def put(self, delta: Delta) -> None:
        self._waiting.append(delta)
        self.wake()

    def take(self) -> list[Delta]:
        taken = list(self._waiting)
        self._waiting.clear()
        return taken
