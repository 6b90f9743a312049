"""The aliases of a document's mail triggers: fit to be one, and each once. Whose they are in the installation, deploying decides."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.spec.finding import Code, Finding
from engine.spec.subject import Subject

MODULE = "email.trigger"
PERMANENT = re.compile(r"[a-z2-7]{20}")
"""How the addresses look that triggers have for good."""
_RESERVED = frozenset({"postmaster", "abuse", "mailer-daemon"})


def check(subject: Subject) -> Iterator[Finding]:
    taken: dict[str, str] = {}
    for node in subject.outline.triggers.values():
        alias = node.inputs.get("alias")
        if node.name != MODULE or node.source.get("disabled") is True or not isinstance(alias, str):
            continue
        at = f"{node.path}/inputs/alias"
        why = _unfit(alias)
        if why is not None:
            yield Finding(Code.ALIAS_INVALID, at, f"{alias!r} can't be an alias: {why}", "choose another one")
        elif alias in taken:
            message = f"the trigger {taken[alias]!r} has the alias {alias!r} already"
            yield Finding(Code.ALIAS_TAKEN, at, message, "give one of them another")
        taken.setdefault(alias, node.id)


def _unfit(alias: str) -> str | None:
    if alias in _RESERVED:
        return "it is kept for whoever runs the mail of the domain"
    if PERMANENT.fullmatch(alias):
        return "it looks like a permanent address"
    if ".." in alias:
        return "two dots follow each other"
    return None
