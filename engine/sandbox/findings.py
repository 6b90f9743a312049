"""What is wrong with the sources of a document's code steps, told when it is saved: they are compiled, and never run.

It isn't one of the validator's rules, since those are pure and quick, and reading code of strangers belongs behind the wall. What was
found of a
source is kept by its hash: documents are judged far more often than they change.

Where the sandbox isn't to be had nothing is found; a run of such a step then says so.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from engine.expressions.values import Json
from engine.sandbox.sandbox import Sandbox, SourceProblem
from engine.spec.catalog import Catalog
from engine.spec.finding import Code, Finding
from engine.spec.outline import outline_of
from modules.sdk.context import Language
from modules.sdk.verdicts import ModuleError

_LANGUAGES: dict[str, Language] = {"code.python": "python", "code.javascript": "javascript"}
_REMEMBERED = 2_000
_AT_ONCE = 50
_LARGEST = 64 * 2**10


class CodeFindings:
    """Belongs to one event loop."""

    def __init__(self, sandbox: Sandbox, catalog: Catalog) -> None:
        self._sandbox = sandbox
        self._catalog = catalog
        self._known: OrderedDict[bytes, tuple[SourceProblem, ...]] = OrderedDict()

    async def of(self, document: Json) -> tuple[Finding, ...]:
        """By step, at its `source`."""
        if not isinstance(document, dict):
            return ()
        sources: list[tuple[str, Language, str]] = []
        for node in outline_of(document, self._catalog).steps.values():
            language, source = _LANGUAGES.get(node.name or ""), node.inputs.get("source")
            if language is not None and isinstance(source, str) and len(source) <= _LARGEST:
                sources.append((f"{node.path}/inputs/source", language, source))
        if not sources:
            return ()
        await self._learn([(language, source) for _, language, source in sources])
        return tuple(
            _finding(path, problem)
            for path, language, source in sources
            for problem in self._known.get(_key(language, source), ())
        )

    async def _learn(self, sources: list[tuple[Language, str]]) -> None:
        unknown = {_key(*each): each for each in sources if _key(*each) not in self._known}
        keys = list(unknown)
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            try:
                found = await self._sandbox.problems([unknown[key] for key in part])
            except ModuleError:
                return
            self._known.update(zip(part, map(tuple, found), strict=False))
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _key(language: Language, source: str) -> bytes:
    return hashlib.sha256(f"{language}\n{source}".encode("utf-8", "surrogatepass")).digest()


def _finding(path: str, problem: SourceProblem) -> Finding:
    where = "" if problem.line is None else f"line {problem.line}: "
    return Finding(Code.CODE_INVALID, path, f"{where}{problem.message}", "the step would fail with `code.error`")
