"""The user's pages of the documentation, as they are shipped, cut by heading so that a question finds the part that answers it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

from copilot.manual.ranking import Ranking

_HEADING = re.compile(r"^(#{1,4}) +(.+?)\s*$")
_TITLE_WEIGHT = 4


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page: from a heading to the next one. `heading` holds those above it too (`Queues › Order`)."""

    page: str
    heading: str
    text: str


@dataclass(frozen=True)
class Manual:
    """All sections, in the order of the pages."""

    sections: Sequence[Section]

    @cached_property
    def _ranking(self) -> Ranking:
        # A heading says what a section is about: its words count several times.
        return Ranking([f"{(each.heading + ' ') * _TITLE_WEIGHT}{each.text}" for each in self.sections])

    def search(self, question: str, most: int) -> list[Section]:
        """The best first; none where no word of the question stands anywhere."""
        return [self.sections[place] for place in self._ranking.best(question, most)]

    @property
    def pages(self) -> list[str]:
        """Their names, as `queues.md`."""
        return list(dict.fromkeys(each.page for each in self.sections))

    def page(self, name: str) -> list[Section]:
        """The sections of one page, none for an unknown one."""
        return [each for each in self.sections if each.page == name]


def shipped() -> Manual:
    """The pages that come with this release."""
    folder = resources.files("docs")
    return manual_of(
        {each.name: each.read_text(encoding="utf-8") for each in folder.iterdir() if each.name.endswith(".md")}
    )


def manual_of(pages: Mapping[str, str]) -> Manual:
    """Of Markdown texts by name."""
    return Manual([section for name in sorted(pages) for section in _sections(name, pages[name].splitlines())])


def _sections(page: str, lines: Iterable[str]) -> list[Section]:
    found: list[Section] = []
    above: list[tuple[int, str]] = []
    gathered: list[str] = []
    fenced = False

    def close() -> None:
        text = "\n".join(gathered).strip()
        gathered.clear()
        if text or above:
            found.append(Section(page, " › ".join(title for _, title in above), text))

    for line in lines:
        fenced ^= line.startswith("```")
        heading = None if fenced else _HEADING.match(line)
        if heading is None:
            gathered.append(line)
            continue
        if above or gathered:
            close()
        depth = len(heading[1])
        above = [(level, title) for level, title in above if level < depth]
        above.append((depth, heading[2]))
    close()
    return [each for each in found if each.text]
