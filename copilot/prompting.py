"""The prompts: Markdown files with a name and a version, and the hash of their words, so that each model call tells what it was made with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Prompt:
    """`hash`: the first 16 hexadecimal digits of the text's SHA-256."""

    name: str
    version: int
    hash: str
    text: str


@cache
def prompt(name: str) -> Prompt:
    """`prompts/<name>.md`. Raises ValueError for one whose head is none."""
    whole = (resources.files("copilot") / "prompts" / f"{name}.md").read_text(encoding="utf-8")
    _, head, text = whole.split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in head.strip().splitlines())
    if fields.get("name") != name:
        raise ValueError(f"prompts/{name}.md says of itself that it is {fields.get('name')!r}")
    text = text.strip() + "\n"
    return Prompt(name, int(fields["version"]), hashlib.sha256(text.encode()).hexdigest()[:16], text)
