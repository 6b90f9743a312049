"""From the bytes of a document, JSON or YAML, to its value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from engine.expressions.values import Json
from engine.spec.finding import Code, Finding
from engine.spec.pointer import child, pointer_of
from modules.sdk.parse_error import ParseError
from modules.sdk.strict_json import decode, parse_pairs
from modules.sdk.yaml12 import parse_yaml

Media: TypeAlias = Literal["json", "yaml"]

MAX_TEXT = 4 * 2**20
"""Bytes that are read at all. The limit of a document (1 MB) is a finding and is measured on what was read: comments and
indentation don't count."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """`findings` are what only the text shows: keys that stand twice, merge keys."""

    document: Json
    findings: tuple[Finding, ...]


def parse(data: bytes | str, media: Media) -> Parsed:
    """Reads a document. Raises ParseError when the text can't be read, or holds a value that JSON can't."""
    if len(data) > MAX_TEXT:
        raise ParseError(f"the text of a document may have at most {MAX_TEXT // 2**20} MB")
    if media == "yaml":
        document, faults = parse_yaml(decode(data))
        findings = [_finding(pointer_of(*fault.path), fault.key, fault.merge, fault.line) for fault in faults]
        return Parsed(document, tuple(findings))
    twice: dict[int, tuple[dict[str, Json], list[str]]] = {}

    def build(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        made = dict(pairs)
        if len(made) != len(pairs):
            seen: set[str] = set()
            repeated = [key for key, _ in pairs if key in seen or seen.add(key)]
            twice[id(made)] = (made, list(dict.fromkeys(repeated)))
        return made

    document = parse_pairs(data, build)
    return Parsed(document, tuple(_duplicates(document, twice)) if twice else ())


def _duplicates(document: Json, twice: dict[int, tuple[dict[str, Json], list[str]]]) -> list[Finding]:
    found: list[Finding] = []
    waiting: list[tuple[Json, str]] = [(document, "")]
    while waiting:
        value, pointer = waiting.pop()
        if isinstance(value, dict):
            if id(value) in twice:
                found.extend(_finding(child(pointer, key), key, False, None) for key in twice[id(value)][1])
            waiting.extend((item, child(pointer, key)) for key, item in value.items())
        elif isinstance(value, list):
            waiting.extend((item, child(pointer, index)) for index, item in enumerate(value))
    return sorted(found, key=lambda finding: finding.path)


def _finding(pointer: str, key: str, merge: bool, line: int | None) -> Finding:
    where = f" (line {line})" if line else ""
    if merge:
        return Finding(
            Code.KEY_MERGE,
            pointer,
            f"the merge key '<<' is not part of YAML 1.2{where}",
            "write the keys out, or use an alias for a whole value",
        )
    return Finding(
        Code.KEY_DUPLICATE, pointer, f"the key {key[:80]!r} stands here twice{where}", "keep one; the last one was read"
    )
