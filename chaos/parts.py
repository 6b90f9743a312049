"""The parts of the full proof, by name, in the order in which they are played."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from chaos.borders import failpoints
from chaos.inbox import inbox
from chaos.mails import mails
from chaos.play import Report, Say, play
from chaos.scale.code import code
from chaos.scale.fairness import fairness
from chaos.scale.idle import idle
from chaos.scale.measures import backlog, order, poison
from chaos.sections import PLAYS, Section

Part = Callable[[int, float, Say, Path | None], Awaitable[Report]]
"""By a seed, so much of it (1 is all), telling what goes on; a home that violated something is kept under that path, if it is given."""


def played(section: Section) -> Part:
    async def part(seed: int, scale: float, say: Say, keep: Path | None) -> Report:
        return await play(section.scaled(scale), seed, say, keep=keep)

    return part


PARTS: Mapping[str, Part] = {
    **{section.name: played(section) for section in PLAYS},
    "mails": mails,
    "inbox": inbox,
    "failpoints": failpoints,
    "order": order,
    "poison": poison,
    "backlog": backlog,
    "fairness": fairness,
    "idle": idle,
    "code": code,
}
