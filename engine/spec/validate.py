"""The one validator: what is wrong with a document, for API, command line, editor and copilot alike.

The model. Rules are functions from a `Subject` to findings, one file a family under `rules/`; they don't know of each other. Two
run before: the scan for values that no document can hold (what it calls unsound isn't walked any further), and the form against
the published schema. All others read the outline, which holds only well-formed parts, so a fault is told once, by the rule whose
matter it is.

Nothing is run and nothing is raised, whatever the JSON. The time is bounded: sets of steps are bit sets, and names alike are
looked for a limited number of times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.expressions.values import Json
from engine.spec.catalog import Catalog, WorkspaceView
from engine.spec.finding import Code, Finding
from engine.spec.pointer import tokens_of
from engine.spec.rules import (
    containers,
    edges,
    flow,
    mail,
    modules,
    needs,
    polls,
    queues,
    references,
    schedules,
    shape,
    tests,
    throttles,
)
from engine.spec.rules.text import scan
from engine.spec.subject import Purpose, Subject

MAX_FINDINGS = 500

_RULES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    shape.check,
    modules.check,
    containers.check,
    edges.check,
    flow.check,
    references.check,
    needs.check,
    queues.check,
    schedules.check,
    mail.check,
    polls.check,
    throttles.check,
    tests.check,
)
_RANK = {"error": 0, "warning": 1, "info": 2}


def validate(
    document: Json, catalog: Catalog, workspace: WorkspaceView | None, purpose: Purpose = "draft"
) -> tuple[Finding, ...]:
    """All findings, errors first, then by place. Without a `workspace` nothing is said about what it has.

    `deploy` turns what is missing of workspace and release from warnings into errors. At most 500 findings are given.
    """
    first = scan(document)
    if not first.sound:
        return _ordered(first.findings)
    findings = [*first.findings, *shape.check_form(document)]
    if isinstance(document, dict):
        subject = Subject(document, catalog, workspace, purpose)
        for rule in _RULES:
            findings.extend(rule(subject))
    return _ordered(findings)


def _ordered(findings: list[Finding]) -> tuple[Finding, ...]:
    distinct = list(dict.fromkeys(findings))
    distinct.sort(key=lambda each: (_RANK[each.severity], _place(each.path), each.code))
    if len(distinct) > MAX_FINDINGS:
        more = len(distinct) - MAX_FINDINGS
        severity = distinct[MAX_FINDINGS].severity
        last = Finding(Code.LIMIT_FINDINGS, "", f"and {more:,} more findings", "cure these first", severity)
        return (*distinct[:MAX_FINDINGS], last)
    return tuple(distinct)


def _place(path: str) -> list[tuple[int, str]]:
    """Numbers in a pointer are compared as numbers."""
    tokens = tokens_of(path)
    return [(int(token), "") if token.isdecimal() and len(token) < 10 else (-1, token) for token in tokens]
