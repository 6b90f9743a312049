"""What the validator says about a document.

Codes are stable: clients, tests and the documentation refer to them. A code is never reused for something else. Every one has
its cause and its cure in `docs/findings.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from engine.expressions.values import Json

Severity: TypeAlias = Literal["error", "warning", "info"]


class Code(StrEnum):
    # the document as text
    KEY_DUPLICATE = "document.key.duplicate"
    KEY_MERGE = "document.key.merge"
    TEXT_NUL = "text.nul"
    TEXT_SURROGATE = "text.surrogate"
    NUMBER = "number.invalid"
    LIMIT_SIZE = "limit.size"
    LIMIT_DEPTH = "limit.depth"
    LIMIT_STEPS = "limit.steps"
    LIMIT_NESTING = "limit.nesting"
    LIMIT_FINDINGS = "limit.findings"
    # its shape
    SHAPE = "document.shape"
    KEY_UNKNOWN = "document.key.unknown"
    KEY_MISSING = "document.key.missing"
    SCHEMA_VERSION = "document.schema_version"
    NAME_INVALID = "name.invalid"
    NAME_CHANGED = "name.changed"
    ID_INVALID = "id.invalid"
    ID_TAKEN = "id.taken"
    DURATION_INVALID = "duration.invalid"
    SCHEMA_INVALID = "schema.invalid"
    # modules and their inputs
    MODULE_UNKNOWN = "module.unknown"
    MODULE_VERSION_UNKNOWN = "module.version.unknown"
    MODULE_VERSION_MISSING = "module.version.missing"
    MODULE_VERSION_OLD = "module.version.old"
    MODULE_KIND = "module.kind"
    INPUT_SCHEMA = "input.schema"
    INPUT_UNKNOWN = "input.unknown"
    INPUT_MISSING = "input.missing"
    INPUT_CONSTANT = "input.constant"
    CODE_INVALID = "code.invalid"
    # containers and edges
    PARENT_UNKNOWN = "parent.unknown"
    PARENT_CONTAINER = "parent.not_container"
    PARENT_CYCLE = "parent.cycle"
    SLOT_UNKNOWN = "slot.unknown"
    SLOT_EMPTY = "slot.empty"
    EDGE_UNKNOWN = "edge.unknown"
    EDGE_TRIGGER = "edge.trigger"
    EDGE_CONTAINER = "edge.container"
    EDGE_CYCLE = "edge.cycle"
    EDGE_DUPLICATE = "edge.duplicate"
    HANDLE_UNKNOWN = "handle.unknown"
    HANDLE_UNUSED = "handle.unused"
    STEP_NEVER_RUNS = "step.never_runs"
    BREAK_OUTSIDE_LOOP = "break.outside_loop"
    STATE_OUTSIDE_WHILE = "set_state.outside_while"
    LOOP_SINKS = "loop.sinks"
    TRY_SINKS = "try.sinks"
    RESPOND_UNHEARD = "respond.unheard"
    # expressions
    EXPRESSION_SYNTAX = "expression.syntax"
    EXPRESSION_FILTER = "expression.filter"
    EXPRESSION_UNDEFINED = "expression.undefined"
    EXPRESSION_TYPE = "expression.type"
    EXPRESSION_VALUE = "expression.value"
    EXPRESSION_BUDGET = "expression.budget"
    REFERENCE_UNKNOWN = "reference.unknown"
    REFERENCE_UNREACHABLE = "reference.unreachable"
    REFERENCE_DYNAMIC = "reference.dynamic"
    SECRET_MISPLACED = "secret.misplaced"  # noqa: S105  (a code, not a secret)
    # what the document needs of its workspace
    VARIABLE_MISSING = "variable.missing"
    VARIABLE_UNLISTED = "variable.unlisted"
    VARIABLE_UNUSED = "variable.unused"
    CONNECTION_MISSING = "connection.missing"
    CONNECTION_UNLISTED = "connection.unlisted"
    CONNECTION_APP = "connection.app"
    CONNECTION_UNUSED = "connection.unused"
    QUEUE_UNKNOWN = "queue.unknown"
    QUEUE_TAKEN = "queue.taken"
    QUEUE_TWICE = "queue.twice"
    # when and by what its triggers start runs
    SCHEDULE_INVALID = "schedule.invalid"
    ALIAS_INVALID = "alias.invalid"
    ALIAS_TAKEN = "alias.taken"
    POLL_INVALID = "poll.invalid"
    # tests
    TEST_INVALID = "test.invalid"
    TEST_NAME_TAKEN = "test.name_taken"


@dataclass(frozen=True, slots=True)
class Finding:
    """`path` is a JSON Pointer into the document. `message` says what is wrong, `hint` (if there is one) what to do."""

    code: Code
    path: str
    message: str
    hint: str | None = None
    severity: Severity = "error"

    def to_json(self) -> dict[str, Json]:
        return {
            "code": self.code.value,
            "path": self.path,
            "message": self.message,
            "hint": self.hint,
            "severity": self.severity,
        }


def has_errors(findings: tuple[Finding, ...]) -> bool:
    """Whether the document can't be deployed."""
    return any(finding.severity == "error" for finding in findings)
