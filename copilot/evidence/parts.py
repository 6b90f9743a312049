"""The parts of a change that can be approved without the others.

    live ──(changes)──► draft        changes ──(links)──► groups ──(each combination is tried)──► parts

The law: any of the parts put into the live document give a valid document, as long as the live document and the draft are valid themselves.
It is kept by trying: a combination that isn't valid joins the parts that it parted. So there are few parts, the rest of the changes being
the last one; where a document can't be taken apart there is one, which is all of it. Rejected: parts that name others as their condition;
who approves would have to solve a puzzle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from copilot.evidence.changes import Change, changes_of, document_of
from copilot.evidence.links import groups, linked
from copilot.evidence.told import listed
from copilot.tools.secret_texts import hidden
from engine.expressions.values import Json
from engine.spec.catalog import Catalog
from engine.spec.document import JsonObject

MOST: Final = 5
"""Parts; with so many there are 30 combinations to try."""
_MOST_CHANGES: Final = 100
"""Beyond so many the change is one."""
_IN_TITLE: Final = 3


@dataclass(frozen=True, slots=True)
class Part:
    """`name` is `1`, `2` …"""

    name: str
    title: str
    changes: tuple[Change, ...]
    live: JsonObject
    draft: JsonObject

    @property
    def nodes(self) -> frozenset[str]:
        """The ids of its steps and triggers."""
        return frozenset(change[1] for change in self.changes if change[0] in ("step", "trigger"))

    def to_json(self, stands_out: Sequence[Json] = (), *, alone: bool = False) -> JsonObject:
        """`changes` is what `document_of` takes, and is left out of the only part; `steps` and `edges` are for people, and may be cut."""
        edges: list[Json] = [
            {"change": _word(self.live, self.draft, each), "edge": {"from": each[1], "handle": each[2], "to": each[3]}}
            for each in self.changes
            if each[0] == "edge"
        ]
        steps: list[Json] = [each[1] for each in self.changes if each[0] == "step"]
        return {
            "part": self.name,
            "title": hidden(self.title),
            "steps": listed(steps, 1_500, 200).kept,
            "edges": listed(edges, 2_000, 400).kept,
            "stands_out": [*stands_out],
            "changes": [] if alone else [[*each] for each in self.changes],
        }


def parts_of(live: Json, draft: Json, catalog: Catalog, valid: Callable[[Json], bool]) -> list[Part]:
    """Empty where nothing differs. `valid` judges a document; it is asked at most some sixty times."""
    if not isinstance(draft, dict):
        return []
    before = live if isinstance(live, dict) else {}
    changes = changes_of(before, draft)
    if not changes:
        return []
    found: list[list[Change]] = [list(changes)]
    whole = live is None or ("field", "schema_version") in changes or len(changes) > _MOST_CHANGES
    if not whole and valid(live) and valid(draft):
        parted = groups(changes, linked(changes, (before, draft), catalog))
        parted = [*parted[: MOST - 1], [change for group in parted[MOST - 1 :] for change in group]]
        found = _tried([group for group in parted if group], before, draft, valid)
    order = {change: place for place, change in enumerate(changes)}
    found.sort(key=lambda group: order[group[0]])
    return [
        Part(str(place), _title(before, draft, group, whole=live is None), tuple(group), before, draft)
        for place, group in enumerate(found, 1)
    ]


def joined(parts: Sequence[Part]) -> Part:
    """All of them as one."""
    first = parts[0]
    changes = tuple(change for part in parts for change in part.changes)
    return Part("1", _title(first.live, first.draft, changes, whole=False), changes, first.live, first.draft)


def _tried(
    parted: list[list[Change]], live: JsonObject, draft: JsonObject, valid: Callable[[Json], bool]
) -> list[list[Change]]:
    """The groups, joined until each combination of them is valid."""
    asked: dict[frozenset[Change], bool] = {}

    def holds(some: Sequence[list[Change]]) -> bool:
        chosen = frozenset(change for group in some for change in group)
        if chosen not in asked:
            asked[chosen] = valid(document_of(live, draft, chosen))
        return asked[chosen]

    while (wrong := _first_wrong(parted, holds)) is not None:
        others = [group for group in parted if group not in wrong]
        missing = next((other for other in others if holds([*wrong, other])), None)
        joined = parted if missing is None else [*wrong, missing]
        together = [change for group in parted if group in joined for change in group]
        parted = [together, *(group for group in parted if group not in joined)]
    return parted


def _first_wrong(
    parted: list[list[Change]], holds: Callable[[Sequence[list[Change]]], bool]
) -> Sequence[list[Change]] | None:
    for size in range(1, len(parted)):
        for some in combinations(parted, size):
            if not holds(some):
                return some
    return None


def _title(live: JsonObject, draft: JsonObject, changes: Sequence[Change], *, whole: bool) -> str:
    if whole:
        return "the whole workflow, which isn't live yet"
    told = [change for change in changes if change[0] != "edge"] or list(changes)
    some = [f"{_word(live, draft, change)} {_called(change)}" for change in told[:_IN_TITLE]]
    more = len(told) - len(some)
    return ", ".join(some) + (f" and {more} more" if more > 0 else "")


def _called(change: Change) -> str:
    match change[0]:
        case "edge":
            return f"the edge {change[1][:60]} → {change[3][:60]}"
        case "field":
            return f"`{change[1][:60]}`"
        case kind:
            return f"{kind} {change[1][:60]!r}"


def _word(live: JsonObject, draft: JsonObject, change: Change) -> str:
    """`added`, `removed` or `changed`."""
    return "added" if not _has(live, change) else "removed" if not _has(draft, change) else "changed"


def _has(document: JsonObject, change: Change) -> bool:
    match change[0]:
        case "field":
            return change[1] in document
        case "edge" | "test" as kind:
            rows = document.get(f"{kind}s")
            return any(_is(row, change) for row in rows) if isinstance(rows, list) else False
        case kind:
            rows = document.get(f"{kind}s")
            return isinstance(rows, dict) and change[1] in rows


def _is(row: Json, change: Change) -> bool:
    if not isinstance(row, dict):
        return False
    if change[0] == "test":
        return row.get("name") == change[1]
    return (row.get("from"), row.get("handle", "out"), row.get("to")) == change[1:]
