"""What one process of many does again and again: a round if it leads, a pause, and so on until cancelled.

A round that a missing server cuts short is made again soon, since the server may be back; one that fails for another reason is a fault of
ours, is logged with its place, and waits as long as a good one, so that it can't turn into a busy loop.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

Leads: TypeAlias = Callable[[str], Awaitable[bool]]
"""Whether this process is the one to do what has that name: see `db/channel.py`."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds: `every` after a round, `soon` after one that was cut short or when another process leads. Each varies by `spread`, 0.1 being
    a tenth."""

    every: float
    soon: float
    spread: float


async def led_rounds(
    name: str,
    leads: Leads,
    make: Callable[[], Awaitable[object]],
    rhythm: Rhythm,
    *,
    gone: tuple[type[Exception], ...],
    log: logging.Logger,
) -> None:
    """Rounds until cancelled, the first one at once. `gone`: the errors that say that a server is away."""
    chance = secrets.SystemRandom()
    while True:
        pause = rhythm.soon
        try:
            if await leads(name):
                await make()
                pause = rhythm.every
        except gone as error:
            log.info("the round of %s was cut short: %s", name, error)
        except Exception:
            log.exception("the round of %s failed; the next one begins anew", name)
            pause = rhythm.every
        await asyncio.sleep(pause * chance.uniform(1 - rhythm.spread, 1 + rhythm.spread))
