"""The keys that are worked out when a run is accepted: `concurrency_key` of the settings, `dedupe_key` of a webhook.

An evaluation error means no key, and a warning in the run's log: a run is never refused because of its key. Null and the empty text mean no key
without a warning. Other values count by their JSON; what is long or can't stand in a text column counts by its hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError, NeedsData
from engine.expressions.template import Template
from engine.expressions.values import Json, Value, as_value, to_json
from engine.spec.canonical import canonical_bytes

_LONGEST = 400
_STEPS = 20_000
_SIZE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Key:
    """`key` None: there is none. `warning` says why where the author meant one."""

    key: str | None
    warning: str | None = None


def reads_variables(template: Template) -> bool:
    """Whether the workspace's variables have to be read for it."""
    return any(reference.path and reference.path[0] == "vars" for reference in template.references)


def accept_scope(
    trigger: Mapping[str, Json], variables: Mapping[str, Json], workflow: Mapping[str, Json], run_id: str
) -> dict[str, Value]:
    """What such a key may read: all that is known before the run has started."""
    return {
        "trigger": as_value(dict(trigger)),
        "input": as_value(trigger.get("body")),
        "vars": as_value(dict(variables)),
        "workflow": as_value(dict(workflow)),
        "run": {"id": run_id},
    }


def evaluate_key(template: Template, scope: Mapping[str, Value], name: str) -> Key:
    """`name` is the setting, for the warning."""
    try:
        value = to_json(template.render(scope, Budget(_STEPS, _SIZE)))
    except ExpressionError as error:
        return Key(None, f"{name} gave no key: {error.message}")
    except NeedsData:
        return Key(None, f"{name} gave no key: it looks into data that is kept by reference")
    return Key(key_text(value))


def key_text(value: Json) -> str | None:
    if value is None or value == "":
        return None
    encoded = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else canonical_bytes(value)
    if len(encoded) <= _LONGEST and b"\x00" not in encoded:
        try:
            return encoded.decode()
        except UnicodeDecodeError:
            pass
    return "sha256:" + hashlib.sha256(encoded).hexdigest()
