"""The `trigger` object of a run, and which trigger of the document a run is meant to begin at.

`trigger` always has `type`, `id` (the trigger's id, else null) and `body`; what else stands beside them depends on the type.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.expressions.nearest import suggestion
from engine.expressions.values import Json
from engine.problems import Invalid
from engine.spec.document import Document

JsonObject = dict[str, Json]

TYPES = frozenset({"webhook", "email", "schedule", "queue", "api", "subworkflow", "workflow", "event", "poll"})

_TYPE_OF_MODULE = {
    "webhook.trigger": "webhook",
    "schedule.trigger": "schedule",
    "email.trigger": "email",
    "queue.consumer": "queue",
    "workflow.finished": "workflow",
    "event.trigger": "event",
    "poll.trigger": "poll",
}

HIDDEN_HEADERS = frozenset({"authorization", "proxy-authorization", "x-api-key", "cookie"})
"""Headers whose values are credentials: a run sees that they came, never what they hold."""


def webhook_trigger(
    trigger_id: str, *, body: Json, headers: Sequence[tuple[str, str]], query: Sequence[tuple[str, str]], method: str
) -> JsonObject:
    """`headers` have names in lower case; one that is repeated is joined by a comma, a repeated query parameter becomes a list."""
    shown: dict[str, Json] = {}
    for key, value in shown_headers(headers):
        earlier = shown.get(key) if key not in HIDDEN_HEADERS else None
        shown[key] = f"{earlier}, {value}" if isinstance(earlier, str) else value
    return {
        "type": "webhook",
        "id": trigger_id,
        "body": body,
        "headers": shown,
        "query": gathered(query),
        "method": method,
    }


def shown_headers(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """With names in lower case, and without what credentials hold."""
    return [(name.lower(), "***" if name.lower() in HIDDEN_HEADERS else value) for name, value in headers]


def gathered(pairs: Sequence[tuple[str, Json]]) -> JsonObject:
    """Names to values in the order they came, none of them a list; a name that comes more than once has a list."""
    values: dict[str, Json] = {}
    for name, value in pairs:
        if name not in values:
            values[name] = value
            continue
        earlier = values[name]
        if isinstance(earlier, list):
            earlier.append(value)
        else:
            values[name] = [earlier, value]
    return values


def event_trigger(trigger_id: str, name: str, key: str | None, data: Json) -> JsonObject:
    return {"type": "event", "id": trigger_id, "body": data, "name": name, "key": key}


def api_trigger(trigger_id: str | None, body: Json) -> JsonObject:
    return {"type": "api", "id": trigger_id, "body": body}


def given_trigger(document: Document, given: Json, trigger_id: str | None) -> JsonObject:
    """A whole `trigger` that a caller gave, completed. Raises `Invalid` where it can't be one.

    What is missing is filled in: the type from the trigger's module, `body` with null; a queue's `items` and `body.items` from each other.
    """
    if not isinstance(given, dict):
        raise Invalid("trigger.invalid", "`trigger` must be an object with at least a `body`.")
    named = given.get("id")
    if named is not None and not isinstance(named, str):
        raise Invalid("trigger.invalid", "`trigger.id` must be the id of a trigger of the document, or null.")
    if trigger_id is not None and named is not None and named != trigger_id:
        raise Invalid(
            "trigger.invalid", f"`trigger.id` is {named!r}, but `trigger_id` is {trigger_id!r}: give one of them."
        )
    meant = choose(document, trigger_id if trigger_id is not None else named)
    type_ = given.get("type", type_of(document, meant))
    if not isinstance(type_, str) or type_ not in TYPES:
        raise Invalid("trigger.invalid", f"`trigger.type` is {type_!r}; it must be one of {', '.join(sorted(TYPES))}.")
    body = given.get("body")
    if type_ == "queue":
        items = given.get("items", body.get("items") if isinstance(body, dict) else None)
        if not isinstance(items, list):
            raise Invalid("trigger.invalid", "A `trigger` of the type `queue` needs `items`, a list.")
        return {**given, "type": type_, "id": meant, "items": items, "body": {"items": items}}
    return {**given, "type": type_, "id": meant, "body": body}


def type_of(document: Document, trigger_id: str | None) -> str:
    """What `trigger.type` is for runs that this trigger starts by itself; `api` without one."""
    if trigger_id is None:
        return "api"
    return _TYPE_OF_MODULE.get(document.triggers[trigger_id].module, "api")


def choose(document: Document, trigger_id: str | None) -> str | None:
    """The trigger that a run by API is meant to begin at: the one named, else the only one that has edges, else none.

    Raises `Invalid` (`trigger.unknown`, `trigger.ambiguous`).
    """
    if trigger_id is not None:
        if trigger_id not in document.triggers:
            known = list(document.triggers)
            hint = suggestion(trigger_id, known)
            raise Invalid(
                "trigger.unknown", f"The document has no trigger {trigger_id!r}.{hint}", extra={"triggers": [*known]}
            )
        return trigger_id
    leaving = {edge.source for edge in document.edges}
    candidates = [name for name in document.triggers if name in leaving]
    if len(candidates) > 1:
        raise Invalid(
            "trigger.ambiguous",
            f"Several triggers have edges ({', '.join(candidates)}): say by `trigger_id` which one the run begins at.",
            extra={"triggers": [*candidates]},
        )
    return candidates[0] if candidates else None
