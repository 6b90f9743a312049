"""The pages of the documentation, taken apart: fenced blocks, links, headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*$", re.DOTALL)
_FILE = re.compile(r"# ([\w.-]+\.ya?ml)\n")


@dataclass(frozen=True)
class Block:
    """A fenced block. `not_run` is the reason that stands above it, `file` what its first line names it."""

    page: str
    line: int
    language: str
    text: str
    not_run: str | None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        found = _FILE.match(self.text)
        return found[1] if found and self.language == "yaml" else None


def pages() -> list[str]:
    """All pages for people, as paths in the tree."""
    found = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    found += sorted((ROOT / "docs").rglob("*.md"))
    return [str(page.relative_to(ROOT)) for page in found]


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text()
    return [_block(page, text, found) for found in _FENCE.finditer(text)]


def _block(page: str, text: str, found: re.Match[str]) -> Block:
    above = _NOT_RUN.search(text[: found.start()])
    line = text.count("\n", 0, found.start()) + 1
    return Block(page, line, found[1], found[2], above[1] if above else None)


def links(page: str) -> Iterator[str]:
    """Targets inside the tree, outside of code."""
    text = re.sub(r"`[^`]*`", "", _FENCE.sub("", (ROOT / page).read_text()))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(page: str) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", (ROOT / page).read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
